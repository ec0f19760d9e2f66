use std::time::Instant;

use axum::{Extension, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::DropGuard;

use super::*;

const SOON: Duration = Duration::from_secs(5);
/// More than kernels keep.
const LARGE: usize = 1024 * 1024;
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

struct TestServer {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<Served>,
    /// Ends the server of a test that does not wait for its end.
    _guard: DropGuard,
}

impl TestServer {
    async fn start(router: Router, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, router, options, shutdown.clone()));
        let _guard = shutdown.clone().drop_guard();
        Self { address, shutdown, serving, _guard }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// A client whose kernel takes little of a response.
    async fn connect_with_small_buffer(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a socket option");
        socket.connect(self.address).await.expect("a connection")
    }

    async fn ended(self) -> Served {
        self.shutdown.cancel();
        timeout(SOON, self.serving).await.expect("it ends in time").expect("it does not panic")
    }
}

fn quick() -> Options {
    Options {
        header_timeout: Duration::from_millis(200),
        write_timeout: Duration::from_millis(200),
        drain: SOON,
        ..Options::default()
    }
}

fn hello() -> Router {
    Router::new().route("/", get(|Extension(Peer(peer)): Extension<Peer>| async move { peer.to_string() }))
}

/// Everything until the other side closes, or what came before it broke off.
async fn rest(socket: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _broken_off = timeout(SOON, socket.read_to_end(&mut all)).await.expect("the server closes in time");
    String::from_utf8_lossy(&all).into_owned()
}

