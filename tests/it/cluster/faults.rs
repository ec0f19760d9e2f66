//! Redis stops responding and returns.

use std::time::{Duration, Instant};

use crate::kit::{Cluster, Engine, SOON, WsClient};

#[tokio::test]
async fn send_to_a_frozen_redis_is_unavailable_then_acked_once() {
    let mut cluster = Cluster::builder(Engine::Redis).instances(2).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    sari.send_acked("sebelum").await;
    budi.wait_for_text("sari", "sebelum").await;
    cluster.redis().pause();
    sari.send_with_nonce("sekali", "selama").await;
    let unknown = |transcript: &crate::kit::Transcript| !transcript.errors.is_empty();
    let transcript = sari.expect_within(Duration::from_millis(2500), "unavailable within 2 s", unknown).await;
    assert_eq!(
        (transcript.errors[0]["code"].as_str(), transcript.errors[0]["nonce"].as_str()),
        (Some("unavailable"), Some("sekali"))
    );
    cluster.redis().resume();
    let resumed = Instant::now();
    send_until_acked(&mut sari, "sekali", "selama").await;
    let texts = |transcript: &crate::kit::Transcript| transcript.texts() == ["sebelum", "selama"];
    budi.expect("exactly once", texts).await;
    assert!(resumed.elapsed() < Duration::from_secs(4), "it took {:?}", resumed.elapsed());
    assert_eq!(budi.transcript().count, 2, "no person was removed");
}

#[tokio::test]
async fn outage_longer_than_the_lease_makes_no_one_leave() {
    let mut cluster = Cluster::builder(Engine::Redis).instances(2).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    budi.wait_for_members(&["budi", "sari"]).await;
    sari.wait_for_members(&["budi", "sari"]).await;
    let changes = budi.transcript().changes.len() + sari.transcript().changes.len();
    cluster.redis().pause();
    // Each send times out after 2 s: four of them outlast the lease of 5 s.
    for n in 1..=4 {
        sari.send_with_nonce("sekali", "selama").await;
        sari.expect("unavailable", |transcript| transcript.errors.len() == n).await;
    }
    cluster.redis().resume();
    send_until_acked(&mut sari, "sekali", "selama").await;
    budi.wait_for_text("sari", "selama").await;
    sari.send_acked("sesudah").await;
    for client in [&mut budi, &mut sari] {
        let transcript = client.wait_for_text("sari", "sesudah").await;
        assert_eq!((transcript.count, transcript.welcomes.len()), (2, 1), "the same socket and the same people");
    }
    assert_eq!(
        budi.transcript().changes.len() + sari.transcript().changes.len(),
        changes,
        "no join or leave was announced"
    );
}

#[tokio::test]
async fn pages_are_503_without_redis_and_sessions_survive() {
    let mut cluster = Cluster::builder(Engine::Redis).instances(2).start().await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_acked("sebelum").await;
    cluster.redis().kill();
    for path in ["/chat", "/api/members", "/api/messages"] {
        let response = sari.http_client.get(path).await;
        // Members may be known without Redis, but the session is not.
        assert_eq!((response.status, response.header("retry-after")), (503, Some("2")), "{path}: {response:?}");
        assert!(response.header("set-cookie").is_none(), "the cookie is not cleared: {response:?}");
    }
    let refused = WsClient::try_connect(&sari.http_client, &[]).await.err().expect("no session can be read");
    assert_eq!(refused.status, 503);
    assert_eq!(cluster.http_client(1).sign_in("budi").await.status, 503);
    cluster.instances[0].wait_for_readyz(503, SOON).await;
    cluster.redis().restart().await;
    for instance in &cluster.instances {
        instance.wait_for_readyz(200, SOON).await;
    }
    sari.http_client.get("/chat").await.is(200);
    let mut budi = cluster.join(1, "budi").await;
    budi.send_acked("sesudah").await;
    let transcript = sari.wait_for_text("budi", "sesudah").await;
    assert_eq!(transcript.texts(), ["sebelum", "sesudah"], "the same socket continues without a gap");
}

/// Repeats a message with the same nonce until it is acknowledged, as a client does.
async fn send_until_acked(client: &mut WsClient, nonce: &str, text: &str) {
    let deadline = Instant::now() + SOON;
    while client.transcript().acked(nonce).is_none() {
        assert!(Instant::now() < deadline, "never acknowledged: {:?}", client.transcript().errors);
        let errors = client.transcript().errors.len();
        client.send_with_nonce(nonce, text).await;
        let answered =
            |transcript: &crate::kit::Transcript| transcript.acked(nonce).is_some() || transcript.errors.len() > errors;
        client.expect("a reply", answered).await;
    }
}
