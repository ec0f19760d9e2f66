//! A WebSocket without a library: bytes that no well-behaved client would send.

use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    http_client::HttpClient,
    wait::{SOON, within},
};

const CLOSE: u8 = 0x8;

/// A TCP connection on which the upgrade has been done.
pub struct RawSocket {
    stream: TcpStream,
}

impl RawSocket {
    /// Upgrades with the visitor's session.
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

    /// Sends bytes to a server that may not want them any more.
    ///
    /// # Errors
    /// That it does not.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next frame's opcode and payload; none at the end of the stream.
    pub async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        within(SOON, "a frame", self.frame()).await
    }

    /// Reads frames until the close frame, and answers its code.
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

/// A client's frame: masked with zeros, so the payload stays legible.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let short = u8::try_from(payload.len()).ok().filter(|length| *length < 126).expect("a short payload");
    [&[first, 0x80 | short, 0, 0, 0, 0], payload].concat()
}

/// Asks for an upgrade with these header lines besides, and answers the head of what came back.
pub async fn handshake(http_client: &HttpClient, more: &str) -> (TcpStream, String) {
    let upgraded = within(SOON, "the upgrade is answered", try_handshake(http_client, more)).await;
    upgraded.expect("the server listens and answers")
}

/// The same, with a server that may not be there or not want to.
///
/// # Errors
/// What kept it from answering.
pub async fn try_handshake(http_client: &HttpClient, more: &str) -> std::io::Result<(TcpStream, String)> {
    let stream = TcpStream::connect(http_client.base().trim_start_matches("http://")).await?;
    upgrade_on(stream, http_client, more).await
}

/// Asks for an upgrade on a connection that is there.
///
/// # Errors
/// What kept the server from answering.
pub async fn upgrade_on(
    mut stream: TcpStream,
    http_client: &HttpClient,
    more: &str,
) -> std::io::Result<(TcpStream, String)> {
    let address = http_client.base().trim_start_matches("http://");
    let cookie = http_client.cookie().unwrap_or_default();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: {cookie}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok((stream, String::from_utf8_lossy(&head).into_owned()))
}

/// A socket that has joined and is never read. It takes in as little as the system allows, as on Ethernet.
pub async fn stalled_client(http_client: &HttpClient) -> TcpStream {
    let address: std::net::SocketAddr = http_client.base().trim_start_matches("http://").parse().expect("an address");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(1).expect("a buffer");
    socket.set_tcp_mss(1460).expect("a segment size");
    socket.connect(&address.into()).expect("the server listens");
    socket.set_nonblocking(true).expect("a socket");
    let stream = TcpStream::from_std(socket.into()).expect("a runtime");
    let (mut stream, _) = upgrade_on(stream, http_client, "").await.expect("an upgrade");
    stream.write_all(&masked(0x81, br#"{"type":"join"}"#)).await.expect("the server reads");
    stream
}
