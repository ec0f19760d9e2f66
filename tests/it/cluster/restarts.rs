//! Instances that go, with and without a goodbye.

use std::time::Duration;

use crate::kit::{Cluster, Engine, SOON, WsClient, transcript::Moved};

/// Short, so that its end is soon.
const LEASE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn people_of_a_killed_instance_are_gone_within_its_lease_and_once() {
    let mut cluster = with_lease().await;
    let mut watchers = [cluster.guest(1, "adi").await, cluster.guest(2, "budi").await];
    let sari = cluster.guest(0, "sari").await;
    let dewi = cluster.guest(0, "dewi").await;
    for watcher in &mut watchers {
        watcher.sees(&["adi", "budi", "dewi", "sari"]).await;
    }
    cluster.instances[0].kill();
    let limit = LEASE + Duration::from_secs(1);
    for watcher in &mut watchers {
        let gone = |heard: &crate::kit::Transcript| heard.members.len() == 2 && heard.count == 2;
        let heard = watcher.expect_within(limit, "the dead instance's people are gone", gone).await;
        for name in ["sari", "dewi"] {
            let gone = heard.moves.iter().filter(|moved| **moved == Moved::Out(name.into())).count();
            assert_eq!(gone, 1, "{name}: {:?}", heard.moves);
        }
    }
    drop((sari, dewi));
}

#[tokio::test]
async fn who_moves_from_a_killed_instance_in_time_was_never_away() {
    let mut cluster = with_lease().await;
    let mut watcher = cluster.guest(1, "adi").await;
    let mut sari = cluster.guest(0, "sari").await;
    watcher.sees(&["adi", "sari"]).await;
    let seen = sari.say_kept("sebelum").await;
    cluster.instances[0].kill();
    let mut moved = WsClient::rejoin(&sari.http_client.moved_to(cluster.base(2)), &seen).await;
    // Somebody comes now and goes: once their grace (longer than the lease) is over, so is the dead lease.
    watcher.say_kept("sesudah").await;
    moved.hears("adi", "sesudah").await;
    cluster.guest(2, "dewi").await.leave().await;
    let dewi_left = |heard: &crate::kit::Transcript| heard.moves.contains(&Moved::Out("dewi".into()));
    let heard = watcher.expect_within(SOON, "a grace and a lease have passed", dewi_left).await;
    let of_sari: Vec<_> = heard.moves.iter().filter(|moved| is_of(moved, "sari")).collect();
    assert_eq!(of_sari, [&Moved::In("sari".into())], "neither left nor came again");
    moved.say_kept("masih di sini").await;
    watcher.hears("sari", "masih di sini").await;
}

#[tokio::test]
async fn a_rolling_restart_makes_no_noise_and_loses_nothing() {
    let mut cluster = Cluster::of(Engine::Redis).instances(3).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let mut watcher = cluster.guest(2, "adi").await;
    let mut sari = cluster.guest(0, "sari").await;
    watcher.sees(&["adi", "sari"]).await;
    for round in 0..2 {
        let seen = sari.say_kept(&format!("sebelum {round}")).await;
        cluster.instances[round].terminate();
        sari.is_sent_away(SOON, "restart", 1012).await;
        watcher.say_kept(&format!("sementara {round}")).await;
        sari = WsClient::rejoin(&sari.http_client.moved_to(cluster.base(round + 1)), &seen).await;
        let heard = sari.heard();
        assert_eq!(heard.texts(), [format!("sementara {round}")]);
        assert_eq!(heard.welcomed()["recovered"], true);
        assert!(cluster.instances[round].ended(SOON).await.success());
    }
    cluster.add().await;
    let mut late = cluster.guest(3, "dewi").await;
    late.sees(&["adi", "dewi", "sari"]).await;
    let heard = watcher.sees(&["adi", "dewi", "sari"]).await;
    let of_sari: Vec<_> = heard.moves.iter().filter(|moved| is_of(moved, "sari")).collect();
    assert_eq!(of_sari, [&Moved::In("sari".into())], "a rolling restart is neither a leave nor a join");
    assert_eq!(heard.texts(), ["sebelum 0", "sementara 0", "sebelum 1", "sementara 1"]);
}

#[tokio::test]
async fn an_instance_that_goes_is_not_ready_first() {
    let mut cluster = Cluster::of(Engine::Redis).instances(2).start().await;
    let mut sari = cluster.guest(0, "sari").await;
    cluster.instances[0].terminate();
    sari.is_sent_away(SOON, "restart", 1012).await;
    // Whoever asks while it drains hears that it is not fit for new people; soon nobody answers at all.
    assert_ne!(cluster.instances[0].status("/readyz").await, Ok(200));
    assert!(cluster.instances[0].ended(SOON).await.success());
    assert_eq!(cluster.instances[1].status("/readyz").await, Ok(200));
}

#[tokio::test]
async fn a_thawed_instance_neither_doubles_nor_keeps_its_people() {
    let cluster = with_lease().await;
    let mut watcher = cluster.guest(1, "adi").await;
    let mut sari = cluster.guest(0, "sari").await;
    watcher.sees(&["adi", "sari"]).await;
    cluster.instances[0].pause();
    watcher.sees(&["adi"]).await;
    sari.say("ditulis saat beku").await;
    cluster.instances[0].resume();
    assert_eq!(sari.ends_within(SOON).await, Some(1012));
    cluster.instances[0].answers_readyz(200, SOON).await;
    watcher.say_kept("akhir").await;
    let heard = watcher.hears("adi", "akhir").await;
    assert_eq!(heard.texts(), ["akhir"], "unread input of a reaped instance is dropped");
    let back = WsClient::join_as(&sari.http_client).await;
    assert_eq!(watcher.sees(&["adi", "sari"]).await.count, 2);
    drop(back);
}

async fn with_lease() -> Cluster {
    let settings = Cluster::of(Engine::Redis).instances(3).set("RUANG_LEASE", "2s").set("RUANG_LEAVE_GRACE", "3s");
    settings.start().await
}

fn is_of(moved: &Moved, name: &str) -> bool {
    matches!(moved, Moved::In(who) | Moved::Out(who) if who == name)
}
