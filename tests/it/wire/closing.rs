//! How a connection ends.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::kit::{Cluster, Engine, SOON, WsClient, engines::on_both_engines, eventually, redis::command};

on_both_engines! {
    sign_out_closes_every_socket_of_the_session_within_a_second,
    lost_name_ends_the_session_and_spares_the_new_owner,
    socket_without_join_is_closed_after_ten_seconds,
    binary_frame_is_1003,
    oversized_frame_is_1009,
    close_is_echoed,
    websocket_ping_is_echoed_as_pong,
    draining_instance_sends_bye_with_a_retry_time,
}

async fn sign_out_closes_every_socket_of_the_session_within_a_second(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut first = cluster.join(0, "sari").await;
    let mut second = WsClient::connect_and_join(&first.http_client).await;
    let mut not_joined = WsClient::connect(&first.http_client).await;
    not_joined.catch_up().await;
    let mut budi = cluster.join(0, "budi").await;
    first.http_client.log_out().await.redirects_to("/");
    for client in [&mut first, &mut second, &mut not_joined] {
        let transcript = client.wait_for_bye(Duration::from_secs(1), "session_ended", 4001).await;
        assert_eq!(transcript.byes[0].get("cause"), None, "the person knows it");
    }
    budi.send_acked("masih di sini").await;
}

async fn lost_name_ends_the_session_and_spares_the_new_owner(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_NAME_HOLD", "1s").set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let first = cluster.join(0, "sari").await;
    let lost = first.http_client.clone();
    first.leave().await;
    let second = cluster.http_client(0);
    eventually(SOON, "the name is free", || async {
        match second.sign_in("sari").await.status {
            303 => Ok(()),
            status => Err(format!("{status}")),
        }
    })
    .await;
    let mut owner = WsClient::connect_and_join(&second).await;
    let mut loser = WsClient::connect(&lost).await;
    loser.send(json!({"type": "join"})).await;
    let transcript = loser.wait_for_bye(SOON, "session_ended", 4001).await;
    assert_eq!(transcript.byes[0]["cause"], "name_lost");
    lost.get("/chat").await.redirects_to("/?why=expired");
    owner.send_acked("masih aku").await;
    assert_eq!(owner.transcript().count, 1);
    owner.leave().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.wait_for_members(&["budi"]).await;
}

#[tokio::test]
async fn session_that_expires_under_a_socket_says_so() {
    let mut cluster = Cluster::builder(Engine::Redis).set("RUANG_SESSION_IDLE", "1m").start().await;
    let mut sari = cluster.join(0, "sari").await;
    for key in command(cluster.redis(), &["KEYS", "ruang---*"]).await.lines() {
        command(cluster.redis(), &["DEL", key]).await;
    }
    let transcript = sari.wait_for_bye(Duration::from_secs(30), "session_ended", 4001).await;
    assert_eq!(transcript.byes[0]["cause"], "expired");
}

async fn socket_without_join_is_closed_after_ten_seconds(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await;
    let mut idle = WsClient::connect(&sari).await;
    let started = std::time::Instant::now();
    // A ping does not count as a join.
    idle.catch_up().await;
    idle.wait_for_bye(Duration::from_secs(13), "policy", 1008).await;
    assert!(started.elapsed() > Duration::from_secs(9), "too early: {:?}", started.elapsed());
}

async fn binary_frame_is_1003(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_raw(Message::binary(r#"{"type":"ping"}"#.as_bytes())).await;
    assert_eq!(sari.wait_for_close(SOON).await, Some(1003));
}

async fn oversized_frame_is_1009(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    // The largest frame size: read, but not a frame of the protocol.
    sari.send_raw(Message::text(" ".repeat(32 * 1024))).await;
    assert_eq!(sari.catch_up().await.error_codes(), ["bad_frame"]);
    sari.send_raw(Message::text(" ".repeat(32 * 1024 + 1))).await;
    assert_eq!(sari.wait_for_close(SOON).await, Some(1009));
}

async fn close_is_echoed(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let code = tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode::Normal;
    let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame { code, reason: "".into() };
    sari.send_raw(Message::Close(Some(frame))).await;
    assert_eq!(sari.wait_for_close(SOON).await, Some(1000));
}

async fn websocket_ping_is_echoed_as_pong(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await;
    let mut raw = crate::kit::raw::RawSocket::connect(&sari).await;
    raw.send(&crate::kit::raw::masked(0x89, b"halo")).await;
    assert_eq!(raw.next().await, Some((0xa, b"halo".to_vec())));
}

async fn draining_instance_sends_bye_with_a_retry_time(engine: Engine) {
    let mut cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    cluster.instances[0].terminate();
    let transcript = sari.wait_for_bye(SOON, "restart", 1012).await;
    let wait = transcript.byes[0]["retry_after_ms"].as_u64().expect("a retry time");
    assert!(wait <= 5000, "{wait}");
    assert!(cluster.instances[0].wait_for_exit(SOON).await.success());
}
