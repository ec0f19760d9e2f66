//! A WebSocket without a library, to send bytes that no well-behaved client sends.

use std::{
    future::pending,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{interval, sleep},
};

use super::{
    http_client::HttpClient,
    wait::{SOON, within},
};

const CLOSE: u8 = 0x8;

/// A TCP connection after the upgrade.
pub struct RawSocket {
    stream: TcpStream,
}

impl RawSocket {
    /// Connects and upgrades with the client's session.
    pub async fn connect(http_client: &HttpClient) -> Self {
        let (stream, head) = handshake(http_client, "").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "the key of RFC 6455, section 1.3: {head}");
        Self { stream }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the server reads");
    }

    /// Sends bytes to a server that may have closed the connection.
    ///
    /// # Errors
    /// The server has closed the connection.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Returns the next frame's opcode and payload; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        within(SOON, "a frame", self.frame()).await
    }

    /// Reads frames until the close frame and returns its code.
    pub async fn close_code(&mut self) -> Option<u16> {
        within(SOON, "a close frame", async {
            loop {
                let (opcode, payload) = self.frame().await?;
                if opcode == CLOSE {
                    return Some(u16::from_be_bytes([*payload.first()?, *payload.get(1)?]));
                }
            }
        })
        .await
    }

    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await.ok()?;
        let second = self.stream.read_u8().await.ok()?;
        assert_eq!(second & 0x80, 0, "a server must not mask");
        let length = match second & 0x7f {
            126 => u64::from(self.stream.read_u16().await.ok()?),
            127 => self.stream.read_u64().await.ok()?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).ok()?];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((first & 0x0f, payload))
    }
}

/// Builds a client's frame, masked with zeros so that the payload stays legible.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let short = u8::try_from(payload.len()).ok().filter(|length| *length < 126).expect("a short payload");
    [&[first, 0x80 | short, 0, 0, 0, 0], payload].concat()
}

/// Requests an upgrade with these additional header lines and returns the head of the response.
pub async fn handshake(http_client: &HttpClient, headers: &str) -> (TcpStream, String) {
    let upgraded = within(SOON, "a response to the upgrade", try_handshake(http_client, headers)).await;
    upgraded.expect("the server responds")
}

/// Does the same with a server that may be down or may close the connection.
///
/// # Errors
/// The error of the connection.
pub async fn try_handshake(http_client: &HttpClient, headers: &str) -> std::io::Result<(TcpStream, String)> {
    let stream = TcpStream::connect(http_client.base().trim_start_matches("http://")).await?;
    upgrade_on(stream, http_client, headers).await
}

/// Requests an upgrade on an open connection.
///
/// # Errors
/// The error of the connection.
pub async fn upgrade_on(
    mut stream: TcpStream,
    http_client: &HttpClient,
    headers: &str,
) -> std::io::Result<(TcpStream, String)> {
    let address = http_client.base().trim_start_matches("http://");
    let cookie = http_client.cookie().unwrap_or_default();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: {cookie}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok((stream, String::from_utf8_lossy(&head).into_owned()))
}

/// Sends half of a request's head, then a byte each second. Returns how long the server keeps the connection, at most
/// `limit`.
pub async fn half_sent_head(base: &str, limit: Duration) -> Duration {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await.expect("the server listens");
    let begun = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.expect("the server reads");
    let (mut reading, mut writing) = stream.split();
    let mut response = vec![];
    let dribble = async {
        let mut ticks = interval(Duration::from_secs(1));
        while writing.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
        pending::<()>().await;
    };
    tokio::select! {
        _closed = reading.read_to_end(&mut response) => {}
        () = dribble => {}
        () = sleep(limit) => {}
    }
    begun.elapsed()
}

/// Returns a socket that has joined and is never read. Its receive buffer is the smallest the system allows.
pub async fn stalled_client(http_client: &HttpClient) -> TcpStream {
    joined_with_buffer(http_client, 1).await
}

/// Returns a socket that has joined, with a receive buffer of about this many bytes and the segment size of Ethernet (1448
/// bytes of payload; those of loopback hide what a slow line shows).
pub async fn joined_with_buffer(http_client: &HttpClient, bytes: usize) -> TcpStream {
    let address: std::net::SocketAddr = http_client.base().trim_start_matches("http://").parse().expect("an address");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(bytes).expect("a buffer");
    socket.set_tcp_mss(1460).expect("a segment size");
    socket.connect(&address.into()).expect("the server listens");
    socket.set_nonblocking(true).expect("a socket");
    let stream = TcpStream::from_std(socket.into()).expect("a runtime");
    let (mut stream, _) = upgrade_on(stream, http_client, "").await.expect("an upgrade");
    stream.write_all(&masked(0x81, br#"{"type":"join"}"#)).await.expect("the server reads");
    stream
}
