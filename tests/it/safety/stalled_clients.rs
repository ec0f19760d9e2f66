//! Clients that reset, are silent or never read. Each is removed in time, and others chat on.

use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::kit::{
    Cluster, Engine, HttpClient, SOON,
    engines::on_both_engines,
    raw::{handshake, masked, stalled_client},
    wait::within,
};

/// The protocol's limit without a frame, and a tolerance for a busy machine.
const SILENCE: Duration = Duration::from_secs(60);
const TOLERANCE: Duration = Duration::from_secs(5);

on_both_engines! {
    reset_socket_leaves_after_the_grace,
    non_reading_client_is_closed_and_others_are_not_slowed,
}

async fn reset_socket_leaves_after_the_grace(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let mut budi = cluster.join(0, "budi").await;
    let sari = cluster.sign_in(0, "sari").await;
    for _ in 0..3 {
        let (stream, _) = join_raw(&sari).await;
        budi.wait_for_members(&["budi", "sari"]).await;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket");
        drop(stream);
        budi.wait_for_members(&["budi"]).await;
    }
}

#[tokio::test]
async fn client_without_pongs_is_closed_after_a_minute() {
    let cluster = Cluster::with_defaults(Engine::Memory).await;
    let mut budi = cluster.join(0, "budi").await;
    let (mut stream, began) = join_raw(&cluster.sign_in(0, "sari").await).await;
    let mut all = vec![];
    within(SILENCE + TOLERANCE, "the close", stream.read_to_end(&mut all)).await.expect("a close frame");
    let lasted = began.elapsed();
    assert!(lasted > SILENCE - TOLERANCE && lasted < SILENCE + TOLERANCE, "{lasted:?}");
    let text = String::from_utf8_lossy(&all);
    assert!(text.contains(r#"{"type":"bye","reason":"silent""#), "{text}");
    assert_eq!(all[all.len() - 4..], [0x88, 2, 0x03, 0xf5], "1013");
    // The server sent pings; budi's client answered them.
    assert_eq!(all.windows(2).filter(|two| *two == [0x89, 0]).count(), 2);
    budi.wait_for_members(&["budi"]).await;
}

async fn non_reading_client_is_closed_and_others_are_not_slowed(engine: Engine) {
    let cluster =
        Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    let http_client = cluster.sign_in(0, "tuli").await;
    let mut stalled = stalled_client(&http_client).await;
    sari.wait_for_members(&["budi", "sari", "tuli"]).await;
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    while budi.transcript().members.contains("tuli") {
        assert!(began.elapsed() < Duration::from_secs(60), "the stalled client is not closed");
        let sent = Instant::now();
        let text = format!("{} {}", "x".repeat(1900), began.elapsed().as_micros());
        sari.send_acked(&text).await;
        budi.wait_for_text("sari", &text).await;
        slowest = slowest.max(sent.elapsed());
    }
    assert!(slowest < SOON / 4, "others are not delayed: {slowest:?}");
    let mut rest = vec![];
    // The data that was sent is complete frames; the client requests the rest after its reconnect.
    let _ = within(SOON, "the rest", stalled.read_to_end(&mut rest)).await;
    assert!(rest.len() > 256 * 1024, "{} bytes", rest.len());
}

async fn join_raw(http_client: &HttpClient) -> (TcpStream, Instant) {
    let (mut stream, head) = handshake(http_client, "").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream.write_all(&masked(0x81, br#"{"type":"join"}"#)).await.expect("the server reads");
    (stream, Instant::now())
}
