//! A WebSocket client, independent of the server's code.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::watch, task::JoinHandle};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest, http},
};

use super::{
    http_client::HttpClient,
    schema,
    transcript::Transcript,
    wait::{SOON, within},
};

/// Number of frames that a failing wait prints.
const SHOWN_ON_FAILURE: usize = 20;

/// A signed-in person's WebSocket and its transcript. Dropping it ends the connection without a close frame.
pub struct WsClient {
    /// The HTTP client with its session.
    pub http_client: HttpClient,
    /// The subprotocol that the server selected.
    pub subprotocol: Option<String>,
    sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    transcript: watch::Receiver<Transcript>,
    reader: JoinHandle<()>,
}

/// A response that refuses an upgrade.
#[derive(Debug)]
pub struct UpgradeRefusal {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: http::HeaderMap,
}

impl WsClient {
    /// Signs in, connects and joins; returns after the welcome.
    pub async fn sign_in_and_join(http_client: &HttpClient, name: &str) -> Self {
        http_client.sign_in(name).await.redirects_to("/chat");
        Self::connect_and_join(http_client).await
    }

    /// Connects with the client's session and joins.
    pub async fn connect_and_join(http_client: &HttpClient) -> Self {
        let mut client = Self::connect(http_client).await;
        client.join(None).await;
        client
    }

    /// Connects and joins with the last id.
    pub async fn rejoin(http_client: &HttpClient, since: &str) -> Self {
        let mut client = Self::connect(http_client).await;
        client.join(Some(since)).await;
        client
    }

    /// Connects as a page of the same origin, without joining.
    pub async fn connect(http_client: &HttpClient) -> Self {
        let origin = http_client.base().to_owned();
        Self::try_connect(http_client, &[("origin", &origin), ("sec-websocket-protocol", "ruang.v1")])
            .await
            .unwrap_or_else(|refused| panic!("the upgrade was refused: {refused:?}"))
    }

    /// Connects with these headers and the cookie.
    pub async fn try_connect(http_client: &HttpClient, headers: &[(&str, &str)]) -> Result<Self, UpgradeRefusal> {
        let (address, request) = upgrade_request(http_client, headers);
        let upgrade = async {
            let stream = TcpStream::connect(address).await.expect("the server listens");
            client_async(request, stream).await
        };
        match within(SOON, "a response to the upgrade", upgrade).await {
            Ok((socket, response)) => Ok(Self::over(http_client.clone(), socket, &response)),
            Err(tungstenite::Error::Http(response)) => {
                Err(UpgradeRefusal { status: response.status().as_u16(), headers: response.headers().clone() })
            }
            Err(error) => panic!("the upgrade failed: {error}"),
        }
    }

    /// Sends `join` and waits for the next welcome.
    pub async fn join(&mut self, since: Option<&str>) {
        let before = self.transcript.borrow().welcomes.len();
        self.send(match since {
            Some(since) => json!({"type": "join", "since": since}),
            None => json!({"type": "join"}),
        })
        .await;
        self.expect("a welcome", |transcript| transcript.welcomes.len() > before).await;
    }

    /// Sends a message and returns its nonce.
    pub async fn send_text(&mut self, text: &str) -> String {
        static NEXT_NONCE: AtomicU64 = AtomicU64::new(1);
        let nonce = format!("n-{}", NEXT_NONCE.fetch_add(1, Ordering::Relaxed));
        self.send_with_nonce(&nonce, text).await;
        nonce
    }

    /// Sends a message with this nonce.
    pub async fn send_with_nonce(&mut self, nonce: &str, text: &str) {
        self.send(json!({"type": "message", "nonce": nonce, "text": text})).await;
    }

    /// Sends a message, waits for its ack and returns its id.
    pub async fn send_acked(&mut self, text: &str) -> String {
        let nonce = self.send_text(text).await;
        self.expect("the ack", |transcript| transcript.acked(&nonce).is_some())
            .await
            .acked(&nonce)
            .expect("present")
            .to_owned()
    }

    /// Sends `ping` and waits for the pong: all frames sent before have then been received.
    pub async fn catch_up(&mut self) -> Transcript {
        let before = self.transcript.borrow().pongs.len();
        self.send(json!({"type": "ping"})).await;
        self.expect("a pong", |transcript| transcript.pongs.len() > before).await
    }

    /// Sends a frame of the protocol.
    pub async fn send(&mut self, frame: Value) {
        schema::validate("client_frame", &frame).expect("a frame of the protocol");
        self.send_invalid(frame).await;
    }

