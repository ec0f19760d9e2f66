//! One tab: connects, resumes, records what it receives, and reconnects.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::{self, Instant};

use crate::kit::HttpClient;

use super::{
    connection::{Connection, Incoming, TIMEOUT},
    record::{EndReason, Event, History, Moment},
};

/// Interval of a tab's pings.
const PINGS: Duration = Duration::from_secs(1);
/// Time without a frame after which a tab reconnects.
const SILENCE: Duration = Duration::from_secs(3);
/// Time without an ack after which a message is sent again.
const RESEND: Duration = Duration::from_millis(2500);

/// The addresses of the present instances.
pub type Addresses = Arc<Mutex<Vec<String>>>;

/// A tab and its state.
pub struct Tab {
    /// The client with the person's session.
    pub http_client: HttpClient,
    /// Its history.
    pub history: History,
    /// Whether its connection is in the room.
    pub present: bool,
    /// The newest message shown.
    pub last: Option<String>,
    /// The unacknowledged message or change: nonce and frame.
    pub unacked: Option<(String, Value)>,
    /// Own messages of this session that are not deleted, the newest last.
    pub own: Vec<String>,
    /// Whether the unacknowledged message was first sent in an earlier session.
    is_inherited: bool,
    addresses: Addresses,
    began: Instant,
    rng: StdRng,
    connection: Option<Connection>,
    resend_at: Option<Instant>,
    ping_at: Instant,
    received_at: Instant,
    retry_at: Instant,
}

impl Tab {
    /// Creates a tab without a connection.
    pub fn new(
        http_client: HttpClient,
        person: &str,
        tab: usize,
        addresses: Addresses,
        began: Instant,
        seed: u64,
    ) -> Self {
        let history = History { person: person.to_owned(), tab, events: Vec::new() };
        let (now, rng) = (Instant::now(), StdRng::seed_from_u64(seed));
        Self {
            http_client,
            history,
            present: false,
            last: None,
            unacked: None,
            own: Vec::new(),
            is_inherited: false,
            addresses,
            began,
            rng,
            connection: None,
            resend_at: None,
            ping_at: now,
            received_at: now,
            retry_at: now,
        }
    }

    /// Runs until `until`, or until the session has ended. Cancel only between calls: bound it by `until`.
    pub async fn run_until(&mut self, until: Instant) -> bool {
        while Instant::now() < until {
            if self.connection.is_none() {
                time::sleep_until(self.retry_at.min(until)).await;
                if self.retry_at <= Instant::now() && Instant::now() < until && !self.connect().await {
                    return false;
                }
                continue;
            }
            self.send_due().await;
            let wake = until.min(self.ping_at).min(self.received_at + SILENCE).min(self.resend_at.unwrap_or(until));
            let Some(connection) = &mut self.connection else { continue };
            if let Ok(incoming) = time::timeout_at(wake, connection.next()).await {
                self.received_at = Instant::now();
                if !self.apply(incoming) {
                    return false;
                }
            } else if self.received_at + SILENCE <= Instant::now() {
                self.end(EndReason::Cut);
            }
        }
        true
    }

    /// Sends a new message.
    pub fn send_text(&mut self, nonce: String, text: &str) {
        let frame = json!({"type": "message", "nonce": nonce, "text": text, "reply_to": self.last});
        self.submit(nonce, frame);
    }

    /// Edits an own message, or deletes it.
    pub fn send_change(&mut self, nonce: String, id: &str, text: Option<&str>) {
        let frame = match text {
            Some(text) => json!({"type": "edit", "nonce": nonce, "id": id, "text": text}),
            None => json!({"type": "delete", "nonce": nonce, "id": id}),
        };
        if text.is_none() {
            self.own.retain(|own| own != id);
        }
        self.submit(nonce, frame);
    }

    /// A new session of the person begins. Messages of earlier ones are no longer its own; nonces are.
    pub fn change_session(&mut self, http_client: HttpClient) {
        self.http_client = http_client;
        self.own.clear();
        self.is_inherited = true;
        self.unacked.take_if(|(_, frame)| frame["type"] != "message");
    }

    fn submit(&mut self, nonce: String, frame: Value) {
        (self.unacked, self.is_inherited) = (Some((nonce, frame)), false);
        self.resend_at = Some(Instant::now());
    }

