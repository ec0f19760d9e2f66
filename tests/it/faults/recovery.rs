//! What coming back costs, and what is said when there is nothing to come back to.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::{Scene, scene::instances};
use crate::kit::{Cluster, HttpClient, Redis, SOON, Transcript, WsClient, redis, transcript::PresenceChange};

/// People who come back at once.
const STORM: usize = 200;
/// What each of them missed.
const MISSED: [&str; 5] = ["satu", "dua", "tiga", "empat", "lima"];

#[tokio::test]
async fn reconnect_storm_adds_few_redis_calls() {
    // Nobody leaves meanwhile, however busy the machine is.
    let settings = instances().set("RUANG_LEAVE_GRACE", "60s").set("RUANG_CONNECTIONS_PER_ADDRESS", "0");
    let mut cluster = settings.start().await;
    let mut adi = cluster.join(0, "adi").await;
    let seen = adi.send_acked("terakhir dilihat").await;
    let coming = (0..STORM).map(|i| (i, format!("tamu {i}")));
    let clients: Vec<WsClient> = join_all(coming.map(|(i, name)| come(&cluster, i % 2, name))).await;
    let http_clients: Vec<HttpClient> = clients.iter().map(|client| client.http_client.clone()).collect();
    drop(clients);
    for text in MISSED {
        adi.send_acked(text).await;
    }
    let before = Calls::of(cluster.redis()).await;
    let back = join_all(http_clients.iter().map(|http_client| WsClient::rejoin(http_client, &seen))).await;
    let after = Calls::of(cluster.redis()).await;
    for client in &back {
        let transcript = client.transcript();
        assert_eq!(
            (transcript.last_welcome()["recovered"].as_bool(), transcript.texts()),
            (Some(true), MISSED.to_vec())
        );
    }
    println!("{STORM} reconnects: {before:?} → {after:?}");
    assert!(after.reads - before.reads <= 4, "reads of the log: {before:?} → {after:?}");
    // Two instances send heartbeats once a second, and when something changes.
    assert!(
        after.sessions - before.sessions <= STORM + 4,
        "one look-up of the session for each: {before:?} → {after:?}"
    );
    assert!(after.scripts - before.scripts <= STORM / 4, "scripts: {before:?} → {after:?}");
    assert_eq!(adi.transcript().changes.iter().filter(|moved| matches!(moved, PresenceChange::Left(_))).count(), 0);
}

#[tokio::test]
async fn lost_sessions_are_closed_with_4001_and_sign_in_works() {
    let mut scene = Scene::open().await;
    redis::command(scene.redis(), &["FLUSHALL"]).await;
    let began = Instant::now();
    for speaker in &mut scene.speakers {
        speaker.client.wait_for_bye(SOON, "session_ended", 4001).await;
    }
    println!("told after {:?}", began.elapsed());
    let mut again = scene.cluster.join(1, "sari").await;
    again.send_acked("lagi").await;
    again.wait_for_members(&["sari"]).await;
}

#[tokio::test]
async fn lost_history_is_announced_once_and_chat_continues() {
    let mut scene = Scene::open().await;
    let room =
        ["meta", "log", "said:0", "said:1", "people", "leases"].map(|key| format!("ruang:{{ruang_chat_utama}}:{key}"));
    let forget = [&["DEL"], room.each_ref().map(String::as_str).as_slice()].concat();
    assert_eq!(redis::command(scene.redis(), &forget).await.trim(), "6");
    let announced = |transcript: &Transcript| transcript.welcomes.len() == 2;
    for speaker in &mut scene.speakers {
        let transcript = speaker.client.expect_within(Duration::from_secs(4), "an unasked welcome", announced).await;
        assert_eq!(transcript.last_welcome()["recovered"], false, "{:?}", transcript.last_welcome());
        assert!(
            transcript.messages.is_empty(),
            "what is gone is not shown as if it were kept: {:?}",
            transcript.texts()
        );
        speaker.kept.clear();
    }
    for speaker in &mut scene.speakers {
        let patience = Duration::from_secs(4);
        speaker.speak_kept(3, patience, patience).await;
    }
    scene.hear_all(Duration::from_secs(4)).await;
    for speaker in &mut scene.speakers {
        let transcript = speaker.client.wait_for_members(&["budi", "sari"]).await;
        assert_eq!(transcript.welcomes.len(), 2, "said once: {:?}", transcript.welcomes);
        assert!(
            !transcript.changes.iter().any(|moved| matches!(moved, PresenceChange::Left(_))),
            "{:?}",
            transcript.changes
        );
        assert_eq!(transcript.texts().len(), 6, "nothing that was said since is missing: {:?}", transcript.texts());
    }
}

/// How often Redis was asked.
#[derive(Debug)]
struct Calls {
    /// For parts of the log, by scripts or without.
    reads: usize,
    /// For a session.
    sessions: usize,
    /// To run a script.
    scripts: usize,
}

impl Calls {
    async fn of(redis: &Redis) -> Self {
        let stats = redis::command(redis, &["INFO", "commandstats"]).await;
        let calls = |command: &str| {
            let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
            line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or(0)
        };
        Self {
            reads: calls("xrange") + calls("xrevrange"),
            sessions: calls("get"),
            scripts: calls("evalsha") + calls("eval"),
        }
    }
}

async fn come(cluster: &Cluster, instance: usize, name: String) -> WsClient {
    cluster.join(instance, &name).await
}
