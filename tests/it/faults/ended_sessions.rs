//! A session ends while an instance cannot know: nothing it held comes back through that instance, and it is noticed soon after.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep_until;

use super::scene::instances;
use crate::kit::{
    Proxy, Redis, SOON, Transcript, WsClient, proxy::Target, redis::command, transcript::PresenceChange,
    wait::eventually,
};

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

/// A session is looked up every 5 min; after a failed look-up again within 5 s.
#[tokio::test]
async fn failed_look_up_of_a_session_is_repeated_soon() {
    let mut cluster = instances().instances(1).start().await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_acked("halo").await;
    // The room stays within reach, but not the sessions.
    let redis = cluster.redis();
    command(redis, &["ACL", "SETUSER", "default", "resetkeys", "~ruang:*"]).await;
    // Nothing is left: every session has to be looked up.
    command(redis, &["FLUSHALL"]).await;
    eventually(SOON, "a refused look-up", || async {
        let refused = command(redis, &["ACL", "LOG"]).await;
        if refused.contains("ruang---") { Ok(()) } else { Err(refused) }
    })
    .await;
    command(redis, &["ACL", "SETUSER", "default", "allkeys"]).await;
    sari.wait_for_bye(SOON, "session_ended", 4001).await;
}