async fn some(socket: &mut TcpStream) -> String {
    let mut buffer = vec![0; 4096];
    let read = timeout(SOON, socket.read(&mut buffer)).await.expect("an answer in time").expect("an answer");
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

#[tokio::test]
async fn every_request_knows_its_peer() {
    let server = TestServer::start(hello(), quick()).await;
    let mut client = server.connect().await;
    let own = client.local_addr().expect("an address").to_string();
    for _ in 0..2 {
        client.write_all(GET).await.expect("sent");
        assert!(some(&mut client).await.ends_with(&own));
    }
    assert_eq!(server.ended().await, Served { unfinished: 0 });
}

#[tokio::test]
async fn slow_request_head_is_cut() {
    let server = TestServer::start(hello(), quick()).await;
    let begun = Instant::now();
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost:").await.expect("sent");
    assert!(!rest(&mut client).await.contains("200"));
    assert!(begun.elapsed() >= Duration::from_millis(150), "it had its time");
}

#[tokio::test]
async fn silent_and_idle_connections_are_closed() {
    let server = TestServer::start(hello(), quick()).await;
    let mut silent = server.connect().await;
    assert!(!rest(&mut silent).await.contains("200"));
    let mut idle = server.connect().await;
    idle.write_all(GET).await.expect("sent");
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn http_2_by_prior_knowledge_is_refused() {
    let server = TestServer::start(hello(), quick()).await;
    let mut client = server.connect().await;
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("sent");
    let answer = rest(&mut client).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test]
async fn oversized_head_is_answered_with_431() {
    let server = TestServer::start(hello(), quick()).await;
    for (bytes, status) in [(15 * 1024, "HTTP/1.1 200"), (16 * 1024, "HTTP/1.1 431")] {
        let mut client = server.connect().await;
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {}\r\n\r\n", "x".repeat(bytes));
        client.write_all(head.as_bytes()).await.expect("sent");
        let answer = some(&mut client).await;
        assert!(answer.starts_with(status), "{bytes}: {answer}");
    }
    let mut client = server.connect().await;
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: x\r\n".repeat(100));
    client.write_all(many.as_bytes()).await.expect("sent");
    assert!(some(&mut client).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn unread_response_is_cut() {
    let endless = || async { Body::from_stream(futures_util::stream::repeat(Ok::<_, Infallible>(vec![0_u8; 65_536]))) };
    let server = TestServer::start(Router::new().route("/", get(endless)), quick()).await;
    let mut client = server.connect().await;
    client.write_all(GET).await.expect("sent");
    some(&mut client).await;
    // It ends by itself, long before the drain would end it.
    assert_eq!(server.ended().await, Served { unfinished: 0 });
}

#[tokio::test]
async fn slow_reader_is_reset_at_the_deadline() {
    let server = TestServer::start(Router::new().route("/", get(async || vec![0_u8; LARGE])), quick()).await;
    let mut client = server.connect_with_small_buffer().await;
    client.write_all(GET).await.expect("sent");
    let (begun, mut read) = (Instant::now(), 0);
    let error = loop {
        match timeout(SOON, client.read(&mut [0; 1024])).await.expect("it goes on or ends") {
            Ok(0) => panic!("closed in order after {read} bytes"),
            Ok(more) => read += more,
            Err(error) => break error,
        }
        assert!(begun.elapsed() < SOON, "progress does not extend the deadline: {read} bytes");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn unread_response_leaves_nothing_in_the_kernel() {
    // All of it is in the kernel's memory before the connection ends.
    let options = Options { write_timeout: Duration::from_millis(200), ..quick() };
    let server = TestServer::start(Router::new().route("/", get(async || vec![0_u8; 48 * 1024])), options).await;
    let mut client = server.connect_with_small_buffer().await;
    client.write_all(GET).await.expect("sent");
    some(&mut client).await;
    let begun = Instant::now();
    while kernel_knows(server.address, client.local_addr().expect("an address")) {
        assert!(begun.elapsed() < SOON, "the kernel still has it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether the server's side of a connection exists.
fn kernel_knows(server: SocketAddr, client: SocketAddr) -> bool {
    let ends = [server, client].map(|end| format!("0100007F:{:04X}", end.port()));
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    table.lines().any(|line| line.contains(&ends.join(" ")))
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_permit() {
    let options = Options { max_connections: 1, header_timeout: SOON, ..quick() };
    let server = TestServer::start(hello(), options).await;
    let mut first = server.connect().await;
    first.write_all(GET).await.expect("sent");
    assert!(some(&mut first).await.starts_with("HTTP/1.1 200"));
    let mut second = server.connect().await;
    second.write_all(GET).await.expect("sent");
    let waited = timeout(Duration::from_millis(100), second.read(&mut [0; 1])).await;
    assert!(waited.is_err(), "there is no place yet");
    drop(first);
    assert!(some(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_finishes_requests() {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (entered, go_on) = (entered.clone(), go_on.clone());
        move || async move {
            entered.notify_one();
            go_on.notified().await;
            "finished"
        }
    };
    let options = Options { header_timeout: Duration::from_secs(60), ..quick() };
    let server = TestServer::start(hello().route("/slow", get(handler)), options).await;
    let mut silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.write_all(GET).await.expect("sent");
    some(&mut idle).await;
    let mut running = server.connect().await;
    running.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    entered.notified().await;

    server.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut silent).await, "");
    assert!(TcpStream::connect(server.address).await.is_err(), "nothing more is accepted");
    go_on.notify_one();
    assert!(rest(&mut running).await.ends_with("finished"));
    assert_eq!(server.ended().await, Served { unfinished: 0 });
}

#[tokio::test]
async fn shutdown_is_bounded_by_the_drain_time() {
    let stuck = Router::new().route("/", get(std::future::pending::<()>));
    let server = TestServer::start(stuck, Options { drain: Duration::from_millis(100), ..quick() }).await;
    let mut client = server.connect().await;
    client.write_all(GET).await.expect("sent");
    // A second connection that is answered shows that the first was accepted.
    let mut other = server.connect().await;
    other.write_all(b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("sent");
    assert!(rest(&mut other).await.starts_with("HTTP/1.1 404"));
    assert_eq!(server.ended().await, Served { unfinished: 1 });
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test]
async fn upgraded_connection_keeps_its_permit_past_shutdown() {
    let (give, take) = tokio::sync::mpsc::channel(1);
    let handler = move |mut request: axum::extract::Request| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move { give.send(upgrade.await.expect("an upgrade")).await });
        (http::StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "x")])
    };
    let options = Options { max_connections: 1, ..quick() };
    let server = TestServer::start(Router::new().route("/", get(handler)), options).await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await.expect("sent");
    assert!(some(&mut client).await.starts_with("HTTP/1.1 101"));
    let mut take = take;
    let upgraded = timeout(SOON, take.recv()).await.expect("in time").expect("an upgrade");
    let parts = upgraded.downcast::<TokioIo<Stream>>().expect("the server's own stream");
    let mut stream = parts.io.into_inner();

    let mut waiting = server.connect().await;
    waiting.write_all(GET).await.expect("sent");
    assert!(timeout(Duration::from_millis(100), waiting.read(&mut [0; 1])).await.is_err(), "its place is taken");
    assert_eq!(server.ended().await, Served { unfinished: 0 });
    stream.write_all(b"still here").await.expect("sent");
    assert_eq!(some(&mut client).await, "still here");
}
