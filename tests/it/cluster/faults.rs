//! Redis that stops answering, and comes back.

use std::time::{Duration, Instant};

use crate::kit::{Cluster, Engine, SOON, WsClient};

#[tokio::test]
async fn while_redis_is_frozen_sends_are_unknown_and_soon_after_all_goes_on() {
    let mut cluster = Cluster::of(Engine::Redis).instances(2).start().await;
    let mut sari = cluster.guest(0, "sari").await;
    let mut budi = cluster.guest(1, "budi").await;
    sari.say_kept("sebelum").await;
    budi.hears("sari", "sebelum").await;
    cluster.redis().pause();
    sari.say_as("sekali", "selama").await;
    let unknown = |heard: &crate::kit::Transcript| !heard.errors.is_empty();
    let heard = sari.expect_within(Duration::from_millis(2500), "unavailable, within 2 s", unknown).await;
    assert_eq!(
        (heard.errors[0]["code"].as_str(), heard.errors[0]["nonce"].as_str()),
        (Some("unavailable"), Some("sekali"))
    );
    cluster.redis().resume();
    let resumed = Instant::now();
    sends_until_acked(&mut sari, "sekali", "selama").await;
    let texts = |heard: &crate::kit::Transcript| heard.texts() == ["sebelum", "selama"];
    budi.expect("exactly once", texts).await;
    assert!(resumed.elapsed() < Duration::from_secs(4), "it took {:?}", resumed.elapsed());
    assert_eq!(budi.heard().count, 2, "nobody was swept up meanwhile");
}

#[tokio::test]
async fn an_outage_longer_than_the_lease_makes_nobody_leave() {
    let mut cluster = Cluster::of(Engine::Redis).instances(2).start().await;
    let mut sari = cluster.guest(0, "sari").await;
    let mut budi = cluster.guest(1, "budi").await;
    budi.sees(&["budi", "sari"]).await;
    sari.sees(&["budi", "sari"]).await;
    let moves = budi.heard().moves.len() + sari.heard().moves.len();
    cluster.redis().pause();
    // Sends are unknown after 2 s each: four of them outlast the lease of 5 s.
    for n in 1..=4 {
        sari.say_as("sekali", "selama").await;
        sari.expect("unavailable", |heard| heard.errors.len() == n).await;
    }
    cluster.redis().resume();
    sends_until_acked(&mut sari, "sekali", "selama").await;
    budi.hears("sari", "selama").await;
    sari.say_kept("sesudah").await;
    for guest in [&mut budi, &mut sari] {
        let heard = guest.hears("sari", "sesudah").await;
        assert_eq!((heard.count, heard.welcomes.len()), (2, 1), "the same socket, and everybody is still here");
    }
    assert_eq!(budi.heard().moves.len() + sari.heard().moves.len(), moves, "nobody was said to come or go");
}

#[tokio::test]
async fn while_redis_is_away_pages_say_come_back_and_sessions_survive() {
    let mut cluster = Cluster::of(Engine::Redis).instances(2).start().await;
    let mut sari = cluster.guest(0, "sari").await;
    sari.say_kept("sebelum").await;
    cluster.redis().kill();
    for path in ["/chat", "/api/members", "/api/messages"] {
        let answer = sari.http_client.get(path).await;
        // Members may be known without Redis, but whose session this is may not.
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")), "{path}: {answer:?}");
        assert!(answer.header("set-cookie").is_none(), "a cookie is never cleared for it: {answer:?}");
    }
    let refused = WsClient::try_connect(&sari.http_client, &[]).await.err().expect("no session can be read");
    assert_eq!(refused.status, 503);
    assert_eq!(cluster.http_client(1).sign_in("budi").await.status, 503);
    cluster.instances[0].answers_readyz(503, SOON).await;
    cluster.redis().restart().await;
    for instance in &cluster.instances {
        instance.answers_readyz(200, SOON).await;
    }
    sari.http_client.get("/chat").await.is(200);
    let mut budi = cluster.guest(1, "budi").await;
    budi.say_kept("sesudah").await;
    let heard = sari.hears("budi", "sesudah").await;
    assert_eq!(heard.texts(), ["sebelum", "sesudah"], "the same socket goes on, and nothing is missing");
}

/// As a client does: the same nonce until it is acknowledged.
async fn sends_until_acked(guest: &mut WsClient, nonce: &str, text: &str) {
    let deadline = Instant::now() + SOON;
    while guest.heard().acked(nonce).is_none() {
        assert!(Instant::now() < deadline, "never acknowledged: {:?}", guest.heard().errors);
        let errors = guest.heard().errors.len();
        guest.say_as(nonce, text).await;
        let answered = |heard: &crate::kit::Transcript| heard.acked(nonce).is_some() || heard.errors.len() > errors;
        guest.expect("an answer", answered).await;
    }
}
