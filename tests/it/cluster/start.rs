//! Instances that start before Redis does.

use std::time::Duration;

use crate::kit::{HttpClient, Instance, Redis, SOON, WsClient};

#[tokio::test]
async fn instance_started_before_redis_serves_once_redis_is_up() {
    let mut redis = Redis::stopped();
    let settings = [("REDIS_URL".to_owned(), redis.url())];
    let instance = Instance::start("the early instance", &settings).await;
    assert_eq!(instance.status("/healthz").await, Ok(200), "alive");
    instance.wait_for_readyz(503, SOON).await;
    let http_client = HttpClient::new(instance.base());
    http_client.get("/").await.is(200);
    let refused = http_client.sign_in("sari").await;
    assert_eq!(refused.is(503).header("retry-after"), Some("2"));
    crate::kit::eventually(SOON, "the log names Redis", || async {
        let log = instance.log();
        if log.to_lowercase().contains("redis") { Ok(()) } else { Err(log) }
    })
    .await;
    redis.restart().await;
    instance.wait_for_readyz(200, Duration::from_secs(5)).await;
    let mut sari = WsClient::sign_in_and_join(&http_client, "sari").await;
    sari.send_acked("halo").await;
}
