//! Redis responds with errors.

use std::time::Duration;

use super::Scene;
use crate::kit::{Redis, process::free_port, redis};

const A_WHILE: Duration = Duration::from_secs(4);
/// Longer than a lease.
const LONG: Duration = Duration::from_secs(6);

#[tokio::test]
async fn chat_survives_a_script_flush() {
    let mut scene = Scene::open().await;
    for _ in 0..4 {
        redis::command(scene.redis(), &["SCRIPT", "FLUSH"]).await;
        scene.chat_for(Duration::from_millis(500)).await;
    }
    assert!(scene.speakers.iter().all(|speaker| speaker.unavailable == 0), "no send is unavailable");
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_redis_out_of_memory() {
    let mut scene = Scene::open().await;
    redis::command(scene.redis(), &["CONFIG", "SET", "maxmemory", "1"]).await;
    scene.chat_for(LONG).await;
    redis::command(scene.redis(), &["CONFIG", "SET", "maxmemory", "0"]).await;
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_redis_demoted_to_a_replica_and_back() {
    let mut scene = Scene::open().await;
    // A primary that does not exist: Redis would copy the data of a real one.
    let unused_port = free_port().to_string();
    redis::command(scene.redis(), &["REPLICAOF", "127.0.0.1", &unused_port]).await;
    scene.chat_for(LONG).await;
    redis::command(scene.redis(), &["REPLICAOF", "NO", "ONE"]).await;
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_revoked_redis_permissions() {
    let redis = Redis::start().await;
    redis::command(&redis, &["ACL", "SETUSER", "ruang", "on", ">rahasia", "~*", "&*", "+@all"]).await;
    let mut scene = Scene::on(redis, "ruang:rahasia@").await;
    redis::command(scene.redis(), &["ACL", "SETUSER", "ruang", "-@all", "resetchannels"]).await;
    scene.chat_for(LONG).await;
    redis::command(scene.redis(), &["ACL", "SETUSER", "ruang", "+@all", "allchannels"]).await;
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_a_deleted_redis_user() {
    let create = ["ACL", "SETUSER", "ruang", "on", ">rahasia", "~*", "&*", "+@all"];
    let redis = Redis::start().await;
    redis::command(&redis, &create).await;
    let mut scene = Scene::on(redis, "ruang:rahasia@").await;
    redis::command(scene.redis(), &["ACL", "DELUSER", "ruang"]).await;
    scene.chat_for(A_WHILE).await;
    redis::command(scene.redis(), &create).await;
    scene.check_recovery().await;
}
