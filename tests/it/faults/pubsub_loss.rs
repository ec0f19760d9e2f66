//! Commands are answered, but what the others say is not heard.

use std::time::Duration;

use super::Scene;
use crate::kit::{proxy::Target, redis};

const A_WHILE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_subscription_that_cannot_be_had_is_noticed_and_made_up_for() {
    let mut scene = Scene::open().await;
    scene.proxy().cut(Target::Subscribers);
    scene.is_noticed().await;
    scene.lasts(A_WHILE).await;
    scene.proxy().heal();
    scene.goes_on().await;
}

#[tokio::test]
async fn a_subscription_that_is_deaf_is_noticed_and_made_up_for() {
    let mut scene = Scene::open().await;
    scene.proxy().stall(Target::Subscribers);
    scene.is_noticed().await;
    scene.lasts(A_WHILE).await;
    scene.proxy().heal();
    scene.goes_on().await;
}

#[tokio::test]
async fn a_half_open_subscription_is_replaced_without_help() {
    let scene = Scene::open().await;
    scene.proxy().half_open_subscribers();
    scene.is_noticed().await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_conversation_survives_a_subscription_that_redis_ends() {
    let mut scene = Scene::open().await;
    for _ in 0..3 {
        redis::command(scene.redis(), &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        scene.lasts(Duration::from_secs(1)).await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_conversation_survives_a_subscription_that_redis_ends_because_too_much_waits_for_it() {
    let mut scene = Scene::open().await;
    let limit = ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 32kb 32kb 1"];
    redis::command(scene.redis(), &limit).await;
    let flood = "for _ = 1, 200 do redis.call('PUBLISH', ARGV[1], string.rep('x', 2000)) end";
    for _ in 0..3 {
        redis::command(scene.redis(), &["EVAL", flood, "0", "ruang:{ruang_chat_utama}:live"]).await;
        scene.lasts(Duration::from_secs(1)).await;
    }
    scene.redis().wait_for_log("overcoming of output buffer limits").await;
    scene.goes_on().await;
}