    /// Sends a text frame of any JSON.
    pub async fn send_invalid(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    /// Sends any frame; no effect on a connection that has ended.
    pub async fn send_raw(&mut self, frame: Message) {
        let _ = within(SOON, "the server reads", self.sink.send(frame)).await;
    }

    /// Returns a copy of the transcript so far.
    pub fn transcript(&self) -> Transcript {
        self.transcript.borrow().clone()
    }

    /// Waits until the transcript meets a condition, at most [`SOON`].
    pub async fn expect(&mut self, what: &str, condition: impl Fn(&Transcript) -> bool) -> Transcript {
        self.expect_within(SOON, what, condition).await
    }

    /// Waits until the transcript meets a condition. Fails as soon as a frame violates the protocol.
    pub async fn expect_within(
        &mut self,
        limit: Duration,
        what: &str,
        condition: impl Fn(&Transcript) -> bool,
    ) -> Transcript {
        let done = |transcript: &Transcript| !transcript.violations.is_empty() || condition(transcript);
        let waited = tokio::time::timeout(limit, self.transcript.wait_for(done)).await.map(|waited| waited.is_ok());
        let transcript = self.transcript();
        assert!(
            transcript.violations.is_empty(),
            "the protocol was violated: {:?}\n{}",
            transcript.violations,
            last_frames(&transcript)
        );
        match waited {
            Ok(true) => transcript,
            Ok(false) => {
                panic!("{what}: the connection ended first ({:?})\n{}", transcript.closed, last_frames(&transcript))
            }
            Err(_) => panic!("{what}: not within {limit:?}\n{}", last_frames(&transcript)),
        }
    }

    /// Waits until this text of this person is shown.
    pub async fn wait_for_text(&mut self, from: &str, text: &str) -> Transcript {
        self.expect(&format!("{from} sends {text:?}"), |transcript| transcript.shows(from, text)).await
    }

    /// Waits until exactly these people are in the room.
    pub async fn wait_for_members(&mut self, names: &[&str]) -> Transcript {
        let here = |transcript: &Transcript| {
            transcript.members.iter().eq(sorted(names)) && transcript.count == names.len() as u64
        };
        self.expect(&format!("the members are {names:?}"), here).await
    }

    /// Waits for the end of the connection and returns the close frame's code.
    pub async fn wait_for_close(&mut self, limit: Duration) -> Option<u16> {
        self.expect_within(limit, "the server closes", |transcript| transcript.closed.is_some())
            .await
            .closed
            .expect("present")
    }

    /// Waits for a `bye` with this reason and the close frame with this code.
    pub async fn wait_for_bye(&mut self, limit: Duration, reason: &str, code: u16) -> Transcript {
        let found = self.wait_for_close(limit).await;
        let transcript = self.transcript();
        let reasons: Vec<_> = transcript.byes.iter().map(|bye| bye["reason"].as_str().unwrap_or("(none)")).collect();
        assert_eq!((reasons.as_slice(), found), ([reason].as_slice(), Some(code)), "{}", last_frames(&transcript));
        transcript
    }

    /// Closes the connection as a browser does when its tab is closed.
    pub async fn leave(mut self) {
        self.send_raw(Message::Close(None)).await;
        self.wait_for_close(SOON).await;
    }

    fn over(
        http_client: HttpClient,
        socket: WebSocketStream<TcpStream>,
        response: &http::Response<Option<Vec<u8>>>,
    ) -> Self {
        let subprotocol = response.headers().get("sec-websocket-protocol");
        let subprotocol = subprotocol.map(|value| value.to_str().expect("a header of ASCII").to_owned());
        let (sink, mut stream) = socket.split();
        let (sender, transcript) = watch::channel(Transcript::default());
        let reader = tokio::spawn(async move {
            let mut code = None;
            while let Some(Ok(frame)) = stream.next().await {
                match frame {
                    Message::Text(text) => sender.send_modify(|transcript| transcript.apply(&text)),
                    Message::Binary(_) => {
                        sender.send_modify(|transcript| transcript.violations.push("a binary frame".to_owned()));
                    }
                    Message::Close(frame) => code = frame.map(|frame| u16::from(frame.code)),
                    _ => {}
                }
            }
            sender.send_modify(|transcript| transcript.closed = Some(code));
        });
        Self { http_client, subprotocol, sink, transcript, reader }
    }
}

/// Returns the address and the upgrade request, with these headers and the cookie.
pub fn upgrade_request(http_client: &HttpClient, headers: &[(&str, &str)]) -> ((String, u16), http::Request<()>) {
    let url = Url::parse(http_client.base()).expect("an address");
    let address = (url.host_str().expect("a host").to_owned(), url.port_or_known_default().expect("a port"));
    let socket = format!("{}/ws", http_client.base().replacen("http", "ws", 1));
    let mut request = socket.into_client_request().expect("an address");
    let cookie = http_client.cookie();
    for (name, value) in headers.iter().copied().chain(cookie.as_deref().map(|cookie| ("cookie", cookie))) {
        let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        request.headers_mut().insert(name, value.parse().expect("a header's value"));
    }
    (address, request)
}

impl Drop for WsClient {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn sorted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

fn last_frames(transcript: &Transcript) -> String {
    let from = transcript.frames.len().saturating_sub(SHOWN_ON_FAILURE);
    let frames: Vec<_> = transcript.frames[from..].iter().map(Value::to_string).collect();
    format!("--- the last frames (of {}):\n{}", transcript.frames.len(), frames.join("\n"))
}
