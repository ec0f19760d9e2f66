//! Commands work, but the subscription does not.

use std::time::Duration;

use super::Scene;
use crate::kit::{proxy::Target, redis};

const A_WHILE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn refused_subscription_is_noticed_and_recovered() {
    let mut scene = Scene::open().await;
    scene.proxy().cut(Target::Subscribers);
    scene.wait_until_not_ready().await;
    scene.chat_for(A_WHILE).await;
    scene.proxy().heal();
    scene.check_recovery().await;
}

#[tokio::test]
async fn stalled_subscription_is_noticed_and_recovered() {
    let mut scene = Scene::open().await;
    scene.proxy().stall(Target::Subscribers);
    scene.wait_until_not_ready().await;
    scene.chat_for(A_WHILE).await;
    scene.proxy().heal();
    scene.check_recovery().await;
}

#[tokio::test]
async fn half_open_subscription_is_noticed_and_replaced() {
    let scene = Scene::open().await;
    scene.proxy().half_open_subscribers();
    scene.wait_until_not_ready().await;
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_a_killed_subscription() {
    let mut scene = Scene::open().await;
    for _ in 0..3 {
        redis::command(scene.redis(), &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        scene.chat_for(Duration::from_secs(1)).await;
    }
    scene.check_recovery().await;
}

#[tokio::test]
async fn chat_survives_the_output_buffer_limit_of_a_subscription() {
    let mut scene = Scene::open().await;
    let limit = ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 32kb 32kb 1"];
    redis::command(scene.redis(), &limit).await;
    let flood = "for _ = 1, 200 do redis.call('PUBLISH', ARGV[1], string.rep('x', 2000)) end";
    for _ in 0..3 {
        redis::command(scene.redis(), &["EVAL", flood, "0", "ruang:{ruang_chat_utama}:live"]).await;
        scene.chat_for(Duration::from_secs(1)).await;
    }
    scene.redis().wait_for_log("overcoming of output buffer limits").await;
    scene.check_recovery().await;
}