    /// Ends the connection, if any.
    pub fn end(&mut self, how: EndReason) {
        if self.connection.take().is_some() {
            self.note(Event::Ended(how));
        }
        self.present = false;
        self.retry_at = Instant::now() + Duration::from_millis(self.rng.random_range(50..400));
    }

    /// Records an event now.
    pub fn note(&mut self, event: Event) {
        let at: Moment = self.began.elapsed();
        self.history.events.push((at, event));
    }

    /// Returns the address of a random instance.
    pub fn random_address(&mut self) -> String {
        let addresses = self.addresses.lock().unwrap();
        addresses[self.rng.random_range(0..addresses.len())].clone()
    }

    /// Tries to connect; returns false if the person of a second tab has signed out.
    async fn connect(&mut self) -> bool {
        let base = self.random_address();
        match Connection::connect(&self.http_client.with_base(&base)).await {
            Ok(mut connection) => {
                self.note(Event::Connected(base));
                connection.join(self.last.as_deref()).await;
                (self.connection, self.received_at) = (Some(connection), Instant::now());
            }
            Err(Some(401)) if self.history.tab > 0 => return false,
            Err(status) => {
                if let Some(status) = status {
                    self.note(Event::UpgradeRefusal(status));
                }
                self.retry_at = Instant::now() + Duration::from_millis(self.rng.random_range(50..400));
            }
        }
        true
    }

    async fn send_due(&mut self) {
        let now = Instant::now();
        let Some(connection) = &mut self.connection else { return };
        if self.ping_at <= now {
            self.ping_at = now + PINGS;
            connection.send(json!({"type": "ping"})).await;
        }
        if !self.present || self.resend_at.is_none_or(|at| at > now) {
            return;
        }
        if let Some((nonce, frame)) = self.unacked.clone() {
            self.resend_at = Some(now + RESEND);
            connection.send(frame.clone()).await;
            let text = |field: &str| frame[field].as_str().map(str::to_owned);
            self.note(match text("id") {
                Some(id) => Event::SentChange(nonce, id, text("text")),
                None => Event::Sent(nonce),
            });
        }
    }

    /// Applies an event; returns false once the session has ended.
    fn apply(&mut self, incoming: Incoming) -> bool {
        match incoming {
            Incoming::Sign => {}
            Incoming::Bye(retry_after) => self.retry_at = Instant::now() + retry_after,
            Incoming::End(how) => {
                let retry_at = self.retry_at;
                self.end(how);
                self.retry_at = self.retry_at.max(retry_at);
                return how != EndReason::SignedOut;
            }
            Incoming::Event(event) => self.event(event),
        }
        true
    }

    fn event(&mut self, event: Event) {
        match &event {
            Event::Welcome { messages, .. } => {
                self.last = messages.last().map(|message| message.id.clone()).or(self.last.take());
                self.present = true;
                self.resend_at = self.unacked.as_ref().map(|_| Instant::now());
            }
            Event::Message(message) => self.last = Some(message.id.clone()),
            Event::Ack(nonce, id) if self.unacked.as_ref().is_some_and(|(unacked, _)| unacked == nonce) => {
                let is_message = self.unacked.take().is_some_and(|(_, frame)| frame["type"] == "message");
                if is_message && !self.is_inherited {
                    self.own.push(id.clone());
                }
                self.resend_at = None;
            }
            Event::Error(code) if code == "unavailable" && self.present => {
                self.resend_at = Some(Instant::now() + Duration::from_millis(300));
            }
            _ => {}
        }
        let join_failed = !self.present && matches!(event, Event::Error(_));
        self.note(event);
        if join_failed {
            self.end(EndReason::Cut);
        }
    }
}

/// Signs in, at any instance, until it succeeds.
pub async fn sign_in(http_client: &HttpClient, name: &str, mut address: impl FnMut() -> String) {
    loop {
        let request = http_client.with_base(&address()).request(reqwest::Method::POST, "/").form(&[("username", name)]);
        if let Ok(Ok(response)) = time::timeout(TIMEOUT, crate::kit::Response::try_to(request)).await {
            if response.status == 303 {
                return;
            }
            assert!([409, 500, 503].contains(&response.status), "{name} cannot sign in: {response:?}");
        }
        time::sleep(Duration::from_millis(200)).await;
    }
}
