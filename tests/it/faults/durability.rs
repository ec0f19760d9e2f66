//! How far an acknowledged message is kept, by what Redis was told: what is lost is announced, and never more than that.
//! `docs/redis.md` has the table.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use super::{Scene, scene::instances};
use crate::kit::{Redis, SOON, Transcript, redis, sentinel::Sentinels};

/// How long people speak before something happens.
const SPEAKING: Duration = Duration::from_secs(2);
/// What a busy machine may add to a bound.
const ALLOWANCE: Duration = Duration::from_millis(1500);

#[tokio::test]
async fn redis_killed_with_fsync_always_loses_nothing() {
    assert_eq!(killed(&["--appendfsync", "always"]).await, Duration::ZERO);
}

#[tokio::test]
async fn redis_killed_with_fsync_everysec_loses_at_most_one_second() {
    let lost = killed(&["--appendfsync", "everysec"]).await;
    assert!(lost <= Duration::from_secs(1) + ALLOWANCE, "{lost:?}");
}

#[tokio::test]
async fn failover_to_a_lagging_replica_announces_the_loss() {
    let lost = failed_over(&[], SPEAKING).await;
    assert!(lost > Duration::ZERO, "without a bound for its lag the primary acknowledges alone");
}

#[tokio::test]
async fn primary_with_min_replicas_stops_acking_without_its_replica() {
    let lag = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"];
    let lost = failed_over(&lag, SPEAKING * 3).await;
    // Redis counts whole seconds.
    assert!(lost <= Duration::from_secs(2) + ALLOWANCE, "{lost:?}");
}

#[tokio::test]
async fn lost_message_that_was_acked_but_not_delivered_is_a_gap() {
    let mut scene = Scene::on(Redis::start_with(&["--appendfsync", "always"]).await, "").await;
    let kept = scene.redis().aof_position();
    scene.proxy().half_open_subscribers();
    scene.speakers[0].client.send_acked("tak terdengar").await;
    scene.redis().kill();
    scene.redis().truncate_aof(&kept);
    // What she says as soon as it is back is kept, in a new epoch: no reason to think that all was.
    let back = scene.cluster.redis().restart();
    tokio::join!(back, scene.speakers[0].speak_kept(1, SOON, SOON));

    let sari = &mut scene.speakers[0].client;
    let transcript = sari.expect("the loss is told", |transcript| transcript.welcomes.len() == 2).await;
    assert_eq!(transcript.last_welcome()["recovered"], false);
    assert!(!transcript.texts().contains(&"tak terdengar"), "it is lost: {:?}", transcript.texts());
    // Told once: what comes next continues.
    redis::command(scene.redis(), &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    let sari = &mut scene.speakers[0].client;
    sari.send_acked("lagi").await;
    assert_eq!(sari.wait_for_text("sari", "lagi").await.welcomes.len(), 2);
}

/// Kills Redis while people speak. Answers over what time acknowledged messages were lost.
async fn killed(setting: &[&str]) -> Duration {
    let redis = Redis::start_with(setting).await;
    let url = redis.url();
    let cluster = instances().start_on(Some(redis), &url).await;
    let mut scene = Scene::of(cluster, None).await;
    let began = Instant::now();
    scene.lasts(SPEAKING).await;
    scene.redis().kill();
    let spoke = began.elapsed();
    scene.redis().restart().await;
    lost(&mut scene, spoke).await
}

/// Kills the replica, lets people speak for a time, kills the primary, and has the replica promoted that is back.
async fn failed_over(primary: &[&str], speaking: Duration) -> Duration {
    let mut sentinels = Sentinels::start_with(primary).await;
    let cluster = instances().start_on(None, &sentinels.url()).await;
    let mut scene = Scene::of(cluster, None).await;
    sentinels.replica.kill();
    let began = Instant::now();
    scene.lasts(speaking).await;
    sentinels.primary.kill();
    let spoke = began.elapsed();
    sentinels.replica.restart().await;
    sentinels.wait_for_failover().await;
    lost(&mut scene, spoke).await
}

/// What is missing from the log of what was acknowledged, in time: everybody speaks about as often all the time that
/// they are acknowledged. If anything is missing, everybody is told.
async fn lost(scene: &mut Scene, spoke: Duration) -> Duration {
    let mut missing = 0;
    let mut kept = 0;
    for speaker in &mut scene.speakers {
        speaker.speak_kept(1, SOON, SOON).await;
        // An ack may be a little ahead of what the instance itself has heard.
        let (newest, _) = speaker.kept.last().expect("just kept").clone();
        speaker.client.wait_for_text(speaker.name, &newest).await;
        let log = speaker.client.http_client.get("/api/messages?limit=200").await.is(200).json();
        let log: HashSet<_> = log["messages"]
            .as_array()
            .expect("a page")
            .iter()
            .filter_map(|said| said["id"].as_str())
            .map(str::to_owned)
            .collect();
        let gone = speaker.kept.iter().filter(|(_, id)| !log.contains(id)).count();
        let told = |transcript: &Transcript| transcript.welcomes.len() == if gone > 0 { 2 } else { 1 };
        let transcript = speaker.client.expect_within(SOON, "a loss is announced, and nothing else is", told).await;
        assert_eq!(transcript.last_welcome()["recovered"] == false, gone > 0, "{:?}", transcript.last_welcome());
        missing += gone;
        kept += speaker.kept.len();
    }
    let rate = f64::from(u32::try_from(kept).expect("few")) / spoke.as_secs_f64();
    let lost = Duration::from_secs_f64(f64::from(u32::try_from(missing).expect("few")) / rate);
    println!("{missing} of {kept} acknowledged messages are lost: about {lost:?} of {spoke:?}");
    lost
}
