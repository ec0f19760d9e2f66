//! How durable acknowledged messages are, by configuration of Redis. A loss is announced and bounded;
//! `docs/redis.md` has the table.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use super::{Scene, scene::instances};
use crate::kit::{Redis, SOON, Transcript, redis, sentinel::Sentinels};

/// Time that clients chat before the failure.
const CHATTING: Duration = Duration::from_secs(2);
/// Tolerance of each bound on a busy machine.
const TOLERANCE: Duration = Duration::from_millis(1500);

#[tokio::test]
async fn redis_killed_with_fsync_always_loses_nothing() {
    assert_eq!(kill_redis(&["--appendfsync", "always"]).await, Duration::ZERO);
}

#[tokio::test]
async fn redis_killed_with_fsync_everysec_loses_at_most_one_second() {
    let lost = kill_redis(&["--appendfsync", "everysec"]).await;
    assert!(lost <= Duration::from_secs(1) + TOLERANCE, "{lost:?}");
}

#[tokio::test]
async fn failover_to_a_lagging_replica_announces_the_loss() {
    let lost = fail_over(&[], CHATTING).await;
    assert!(lost > Duration::ZERO, "without a bound on the lag the primary acknowledges alone");
}

#[tokio::test]
async fn primary_with_min_replicas_stops_acking_without_its_replica() {
    let lag = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"];
    let lost = fail_over(&lag, CHATTING * 3).await;
    // Redis counts whole seconds.
    assert!(lost <= Duration::from_secs(2) + TOLERANCE, "{lost:?}");
}

#[tokio::test]
async fn lost_message_that_was_acked_but_not_delivered_is_a_gap() {
    let mut scene = Scene::on(Redis::start_with(&["--appendfsync", "always"]).await, "").await;
    let position = scene.redis().aof_position();
    scene.proxy().half_open_subscribers();
    scene.speakers[0].client.send_acked("tak terdengar").await;
    scene.redis().kill();
    scene.redis().truncate_aof(&position);
    // Her next message is stored in a new epoch, which must not hide the loss.
    let back = scene.cluster.redis().restart();
    tokio::join!(back, scene.speakers[0].chat_until_acked(1, SOON, SOON));

    let sari = &mut scene.speakers[0].client;
    let transcript = sari.expect("the loss is announced", |transcript| transcript.welcomes.len() == 2).await;
    assert_eq!(transcript.last_welcome()["recovered"], false);
    assert!(!transcript.texts().contains(&"tak terdengar"), "the message is lost: {:?}", transcript.texts());
    // Announced once: later messages continue.
    redis::command(scene.redis(), &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    let sari = &mut scene.speakers[0].client;
    sari.send_acked("lagi").await;
    assert_eq!(sari.wait_for_text("sari", "lagi").await.welcomes.len(), 2);
}

/// Kills Redis while clients chat. Returns how much time's acknowledged messages were lost.
async fn kill_redis(setting: &[&str]) -> Duration {
    let redis = Redis::start_with(setting).await;
    let url = redis.url();
    let cluster = instances().start_on(Some(redis), &url).await;
    let mut scene = Scene::of(cluster, None).await;
    let began = Instant::now();
    scene.chat_for(CHATTING).await;
    scene.redis().kill();
    let chatted = began.elapsed();
    scene.redis().restart().await;
    lost(&mut scene, chatted).await
}

/// Kills the replica, lets clients chat, kills the primary, restarts the replica and waits for its promotion.
async fn fail_over(primary: &[&str], chatting: Duration) -> Duration {
    let mut sentinels = Sentinels::start_with(primary).await;
    let cluster = instances().start_on(None, &sentinels.url()).await;
    let mut scene = Scene::of(cluster, None).await;
    sentinels.replica.kill();
    let began = Instant::now();
    scene.chat_for(chatting).await;
    sentinels.primary.kill();
    let chatted = began.elapsed();
    sentinels.replica.restart().await;
    sentinels.wait_for_failover().await;
    lost(&mut scene, chatted).await
}

/// Returns the acknowledged messages that are missing in the log, as time: clients send at a steady rate while they are
/// acknowledged. Fails unless a loss is announced to every client.
async fn lost(scene: &mut Scene, chatted: Duration) -> Duration {
    let mut missing = 0;
    let mut acked = 0;
    for speaker in &mut scene.speakers {
        speaker.chat_until_acked(1, SOON, SOON).await;
        // An ack may precede the delivery at the instance.
        let (newest, _) = speaker.acked.last().expect("an acknowledged message").clone();
        speaker.client.wait_for_text(speaker.name, &newest).await;
        let log = speaker.client.http_client.get("/api/messages?limit=200").await.is(200).json();
        let log: HashSet<_> = log["messages"]
            .as_array()
            .expect("a page")
            .iter()
            .filter_map(|message| message["id"].as_str())
            .map(str::to_owned)
            .collect();
        let lost_here = speaker.acked.iter().filter(|(_, id)| !log.contains(id)).count();
        let is_announced = |transcript: &Transcript| transcript.welcomes.len() == if lost_here > 0 { 2 } else { 1 };
        let transcript = speaker.client.expect_within(SOON, "exactly a loss is announced", is_announced).await;
        assert_eq!(transcript.last_welcome()["recovered"] == false, lost_here > 0, "{:?}", transcript.last_welcome());
        missing += lost_here;
        acked += speaker.acked.len();
    }
    let rate = f64::from(u32::try_from(acked).expect("few")) / chatted.as_secs_f64();
    let lost = Duration::from_secs_f64(f64::from(u32::try_from(missing).expect("few")) / rate);
    println!("{missing} of {acked} acknowledged messages are lost: about {lost:?} of {chatted:?}");
    lost
}
