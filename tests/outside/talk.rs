//! Clients that chat during changes to the installation and reconnect as a page does.

use std::{
    collections::HashSet,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    http_client::HttpClient,
    transcript::{ChatMessage, Transcript},
    ws_client::WsClient,
};

/// Pause between a reply and the next send.
const PAUSE: Duration = Duration::from_millis(200);
/// Longer than any reply or failover takes.
const LIMIT: Duration = Duration::from_secs(60);

/// A client with an outbox and a history over all its connections.
pub struct Chatter {
    name: String,
    http_client: HttpClient,
    client: WsClient,
    received: Vec<ChatMessage>,
    left: Vec<String>,
    sent: usize,
    pending: Option<(String, Instant)>,
    acked: Vec<(String, String)>,
    longest: Duration,
    reconnects: usize,
}

/// Lets clients with these names chat while a file, created here, exists. No message may be lost, duplicated or reordered,
/// and no client may leave.
pub async fn talk(url: &str, names: &[String], file: &Path) {
    let mut chatters = Vec::new();
    for name in names {
        chatters.push(Chatter::sign_in(url, name).await);
    }
    for chatter in &mut chatters {
        let all = |transcript: &Transcript| names.iter().all(|name| transcript.members.contains(name));
        chatter.client.expect("all members", all).await;
    }
    std::fs::write(file, "").expect("the file");
    join_all(chatters.iter_mut().map(|chatter| chatter.talk_while(file))).await;
    for chatter in &mut chatters {
        chatter.finish().await;
    }
    let acked: HashSet<(String, String)> = chatters.iter().flat_map(|chatter| chatter.acked.clone()).collect();
    for chatter in &mut chatters {
        chatter.receive_all(&acked).await;
        chatter.check(names, &acked);
    }
    assert!(chatters.iter().all(|chatter| !chatter.acked.is_empty()), "every client has sent a message");
    let orders: Vec<Vec<&str>> = chatters.iter().map(|chatter| chatter.ids_of(&acked)).collect();
    assert!(orders.iter().all(|order| *order == orders[0]), "one order for all");
    let reconnects: Vec<usize> = chatters.iter().map(|chatter| chatter.reconnects).collect();
    let longest = chatters.iter().map(|chatter| chatter.longest).max().unwrap_or_default();
    println!(
        "{} messages acknowledged and received by {} clients, which reconnected {reconnects:?} times; longest ack: {longest:.1?}",
        acked.len(),
        chatters.len()
    );
}

impl Chatter {
    async fn sign_in(url: &str, name: &str) -> Self {
        let http_client = HttpClient::new(url);
        let client = WsClient::sign_in_and_join(&http_client, name).await;
        Self {
            name: name.to_owned(),
            http_client,
            client,
            received: Vec::new(),
            left: Vec::new(),
            sent: 0,
            pending: None,
            acked: Vec::new(),
            longest: Duration::ZERO,
            reconnects: 0,
        }
    }

    async fn talk_while(&mut self, file: &Path) {
        while file.exists() {
            self.send_once().await;
            sleep(PAUSE).await;
        }
    }

    /// Sends the pending message or a new one, once.
    async fn send_once(&mut self) {
        if self.client.transcript().closed.is_some() {
            self.reconnect().await;
        }
        let (text, began) = self.pending.take().unwrap_or_else(|| {
            self.sent += 1;
            (format!("{} {}", self.name, self.sent), Instant::now())
        });
        let errors = self.client.transcript().errors.len();
        // The text is its own nonce, so that a duplicate shows.
        self.client.send_with_nonce(&text.replace(' ', "-"), &text).await;
        let nonce = text.replace(' ', "-");
        let is_answered = |transcript: &Transcript| {
            transcript.acked(&nonce).is_some() || transcript.errors.len() > errors || transcript.closed.is_some()
        };
        let transcript = self.client.expect_within(LIMIT, "a reply", is_answered).await;
        match transcript.acked(&nonce) {
            Some(id) => {
                self.longest = self.longest.max(began.elapsed());
                self.acked.push((text, id.to_owned()));
            }
            None => self.pending = Some((text, began)),
        }
    }

    /// Reconnects and resumes after the last message.
    async fn reconnect(&mut self) {
        let transcript = self.client.transcript();
        let retry_after = transcript.byes.last().and_then(|bye| bye["retry_after_ms"].as_u64()).unwrap_or(0);
        self.remember(&transcript);
        sleep(Duration::from_millis(retry_after)).await;
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < LIMIT, "{} cannot reconnect", self.name);
            if self.try_to_join().await {
                self.reconnects += 1;
                return;
            }
            sleep(PAUSE).await;
        }
    }

    async fn try_to_join(&mut self) -> bool {
        let origin = self.http_client.base().to_owned();
        let Ok(mut client) = WsClient::try_connect(&self.http_client, &[("origin", &origin)]).await else {
            return false;
        };
        let since = self.received.last().map(|message| message.id.clone());
        client.send(json!({"type": "join", "since": since})).await;
        let is_answered = |transcript: &Transcript| {
            transcript.welcomes.len() + transcript.errors.len() > 0 || transcript.closed.is_some()
        };
        let transcript = client.expect_within(LIMIT, "a reply to a join", is_answered).await;
        let Some(welcome) = transcript.welcomes.first() else { return false };
        assert!(since.is_none() || welcome["recovered"] == true, "{} has a gap: {welcome}", self.name);
        self.client = client;
        true
    }

    fn remember(&mut self, transcript: &Transcript) {
        self.received.extend(transcript.messages.clone());
        self.left.extend(transcript.leaves().into_iter().map(str::to_owned));
    }

    /// Sends the pending message.
    async fn finish(&mut self) {
        let began = Instant::now();
        while self.pending.is_some() || self.client.transcript().closed.is_some() {
            assert!(began.elapsed() < LIMIT, "{} cannot send {:?}", self.name, self.pending);
            self.send_once().await;
        }
    }

    /// Waits until all acknowledged messages are received.
    async fn receive_all(&mut self, acked: &HashSet<(String, String)>) {
        let before: HashSet<&String> = self.received.iter().map(|message| &message.id).collect();
        let all = |transcript: &Transcript| {
            let now: HashSet<&String> = transcript.messages.iter().map(|message| &message.id).collect();
            acked.iter().all(|(_, id)| before.contains(id) || now.contains(id))
        };
        let transcript = self.client.expect("all acknowledged messages", all).await;
        self.remember(&transcript);
    }

    fn check(&self, names: &[String], acked: &HashSet<(String, String)>) {
        let ours: Vec<&ChatMessage> = self.received.iter().filter(|message| names.contains(&message.from)).collect();
        let once: HashSet<&str> = ours.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(once.len(), ours.len(), "{} received a message twice", self.name);
        assert_eq!(ours.len(), acked.len(), "{} received other messages than the acknowledged ones", self.name);
        let left: Vec<&String> = self.left.iter().filter(|name| names.contains(name)).collect();
        assert!(left.is_empty(), "{} saw {left:?} leave", self.name);
    }

    fn ids_of(&self, acked: &HashSet<(String, String)>) -> Vec<&str> {
        let acked: HashSet<&String> = acked.iter().map(|(_, id)| id).collect();
        self.received.iter().filter(|message| acked.contains(&message.id)).map(|message| message.id.as_str()).collect()
    }
}
