//! Attacks by HTTP requests.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::kit::HttpClient;

const HISTORY: &str = "/api/messages?limit=200";

#[derive(Clone, Copy, Debug)]
pub enum RequestAttack {
    /// Requests pages of every kind, without a pause.
    Pages,
    /// Requests compressed history, without a pause.
    CompressedHistory,
    /// Requests history and reads one KiB per second.
    SlowReads,
}

pub async fn run(attack: RequestAttack, http_client: &HttpClient) -> std::io::Result<()> {
    match attack {
        RequestAttack::Pages => {
            for path in [HISTORY, "/chat", "/api/members?limit=200"].repeat(10) {
                let _ = http_client.try_get(path).await;
            }
        }
        RequestAttack::CompressedHistory => {
            for path in [HISTORY, "/chat"].repeat(20) {
                let request = http_client.request(Method::GET, path).header("accept-encoding", "gzip");
                if let Ok(response) = request.send().await {
                    let _ = response.bytes().await;
                }
            }
        }
        RequestAttack::SlowReads => read_slowly(http_client).await?,
    }
    Ok(())
}

/// Sends wrong tokens to the API and the login form, and a request with many wrong cookies.
pub async fn guess(http_client: &HttpClient, round: u64) {
    for n in 0..10 {
        let guess = format!("a-guessed-token-{round}-{n}");
        let api = http_client.request(Method::POST, "/api/operator").bearer_auth(&guess);
        let _ = api.json(&json!({"act": "slow", "interval": "1h"})).send().await;
        let login = http_client.request(Method::POST, "/operator/enter");
        let _ = login.form(&[("token", guess.as_str())]).send().await;
    }
    let cookies: Vec<String> = (0..100).map(|n| format!("ruang-operator={round}{n}.00")).collect();
    let _ = http_client.request(Method::GET, "/operator").header("cookie", cookies.join("; ")).send().await;
    sleep(Duration::from_secs(1)).await;
}

pub async fn send_endless_head(base: &str) -> std::io::Result<()> {
    let mut stream = start_request(base).await?;
    loop {
        stream.write_all(b"x").await?;
        sleep(Duration::from_secs(1)).await;
    }
}

pub async fn connect_and_reset(base: &str) -> std::io::Result<()> {
    let stream = start_request(base).await?;
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))
}

async fn start_request(base: &str) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX: ").await?;
    Ok(stream)
}

/// The receive buffer is as small as the system allows, so that the response waits at the server.
async fn read_slowly(http_client: &HttpClient) -> std::io::Result<()> {
    let address = http_client.base().trim_start_matches("http://").to_owned();
    let server: std::net::SocketAddr = address.parse().map_err(std::io::Error::other)?;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(1)?;
    socket.connect(&server.into())?;
    socket.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(socket.into())?;
    let cookie = http_client.cookie().unwrap_or_default();
    let request = format!("GET {HISTORY} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut part = [0; 1024];
    while stream.read(&mut part).await? > 0 {
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
