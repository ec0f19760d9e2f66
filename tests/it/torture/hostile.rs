//! Clients that mean harm, for as long as a soak lasts: each does one thing, again and again, at a bounded rate.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::kit::{
    HttpClient,
    raw::{masked, try_handshake},
};

/// How long one attempt may take; the next comes a little later.
const ATTEMPT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(300);

/// What one of them does.
#[derive(Clone, Copy, Debug)]
enum Attack {
    /// Pings by the hundred, none of whose answers is read.
    Pings,
    /// Bytes that are no frames.
    Noise,
    /// Joins again and again, and reads nothing of the welcomes; then vanishes.
    Deaf,
    /// A message in parts without end.
    Parts,
    /// A byte a second.
    Dribble,
    /// Frames that are not of the protocol, until it is sent away.
    Mistakes,
    /// Pages of history, without a pause.
    Pages,
    /// A head that never ends.
    Head,
    /// Signs in and out, with names of any shape.
    Names,
    /// Connects and resets.
    Resets,
}

const ALL: [Attack; 10] = [
    Attack::Pings,
    Attack::Noise,
    Attack::Deaf,
    Attack::Parts,
    Attack::Dribble,
    Attack::Mistakes,
    Attack::Pages,
    Attack::Head,
    Attack::Names,
    Attack::Resets,
];

/// Starts this many against one instance. They end when the set is dropped.
pub fn start(base: &str, count: usize) -> JoinSet<()> {
    let mut all = JoinSet::new();
    for i in 0..count {
        let base = base.to_owned();
        all.spawn(async move {
            for round in 0_u64.. {
                // Whatever the server does, the next attempt comes.
                let _ = timeout(ATTEMPT, attempt(ALL[i % ALL.len()], &base, i, round)).await;
                sleep(PAUSE).await;
            }
        });
    }
    all
}

async fn attempt(attack: Attack, base: &str, i: usize, round: u64) -> std::io::Result<()> {
    if matches!(attack, Attack::Head | Attack::Resets) {
        return without_a_session(attack, base).await;
    }
    let http_client = HttpClient::new(base);
    let name = if matches!(attack, Attack::Names) { shape(i, round) } else { format!("jahat {i}") };
    let signed_in = http_client.request(Method::POST, "/").form(&[("username", name.as_str())]).send().await;
    if matches!(attack, Attack::Names) || !signed_in.is_ok_and(|response| response.status().as_u16() == 303) {
        let _ = http_client.request(Method::POST, "/logout").send().await;
        return Ok(());
    }
    if matches!(attack, Attack::Pages) {
        for path in ["/api/messages?limit=200", "/chat", "/api/members?limit=200"].repeat(10) {
            let _ = http_client.try_get(path).await;
        }
    } else {
        on_a_socket(attack, &http_client).await?;
    }
    let _ = http_client.request(Method::POST, "/logout").send().await;
    Ok(())
}

async fn without_a_session(attack: Attack, base: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX: ").await?;
    if matches!(attack, Attack::Resets) {
        return socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
    loop {
        stream.write_all(b"x").await?;
        sleep(Duration::from_secs(1)).await;
    }
}

async fn on_a_socket(attack: Attack, http_client: &HttpClient) -> std::io::Result<()> {
    let (mut stream, head) = try_handshake(http_client, "").await?;
    if !head.starts_with("HTTP/1.1 101 ") {
        return Ok(());
    }
    let join = masked(0x81, br#"{"type":"join"}"#);
    match attack {
        Attack::Pings => {
            stream.write_all(&join).await?;
            for _ in 0..10 {
                stream.write_all(&masked(0x89, &[b'p'; 100]).repeat(100)).await?;
                sleep(Duration::from_millis(200)).await;
            }
        }
        Attack::Noise => stream.write_all(&(0..=255).cycle().take(4096).collect::<Vec<u8>>()).await?,
        Attack::Deaf => {
            for _ in 0..15 {
                stream.write_all(&join).await?;
                sleep(Duration::from_millis(1100)).await;
            }
            return socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
        Attack::Parts => {
            stream.write_all(&masked(0x01, b"{")).await?;
            for _ in 0..100 {
                stream.write_all(&masked(0x00, &[b' '; 100]).repeat(20)).await?;
                sleep(Duration::from_millis(20)).await;
            }
        }
        Attack::Dribble => {
            for byte in join.iter().chain(&masked(0x81, json!({"type": "ping"}).to_string().as_bytes())) {
                stream.write_all(&[*byte]).await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        _ => {
            stream.write_all(&join).await?;
            for wrong in ["[", "{}", r#"{"type":"message"}"#, r#"{"type":"message","nonce":"n","text":" "}"#].repeat(3)
            {
                stream.write_all(&masked(0x81, wrong.as_bytes())).await?;
            }
            stream.read_to_end(&mut vec![]).await?;
        }
    }
    Ok(())
}

/// A name, or something that is none.
fn shape(i: usize, round: u64) -> String {
    match round % 5 {
        0 => format!("jahat {i} {round}"),
        1 => "x".repeat(30_000),
        2 => "\u{202e}jahat".to_owned(),
        3 => "a\u{301}\u{302}\u{303}\u{304}\u{305}".to_owned(),
        _ => "<script>".to_owned(),
    }
}
