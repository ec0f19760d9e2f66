//! Attacks on a WebSocket.

use std::time::Duration;

use serde_json::json;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink},
    net::TcpStream,
    time::sleep,
};

use crate::kit::{
    HttpClient,
    raw::{masked, try_handshake},
};

const JOIN: &[u8] = br#"{"type":"join"}"#;
const PING: &[u8] = br#"{"type":"ping"}"#;

/// Frames of each burst of a flood, and their interval: ten thousand frames per second.
const BURST: usize = 500;
const BURST_INTERVAL: Duration = Duration::from_millis(50);
/// Bursts of one flood, which lasts ten seconds.
const BURSTS: usize = 200;

#[derive(Clone, Copy, Debug)]
pub enum SocketAttack {
    /// WebSocket pings by the hundred, whose pongs are not read.
    UnreadPings,
    /// Bytes that are not frames.
    Noise,
    /// Joins again and again without reading the welcomes, then resets.
    UnreadJoins,
    /// A message in parts without end.
    EndlessParts,
    /// One byte per second.
    SlowBytes,
    /// Frames that are not of the protocol, until the server closes.
    Mistakes,
    /// A flood of the protocol's pings; reads the pongs.
    PingFlood,
    /// A flood of WebSocket pings; reads the pongs.
    WebSocketPingFlood,
    /// A flood of the protocol's pings without a join.
    PingFloodBeforeJoin,
    /// A flood of joins; reads the welcomes.
    JoinFlood,
    /// A flood of typing frames.
    TypingFlood,
    /// A flood of empty continuation frames.
    EmptyContinuations,
    /// The longest texts of four-byte characters, at two per second.
    BigTexts,
}

pub async fn run(attack: SocketAttack, http_client: &HttpClient) -> std::io::Result<()> {
    let (stream, head) = try_handshake(http_client, "").await?;
    if !head.starts_with("HTTP/1.1 101 ") {
        return Ok(());
    }
    let join = masked(0x81, JOIN);
    match attack {
        SocketAttack::UnreadPings | SocketAttack::UnreadJoins => run_unread(attack, stream).await,
        SocketAttack::Noise | SocketAttack::EndlessParts | SocketAttack::SlowBytes => {
            run_malformed(attack, stream).await
        }
        SocketAttack::Mistakes => send_mistakes(stream).await,
        SocketAttack::PingFlood => flood(stream, &join, &masked(0x81, PING)).await,
        SocketAttack::WebSocketPingFlood => flood(stream, &join, &masked(0x89, b"x")).await,
        SocketAttack::PingFloodBeforeJoin => flood(stream, b"", &masked(0x81, PING)).await,
        SocketAttack::JoinFlood => flood(stream, b"", &join).await,
        SocketAttack::TypingFlood => flood(stream, &join, &masked(0x81, br#"{"type":"typing","active":true}"#)).await,
        SocketAttack::EmptyContinuations => {
            let start = [join, masked(0x01, b"{")].concat();
            flood(stream, &start, &masked(0x00, b"")).await
        }
        SocketAttack::BigTexts => send_big_texts(stream).await,
    }
}

/// Sends a frame ten thousand times per second and reads what comes, until the server closes or the flood ends.
async fn flood(stream: TcpStream, start: &[u8], frame: &[u8]) -> std::io::Result<()> {
    let ((mut reader, mut writer), mut discarded) = (stream.into_split(), sink());
    writer.write_all(start).await?;
    let burst = frame.repeat(BURST);
    let sends = async {
        for _ in 0..BURSTS {
            writer.write_all(&burst).await?;
            sleep(BURST_INTERVAL).await;
        }
        Ok(())
    };
    tokio::select! {
        sent = sends => sent,
        read = copy(&mut reader, &mut discarded) => read.map(drop),
    }
}

async fn send_big_texts(stream: TcpStream) -> std::io::Result<()> {
    let ((mut reader, mut writer), mut discarded) = (stream.into_split(), sink());
    writer.write_all(&masked(0x81, JOIN)).await?;
    let sends = async {
        for n in 0..20 {
            let text = "\u{1f642}".repeat(2000);
            let message = json!({"type": "message", "nonce": format!("b{n}"), "text": text});
            writer.write_all(&long_frame(message.to_string().as_bytes())).await?;
            sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    };
    tokio::select! {
        sent = sends => sent,
        read = copy(&mut reader, &mut discarded) => read.map(drop),
    }
}

/// Builds a client's text frame of up to 64 KiB, masked with zeros.
fn long_frame(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("less than 64 KiB").to_be_bytes();
    [&[0x81, 0x80 | 126], length.as_slice(), &[0; 4], payload].concat()
}

async fn run_unread(attack: SocketAttack, mut stream: TcpStream) -> std::io::Result<()> {
    let join = masked(0x81, JOIN);
    if let SocketAttack::UnreadPings = attack {
        stream.write_all(&join).await?;
        for _ in 0..10 {
            stream.write_all(&masked(0x89, &[b'p'; 100]).repeat(100)).await?;
            sleep(Duration::from_millis(200)).await;
        }
        return Ok(());
    }
    for _ in 0..15 {
        stream.write_all(&join).await?;
        sleep(Duration::from_millis(1100)).await;
    }
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))
}

async fn run_malformed(attack: SocketAttack, mut stream: TcpStream) -> std::io::Result<()> {
    match attack {
        SocketAttack::Noise => stream.write_all(&(0..=255).cycle().take(4096).collect::<Vec<u8>>()).await?,
        SocketAttack::EndlessParts => {
            stream.write_all(&masked(0x01, b"{")).await?;
            for _ in 0..100 {
                stream.write_all(&masked(0x00, &[b' '; 100]).repeat(20)).await?;
                sleep(Duration::from_millis(20)).await;
            }
        }
        _ => {
            for byte in [masked(0x81, JOIN), masked(0x81, PING)].concat() {
                stream.write_all(&[byte]).await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
    Ok(())
}

async fn send_mistakes(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(&masked(0x81, JOIN)).await?;
    for wrong in ["[", "{}", r#"{"type":"message"}"#, r#"{"type":"message","nonce":"n","text":" "}"#].repeat(3) {
        stream.write_all(&masked(0x81, wrong.as_bytes())).await?;
    }
    stream.read_to_end(&mut vec![]).await.map(drop)
}
