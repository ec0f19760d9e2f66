//! Joins and leaves: correct, once, and without those of short reconnects.

use crate::kit::{Cluster, Engine, WsClient, engines::on_both_engines};

on_both_engines! {
    joins_and_leaves_reach_all,
    join_is_announced_before_the_first_message,
    second_tab_is_no_second_person,
    reconnect_within_the_grace_is_not_announced,
    leave_is_announced_after_the_grace,
    sign_out_is_announced_at_once,
    return_after_a_leave_is_announced,
}

async fn joins_and_leaves_reach_all(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    let citra = cluster.join(0, "citra").await;
    for client in [&mut sari, &mut budi] {
        client.wait_for_members(&["budi", "citra", "sari"]).await;
    }
    citra.leave().await;
    for client in [&mut sari, &mut budi] {
        let transcript = client.wait_for_members(&["budi", "sari"]).await;
        assert_eq!(transcript.changes_of("citra"), ["joined", "left"]);
    }
}

async fn join_is_announced_before_the_first_message(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_text("halo").await;
    let transcript = sari.wait_for_text("budi", "halo").await;
    assert!(
        transcript.members.contains("budi"),
        "the message arrived before its sender's join: {:?}",
        transcript.frames
    );
}

async fn second_tab_is_no_second_person(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    sari.wait_for_members(&["budi", "sari"]).await;
    let mut second = WsClient::connect_and_join(&budi.http_client).await;
    assert_eq!(second.wait_for_members(&["budi", "sari"]).await.count, 2);
    second.leave().await;
    // Another person's join and leave shows that enough time has passed.
    cluster.join(0, "citra").await.leave().await;
    let has_left = |transcript: &crate::kit::Transcript| transcript.has_left("citra");
    let transcript = sari.expect("citra has left", has_left).await;
    assert_eq!(transcript.changes_of("budi"), ["joined"]);
    budi.send_text("masih di sini").await;
    sari.wait_for_text("budi", "masih di sini").await;
}

async fn reconnect_within_the_grace_is_not_announced(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_LEAVE_GRACE", "2s").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let budi = cluster.join(0, "budi").await;
    sari.wait_for_members(&["budi", "sari"]).await;
    let http_client = budi.http_client.clone();
    budi.leave().await;
    let mut back = WsClient::connect_and_join(&http_client).await;
    // Longer than the grace of the first connection.
    cluster.join(0, "citra").await.leave().await;
    let has_left = |transcript: &crate::kit::Transcript| transcript.has_left("citra");
    let transcript = sari.expect("citra has left", has_left).await;
    assert_eq!(transcript.changes_of("budi"), ["joined"]);
    back.send_text("kembali").await;
    sari.wait_for_text("budi", "kembali").await;
}

async fn leave_is_announced_after_the_grace(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_LEAVE_GRACE", "1s").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let budi = cluster.join(0, "budi").await;
    sari.wait_for_members(&["budi", "sari"]).await;
    budi.leave().await;
    sari.send_acked("budi masih dihitung").await;
    let transcript = sari.catch_up().await;
    assert!(transcript.members.contains("budi"), "a person within the grace is present: {:?}", transcript.changes);
    sari.wait_for_members(&["sari"]).await;
}

async fn sign_out_is_announced_at_once(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_LEAVE_GRACE", "60s").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let budi = cluster.join(0, "budi").await;
    sari.wait_for_members(&["budi", "sari"]).await;
    budi.http_client.log_out().await.redirects_to("/");
    sari.wait_for_members(&["sari"]).await;
}

async fn return_after_a_leave_is_announced(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let budi = cluster.join(0, "budi").await;
    sari.wait_for_members(&["budi", "sari"]).await;
    let http_client = budi.http_client.clone();
    budi.leave().await;
    sari.wait_for_members(&["sari"]).await;
    let _back = WsClient::connect_and_join(&http_client).await;
    let transcript = sari.wait_for_members(&["budi", "sari"]).await;
    let expected = ["joined", "left", "joined"];
    assert_eq!(transcript.changes_of("budi"), expected);
}
