//! Failover of a primary with Sentinel, and of a master of a Redis Cluster.

use std::time::Duration;

use super::{Scene, scene::instances};
use crate::kit::{
    SOON, eventually,
    process::scratch,
    redis::command,
    redis_cluster::RedisCluster,
    sentinel::{PASSWORD, Sentinels},
};

/// The hash tag of the room's keys.
const ROOM: &str = "{ruang_chat_utama}";

#[tokio::test]
async fn chat_survives_a_sentinel_failover() {
    let mut sentinels = Sentinels::start().await;
    let cluster = instances().start_on(None, &sentinels.url()).await;
    let mut scene = Scene::of(cluster, None).await;
    sentinels.primary.kill();
    scene.chat_for(Duration::from_secs(2)).await;
    sentinels.wait_for_failover().await;
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_a_sentinel_failover_on_ipv6() {
    let mut sentinels = Sentinels::start_on_ipv6().await;
    let cluster = instances().start_on(None, &sentinels.url()).await;
    let scene = Scene::of(cluster, None).await;
    sentinels.primary.kill();
    sentinels.wait_for_failover().await;
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_a_sentinel_failover_with_passwords() {
    let mut sentinels = Sentinels::start_with_password().await;
    let dir = scratch();
    let password = dir.path().join("password");
    std::fs::write(&password, PASSWORD).expect("a file");
    let instances = instances().set("REDIS_PASSWORD_FILE", password.to_str().expect("a path of UTF-8"));
    let cluster = instances.start_on(None, &sentinels.url()).await;
    let log = cluster.instances[0].log();
    assert!(!log.contains(PASSWORD), "{log}");
    let scene = Scene::of(cluster, None).await;
    sentinels.primary.kill();
    sentinels.wait_for_failover().await;
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_works_on_a_redis_cluster_of_three_masters() {
    let masters = RedisCluster::start().await;
    let cluster = instances().start_on(None, &masters.url()).await;
    let mut scene = Scene::of(cluster, None).await;
    scene.chat_for(Duration::from_secs(3)).await;
    assert!(scene.speakers.iter().all(|speaker| speaker.unavailable == 0), "no send is unavailable");
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_a_redis_cluster_failover() {
    fail_over_a_cluster("classic").await;
}

#[tokio::test]
async fn chat_survives_a_cluster_failover_on_sharded_pubsub() {
    fail_over_a_cluster("sharded").await;
}

#[tokio::test]
async fn chat_survives_a_cluster_failover_on_both_kinds() {
    fail_over_a_cluster("both").await;
}

async fn fail_over_a_cluster(pubsub: &str) {
    let mut masters = RedisCluster::start().await;
    let replica = masters.add_replica_of(ROOM).await;
    let cluster = instances().set("RUANG_REDIS_PUBSUB", pubsub).start_on(None, &masters.url()).await;
    let mut scene = Scene::of(cluster, None).await;
    masters.master_of(ROOM).await.kill();
    scene.chat_for(Duration::from_secs(2)).await;
    eventually(SOON, "the replica is promoted", || async {
        let role = command(&replica, &["ROLE"]).await;
        if role.starts_with("master") { Ok(()) } else { Err(role) }
    })
    .await;
    scene.check_recovery().await;
}
