//! Redis, or the network to it, fails or is slow for a while.

use std::time::Duration;

use super::Scene;
use crate::kit::{SOON, eventually, redis};

/// Longer than a lease.
const LONG: Duration = Duration::from_secs(6);
const A_WHILE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn chat_survives_redis_stopped_for_longer_than_a_lease() {
    let mut scene = Scene::open().await;
    scene.redis().kill();
    scene.chat_for(LONG).await;
    scene.redis().restart().await;
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_redis_frozen_for_longer_than_a_lease() {
    let mut scene = Scene::open().await;
    scene.redis().pause();
    scene.chat_for(LONG).await;
    scene.redis().resume();
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_a_busy_redis() {
    let mut scene = Scene::open().await;
    redis::command(scene.redis(), &["CLIENT", "PAUSE", "4000", "ALL"]).await;
    scene.chat_for(A_WHILE).await;
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_replies_delayed_by_half_a_second() {
    let mut scene = Scene::open().await;
    scene.proxy().delay(Duration::from_millis(500));
    scene.chat_for(LONG).await;
    assert!(scene.speakers.iter().all(|speaker| speaker.acked.len() > 4), "delayed sends are acknowledged");
    scene.proxy().heal();
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_connection_resets_every_second() {
    let mut scene = Scene::open().await;
    let proxy = scene.proxy.take().expect("a proxy");
    proxy.reset_every(Duration::from_secs(1), scene.chat_for(LONG)).await;
    scene.proxy = Some(proxy);
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_a_stalled_network() {
    let mut scene = Scene::open().await;
    scene.proxy().stall(crate::kit::proxy::Target::All);
    scene.chat_for(LONG).await;
    scene.proxy().heal();
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_redis_loading_its_file_for_seconds() {
    let mut scene = Scene::open().await;
    let fill = "for i = 1, 20000 do redis.call('SET', 'pad:' .. i, i) end";
    redis::command(scene.redis(), &["EVAL", fill, "0"]).await;
    redis::command(scene.redis(), &["BGREWRITEAOF"]).await;
    eventually(SOON, "the file is rewritten", || async {
        let state = redis::command(scene.cluster.redis.as_ref().unwrap(), &["INFO", "persistence"]).await;
        let is_idle = state.contains("aof_rewrite_in_progress:0") && state.contains("aof_rewrite_scheduled:0");
        if is_idle && state.contains("aof_last_bgrewrite_status:ok") { Ok(()) } else { Err(state) }
    })
    .await;
    // At least half a millisecond for each key: longer than one round of requests that reach their deadline. Redis processes
    // connections every few keys.
    scene.redis().configure("--key-load-delay", "500");
    scene.redis().configure("--loading-process-events-interval-bytes", "1024");
    scene.redis().start_loading();
    scene.chat_for(Duration::from_secs(2)).await;
    assert!(redis::command(scene.redis(), &["PING"]).await.starts_with("LOADING"), "it still loads");
    scene.redis().wait_until_serving().await;
    scene.check_recovery().await;
}
