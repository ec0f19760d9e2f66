//! Hostile requests: too long, too slow, ambiguous, or of another protocol. Each gets a response or is closed within its
//! deadline, and the process keeps serving.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::kit::{Cluster, Engine, SOON, wait::within};

/// Time to wait for a second response.
const SECOND_RESPONSE: Duration = Duration::from_millis(300);
/// The documented limit for headers (5 s) and a tolerance for a busy machine.
const HEADER_LIMIT: Duration = Duration::from_secs(8);

#[tokio::test]
async fn oversized_heads_are_refused() {
    let cluster = cluster().await;
    let long = "a".repeat(20 * 1024);
    let many: String = (0..2_000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    for request in [
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: ruang={}\r\n\r\n", "A".repeat(64 * 1024)),
    ] {
        let status = status_of(&send(&cluster, request.as_bytes()).await);
        assert!(matches!(status, Some(400 | 414 | 431) | None), "{status:?} to {request:.60}");
    }
    check_serving(&cluster).await;
}

/// A request that two servers in a row may parse differently is refused.
#[tokio::test]
async fn ambiguous_requests_are_refused_and_never_split() {
    let cluster = cluster().await;
    let hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length : 5\r\n",
        "X: y\r\n folded: z\r\n",
        "X\u{0}: y\r\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{headers}\r\n0\r\n\r\n{hidden}");
        let response = send(&cluster, request.as_bytes()).await;
        assert!(matches!(status_of(&response), Some(400 | 413 | 501) | None), "{headers:?}: {response:.200}");
        assert!(response.matches("HTTP/1.1 ").count() <= 1, "{headers:?} hides a second request: {response:.400}");
    }
    // With both headers the length is ignored (RFC 9112, section 6.3) or the request is refused.
    let both = "POST /logout HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let first = send(&cluster, both.as_bytes()).await;
    assert!(matches!(status_of(&first), Some(303 | 400) | None), "{first:.200}");
    for line in [
        "GET / HTTP/1.1\nHost: x\n\n",
        "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}",
    ] {
        let response = send(&cluster, line.as_bytes()).await;
        assert!(matches!(status_of(&response), Some(200 | 400 | 505) | None), "{line:?}: {response:.200}");
    }
    check_serving(&cluster).await;
}

#[tokio::test]
async fn other_protocols_are_refused() {
    let cluster = cluster().await;
    let upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                   HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n";
    assert_eq!(status_of(&send(&cluster, upgrade.as_bytes()).await), Some(200), "an upgrade may be ignored");
    let prior = send(&cluster, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    assert!(!prior.starts_with("\0\0") && status_of(&prior) != Some(101), "{prior:?}");
    for connect in
        ["CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n"]
    {
        let status = status_of(&send(&cluster, connect.as_bytes()).await);
        assert!(matches!(status, Some(400 | 404 | 405 | 501) | None), "{connect:?}: {status:?}");
    }
    check_serving(&cluster).await;
}

#[tokio::test]
async fn slow_heads_are_closed_within_the_deadline() {
    let cluster = cluster().await;
    let began = Instant::now();
    let slow = (0..20).map(|_| async {
        let mut socket = connect(&cluster).await;
        socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.expect("the server reads");
        let (mut reading, mut writing) = socket.split();
        // Single bytes do not extend the deadline.
        let drip = async {
            loop {
                tokio::time::sleep(Duration::from_millis(300)).await;
                if writing.write_all(b"X").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let mut rest = Vec::new();
        tokio::select! {
            read = timeout(HEADER_LIMIT, reading.read_to_end(&mut rest)) => drop(read.expect("a close within the deadline")),
            () = drip => unreachable!(),
        }
    });
    futures_util::future::join_all(slow).await;
    println!("closed after {:?}", began.elapsed());
    check_serving(&cluster).await;
}

#[tokio::test]
async fn missing_bodies_do_not_delay_others() {
    let cluster = cluster().await;
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let mut socket = connect(&cluster).await;
        let head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 30\r\n\r\nuser";
        socket.write_all(head).await.expect("the server reads");
        waiting.push(socket);
    }
    let began = Instant::now();
    check_serving(&cluster).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let mut rest = String::new();
    let mut first = waiting.swap_remove(0);
    timeout(Duration::from_secs(40), first.read_to_string(&mut rest)).await.expect("a close").expect("text");
    assert!(matches!(status_of(&rest), Some(400 | 408) | None), "{rest:.200}");
}

async fn cluster() -> Cluster {
    Cluster::builder(Engine::Memory).start().await
}

async fn connect(cluster: &Cluster) -> TcpStream {
    TcpStream::connect(cluster.instances[0].address()).await.expect("the server listens")
}

/// Returns all that the server sends until it closes or is quiet after a response. The client's side stays open, since a
/// server may treat a half-closed connection as ended.
async fn send(cluster: &Cluster, request: &[u8]) -> String {
    let mut socket = connect(cluster).await;
    // The server may respond before all is sent.
    let _ = socket.write_all(request).await;
    let mut response = Vec::new();
    let first = within(SOON, "a response or a close", socket.read_buf(&mut response)).await;
    if first.is_ok_and(|read| read > 0) {
        let _ = timeout(SECOND_RESPONSE, socket.read_to_end(&mut response)).await;
    }
    String::from_utf8_lossy(&response).into_owned()
}

fn status_of(response: &str) -> Option<u16> {
    response.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

async fn check_serving(cluster: &Cluster) {
    let http_client = cluster.http_client(0);
    http_client.get("/").await.is(200);
    http_client.get("/readyz").await.is(200);
}
