//! Sockets that are let down: reset, silent, never read. They go in their time, and the others talk on.

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

/// What the protocol allows without a frame, and what a busy machine adds.
const SILENCE: Duration = Duration::from_secs(60);
const LATE: Duration = Duration::from_secs(5);

on_both_engines! {
    reset_socket_leaves_after_the_grace,
    non_reading_client_is_closed_and_others_are_not_slowed,
}

async fn reset_socket_leaves_after_the_grace(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let mut budi = cluster.join(0, "budi").await;
    let sari = cluster.sign_in(0, "sari").await;
    for _ in 0..3 {
        let (stream, _) = joined(&sari).await;
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
    let (mut stream, began) = joined(&cluster.sign_in(0, "sari").await).await;
    let mut all = vec![];
    within(SILENCE + LATE, "the end", stream.read_to_end(&mut all)).await.expect("an end in order");
    let lasted = began.elapsed();
    assert!(lasted > SILENCE - LATE && lasted < SILENCE + LATE, "{lasted:?}");
    let text = String::from_utf8_lossy(&all);
    assert!(text.contains(r#"{"type":"bye","reason":"silent""#), "{text}");
    assert_eq!(all[all.len() - 4..], [0x88, 2, 0x03, 0xf0], "1008");
    // Pings came, and budi answered his.
    assert_eq!(all.windows(2).filter(|two| *two == [0x89, 0]).count(), 2);
    budi.wait_for_members(&["budi"]).await;
}

async fn non_reading_client_is_closed_and_others_are_not_slowed(engine: Engine) {
    let cluster =
        Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    let http_client = cluster.sign_in(0, "tuli").await;
    let mut deaf = stalled_client(&http_client).await;
    sari.wait_for_members(&["budi", "sari", "tuli"]).await;
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    while budi.transcript().members.contains("tuli") {
        assert!(began.elapsed() < Duration::from_secs(60), "the deaf one is never cut");
        let said = Instant::now();
        let text = format!("{} {}", "x".repeat(1900), began.elapsed().as_micros());
        sari.send_acked(&text).await;
        budi.wait_for_text("sari", &text).await;
        slowest = slowest.max(said.elapsed());
    }
    assert!(slowest < SOON / 4, "everybody else hears at once: {slowest:?}");
    let mut rest = vec![];
    // All that it was sent is in order; what it was not sent it will ask for.
    let _ = within(SOON, "the rest", deaf.read_to_end(&mut rest)).await;
    assert!(rest.len() > 256 * 1024, "{} bytes", rest.len());
}

async fn joined(http_client: &HttpClient) -> (TcpStream, Instant) {
    let (mut stream, head) = handshake(http_client, "").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream.write_all(&masked(0x81, br#"{"type":"join"}"#)).await.expect("the server reads");
    (stream, Instant::now())
}
