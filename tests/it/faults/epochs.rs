//! Redis loses the room after its clock stepped back an hour: the new epoch is smaller than the lost one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Scene;
use crate::kit::{Redis, SOON, Transcript, redis};

const HOUR: Duration = Duration::from_secs(3600);
/// Within this time people join and talk again.
const RESUMED: Duration = Duration::from_secs(5);

#[tokio::test]
async fn flush_after_a_clock_step_lets_people_join_and_talk() {
    let mut scene = scene_an_hour_ahead().await;
    redis::command(scene.redis(), &["FLUSHALL"]).await;
    for speaker in &mut scene.speakers {
        speaker.client.wait_for_bye(SOON, "session_ended", 4001).await;
    }
    let mut sari = scene.cluster.join(0, "sari").await;
    let mut budi = scene.cluster.join(1, "budi").await;
    sari.send_acked("lagi").await;
    let transcript = budi.expect_within(RESUMED, "the message", |transcript| transcript.shows("sari", "lagi")).await;
    assert_eq!(transcript.texts(), ["lagi"], "nothing of the lost epoch is shown");
    let page = budi.http_client.get("/api/messages").await.json();
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(1), "{page}");
}

#[tokio::test]
async fn lost_room_after_a_clock_step_delivers_all_acked_messages() {
    let mut scene = scene_an_hour_ahead().await;
    let keys = ["meta", "log", "said:0", "said:1", "people", "leases"];
    let keys = keys.map(|key| format!("ruang:{{ruang_chat_utama}}:{key}"));
    let delete = [&["DEL"], keys.each_ref().map(String::as_str).as_slice()].concat();
    assert_eq!(redis::command(scene.redis(), &delete).await.trim(), "6");
    let is_announced = |transcript: &Transcript| transcript.welcomes.len() == 2;
    for speaker in &mut scene.speakers {
        let transcript = speaker.client.expect_within(RESUMED, "an unasked welcome", is_announced).await;
        assert_eq!(transcript.last_welcome()["recovered"], false);
        speaker.acked.clear();
    }
    for speaker in &mut scene.speakers {
        speaker.chat_until_acked(3, RESUMED, RESUMED).await;
    }
    scene.hear_all(RESUMED).await;
}

/// Instances whose room began while the clock of Redis was an hour ahead.
async fn scene_an_hour_ahead() -> Scene {
    let redis = Redis::start().await;
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time since 1970") + HOUR;
    let meta = "ruang:{ruang_chat_utama}:meta";
    redis::command(&redis, &["HSET", meta, "epoch", &epoch.as_micros().to_string()]).await;
    Scene::on(redis, "").await
}
