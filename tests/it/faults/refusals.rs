//! Redis answers, but says no.

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
        scene.lasts(Duration::from_millis(500)).await;
    }
    assert!(scene.speakers.iter().all(|speaker| speaker.unavailable == 0), "nobody notices");
    scene.goes_on().await;
}

#[tokio::test]
async fn chat_survives_redis_out_of_memory() {
    let mut scene = Scene::open().await;
    redis::command(scene.redis(), &["CONFIG", "SET", "maxmemory", "1"]).await;
    scene.lasts(LONG).await;
    redis::command(scene.redis(), &["CONFIG", "SET", "maxmemory", "0"]).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn chat_survives_redis_demoted_to_a_replica_and_back() {
    let mut scene = Scene::open().await;
    // Of somebody who is not there, or it would take over their data.
    let nobody = free_port().to_string();
    redis::command(scene.redis(), &["REPLICAOF", "127.0.0.1", &nobody]).await;
    scene.lasts(LONG).await;
    redis::command(scene.redis(), &["REPLICAOF", "NO", "ONE"]).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn chat_survives_revoked_redis_permissions() {
    let redis = Redis::start().await;
    redis::command(&redis, &["ACL", "SETUSER", "ruang", "on", ">rahasia", "~*", "&*", "+@all"]).await;
    let mut scene = Scene::on(redis, "ruang:rahasia@").await;
    redis::command(scene.redis(), &["ACL", "SETUSER", "ruang", "-@all", "resetchannels"]).await;
    scene.lasts(LONG).await;
    redis::command(scene.redis(), &["ACL", "SETUSER", "ruang", "+@all", "allchannels"]).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn chat_survives_a_deleted_redis_user() {
    let create = ["ACL", "SETUSER", "ruang", "on", ">rahasia", "~*", "&*", "+@all"];
    let redis = Redis::start().await;
    redis::command(&redis, &create).await;
    let mut scene = Scene::on(redis, "ruang:rahasia@").await;
    redis::command(scene.redis(), &["ACL", "DELUSER", "ruang"]).await;
    scene.lasts(A_WHILE).await;
    redis::command(scene.redis(), &create).await;
    scene.goes_on().await;
}
