//! A session ends while an instance receives no events: nothing it held comes back through that instance.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep_until;

use super::scene::instances;
use crate::kit::{Proxy, Redis, SOON, Transcript, WsClient, proxy::Target, transcript::PresenceChange};

/// Long enough that an instance is unaware of missing events for 48 s.
const LEASE: &str = "120s";
/// A claim is renewed after a third of it.
const NAME_HOLD: &str = "45s";
/// After the end of the session: longer than any call is in flight.
const LATER: Duration = Duration::from_secs(12);
/// After the end of the session: its claim would have been renewed.
const RENEWED: Duration = Duration::from_secs(18);

#[tokio::test]
async fn session_ended_unnoticed_neither_sends_nor_rejoins() {
    let redis = Redis::start().await;
    let direct = redis.url();
    let proxy = Proxy::start(redis.port()).await;
    let settings = || instances().instances(1).set("RUANG_LEASE", LEASE).set("RUANG_NAME_HOLD", NAME_HOLD);
    let unaware = settings().start_on(Some(redis), &format!("redis://127.0.0.1:{}", proxy.port())).await;
    let aware = settings().start_on(None, &direct).await;
    let mut sari = unaware.join(0, "sari").await;
    let mut budi = aware.join(0, "budi").await;
    budi.wait_for_members(&["budi", "sari"]).await;

    proxy.stall(Target::Subscribers);
    sari.http_client.with_base(aware.base(0)).log_out().await.redirects_to("/");
    let ended = Instant::now();
    let left = PresenceChange::Left("sari".to_owned());
    let changes = budi.expect("sari leaves", |transcript| transcript.changes.contains(&left)).await.changes.len();

    sleep_until((ended + LATER).into()).await;
    sari.send(json!({"type": "message", "nonce": "ghost", "text": "hantu"})).await;
    let is_refused = |transcript: &Transcript| {
        transcript.acked("ghost").is_some() || !transcript.errors.is_empty() || !transcript.byes.is_empty()
    };
    let transcript = sari.expect_within(SOON, "a refusal", is_refused).await;
    assert_eq!(transcript.acked("ghost"), None);

    sleep_until((ended + RENEWED).into()).await;
    WsClient::sign_in_and_join(&aware.http_client(0), "sari").await.send_acked("sari baru").await;
    let transcript = budi.wait_for_text("sari", "sari baru").await;
    assert_eq!(
        transcript.changes[changes..],
        [PresenceChange::Joined("sari".to_owned())],
        "only the new session joins"
    );
    assert!(!transcript.shows("sari", "hantu"));
}
