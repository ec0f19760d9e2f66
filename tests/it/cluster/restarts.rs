//! Instances that are killed, drained or frozen.

use std::time::Duration;

use crate::kit::{Cluster, Engine, SOON, WsClient};

/// Short, to keep the tests fast.
const LEASE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn people_of_a_killed_instance_leave_once_within_its_lease() {
    let mut cluster = with_lease().await;
    let mut watchers = [cluster.join(1, "adi").await, cluster.join(2, "budi").await];
    let sari = cluster.join(0, "sari").await;
    let dewi = cluster.join(0, "dewi").await;
    for watcher in &mut watchers {
        watcher.wait_for_members(&["adi", "budi", "dewi", "sari"]).await;
    }
    cluster.instances[0].kill();
    let limit = LEASE + Duration::from_secs(1);
    for watcher in &mut watchers {
        let gone = |transcript: &crate::kit::Transcript| transcript.members.len() == 2 && transcript.count == 2;
        let transcript = watcher.expect_within(limit, "the killed instance's people have left", gone).await;
        for name in ["sari", "dewi"] {
            let gone = transcript.leaves().into_iter().filter(|left| *left == name).count();
            assert_eq!(gone, 1, "{name}: {:?}", transcript.changes);
        }
    }
    drop((sari, dewi));
}

#[tokio::test]
async fn rejoin_within_the_lease_of_a_killed_instance_is_no_leave() {
    let mut cluster = with_lease().await;
    let mut watcher = cluster.join(1, "adi").await;
    let mut sari = cluster.join(0, "sari").await;
    watcher.wait_for_members(&["adi", "sari"]).await;
    let seen = sari.send_acked("sebelum").await;
    cluster.instances[0].kill();
    let mut rejoined = WsClient::rejoin(&sari.http_client.with_base(cluster.base(2)), &seen).await;
    // Another client joins and leaves: its grace is longer than the lease, which has thus expired when the leave is announced.
    watcher.send_acked("sesudah").await;
    rejoined.wait_for_text("adi", "sesudah").await;
    cluster.join(2, "dewi").await.leave().await;
    let dewi_left = |transcript: &crate::kit::Transcript| transcript.has_left("dewi");
    let transcript = watcher.expect_within(SOON, "a grace and a lease have passed", dewi_left).await;
    assert_eq!(transcript.changes_of("sari"), ["joined"], "no leave and no second join");
    rejoined.send_acked("masih di sini").await;
    watcher.wait_for_text("sari", "masih di sini").await;
}

#[tokio::test]
async fn rolling_restart_loses_no_message_and_announces_no_leave() {
    let mut cluster = Cluster::builder(Engine::Redis).instances(3).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let mut watcher = cluster.join(2, "adi").await;
    let mut sari = cluster.join(0, "sari").await;
    watcher.wait_for_members(&["adi", "sari"]).await;
    for round in 0..2 {
        let seen = sari.send_acked(&format!("sebelum {round}")).await;
        cluster.instances[round].terminate();
        sari.wait_for_bye(SOON, "restart", 1012).await;
        watcher.send_acked(&format!("sementara {round}")).await;
        sari = WsClient::rejoin(&sari.http_client.with_base(cluster.base(round + 1)), &seen).await;
        let transcript = sari.transcript();
        assert_eq!(transcript.texts(), [format!("sementara {round}")]);
        assert_eq!(transcript.last_welcome()["recovered"], true);
        assert!(cluster.instances[round].wait_for_exit(SOON).await.success());
    }
    cluster.add().await;
    let mut late = cluster.join(3, "dewi").await;
    late.wait_for_members(&["adi", "dewi", "sari"]).await;
    let transcript = watcher.wait_for_members(&["adi", "dewi", "sari"]).await;
    assert_eq!(transcript.changes_of("sari"), ["joined"], "a restart is neither a leave nor a join");
    assert_eq!(transcript.texts(), ["sebelum 0", "sementara 0", "sebelum 1", "sementara 1"]);
}

#[tokio::test]
async fn draining_instance_is_not_ready() {
    let mut cluster = Cluster::builder(Engine::Redis).instances(2).start().await;
    let mut sari = cluster.join(0, "sari").await;
    cluster.instances[0].terminate();
    sari.wait_for_bye(SOON, "restart", 1012).await;
    // A draining instance is not ready; soon after it does not respond at all.
    assert_ne!(cluster.instances[0].status("/readyz").await, Ok(200));
    assert!(cluster.instances[0].wait_for_exit(SOON).await.success());
    assert_eq!(cluster.instances[1].status("/readyz").await, Ok(200));
}

#[tokio::test]
async fn resumed_instance_drops_its_input_and_its_people() {
    let cluster = with_lease().await;
    let mut watcher = cluster.join(1, "adi").await;
    let mut sari = cluster.join(0, "sari").await;
    watcher.wait_for_members(&["adi", "sari"]).await;
    cluster.instances[0].pause();
    watcher.wait_for_members(&["adi"]).await;
    sari.send_text("ditulis saat beku").await;
    cluster.instances[0].resume();
    assert_eq!(sari.wait_for_close(SOON).await, Some(1012));
    cluster.instances[0].wait_for_readyz(200, SOON).await;
    watcher.send_acked("akhir").await;
    let transcript = watcher.wait_for_text("adi", "akhir").await;
    assert_eq!(transcript.texts(), ["akhir"], "unread input of an expired instance is dropped");
    let back = WsClient::connect_and_join(&sari.http_client).await;
    assert_eq!(watcher.wait_for_members(&["adi", "sari"]).await.count, 2);
    drop(back);
}

async fn with_lease() -> Cluster {
    let settings = Cluster::builder(Engine::Redis).instances(3).set("RUANG_LEASE", "2s").set("RUANG_LEAVE_GRACE", "3s");
    settings.start().await
}
