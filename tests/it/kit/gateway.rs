//! An HTTP gateway between browsers and an instance, which may answer some requests itself.

use std::{net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// Connections at once: more are not accepted.
const CONNECTIONS: usize = 256;
/// The longest head of a request.
const HEAD: usize = 16 * 1024;

/// A reply by the gateway itself: for requests whose path contains the first, with the second as status line and headers.
type Rule = (String, String);

/// A gateway on a port of its own. It stops, and its connections end, when it is dropped.
pub struct Gateway {
    port: u16,
    rules: watch::Sender<Vec<Rule>>,
    serving: JoinHandle<()>,
}

impl Gateway {
    /// Passes everything to this port, each request `latency` later.
    pub async fn to(target: u16, latency: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let rules = watch::Sender::new(Vec::new());
        let serving = tokio::spawn(serve(listener, target, latency, rules.subscribe()));
        Self { port, rules, serving }
    }

    /// Its address for browsers.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on, replies to requests whose path contains this with a status and headers.
    pub fn respond_with(&self, path: &str, head: &str) {
        self.rules.send_modify(|rules| rules.push((path.to_owned(), head.to_owned())));
    }

    /// Passes everything again.
    pub fn pass(&self) {
        self.rules.send_modify(Vec::clear);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, target: u16, latency: Duration, rules: watch::Receiver<Vec<Rule>>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < CONNECTIONS => {
                let Ok((client, _)) = accepted else { continue };
                open.spawn(connect(client, target, latency, rules.clone()));
            }
            Some(_) = open.join_next() => {}
        }
    }
}

/// Passes one request, or answers it; the connection then ends.
async fn connect(mut client: TcpStream, target: u16, latency: Duration, rules: watch::Receiver<Vec<Rule>>) {
    let Some(head) = read_head(&mut client).await else { return };
    sleep(latency).await;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let own = rules.borrow().iter().find(|(part, _)| path.contains(part)).map(|(_, head)| head.clone());
    if let Some(own) = own {
        let response = format!("HTTP/1.1 {own}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let _ = client.write_all(response.as_bytes()).await;
        return;
    }
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let head = if head.to_ascii_lowercase().contains("\r\nupgrade: websocket") { head } else { closing(&head) };
    if server.write_all(head.as_bytes()).await.is_ok() {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// The head, and the part of the body that was read with it.
async fn read_head(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let length = client.read(&mut piece).await.ok().filter(|&length| length > 0 && head.len() < HEAD)?;
        head.extend_from_slice(&piece[..length]);
    }
    String::from_utf8(head).ok()
}

/// The same request on a connection that ends after it: each request comes by here.
fn closing(head: &str) -> String {
    let lines = head
        .split("\r\n")
        .map(|line| if line.to_ascii_lowercase().starts_with("connection:") { "connection: close" } else { line });
    lines.collect::<Vec<_>>().join("\r\n")
}
