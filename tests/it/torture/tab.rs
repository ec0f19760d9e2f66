//! One tab: connects, joins from where it was, shows what comes, and comes back when the connection is gone.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::time::{self, Instant};

use crate::kit::HttpClient;

use super::{
    record::{At, Event, History, How},
    wire::{Came, PATIENCE, Wire},
};

/// How often a tab says that it is there, to hear whether the server is.
const PINGS: Duration = Duration::from_secs(1);
/// After this long without a frame a tab tries elsewhere.
const SILENCE: Duration = Duration::from_secs(3);
/// How long a send without an answer waits before it is sent again on the same connection.
const RESEND: Duration = Duration::from_millis(2500);

/// Where instances are to be found just now.
pub type Doors = Arc<Mutex<Vec<String>>>;

/// A tab, and what it has in hand.
pub struct Tab {
    /// Its person's session, at any instance.
    pub http_client: HttpClient,
    /// What it saw.
    pub history: History,
    /// Whether its connection is in the room.
    pub here: bool,
    /// The newest message shown.
    pub last: Option<String>,
    /// What was said and not yet acknowledged: nonce and text.
    pub unacked: Option<(String, String)>,
    doors: Doors,
    began: Instant,
    rng: StdRng,
    wire: Option<Wire>,
    resend_at: Option<Instant>,
    ping_at: Instant,
    heard_at: Instant,
    retry_at: Instant,
}

impl Tab {
    /// A tab that has not connected yet.
    pub fn new(http_client: HttpClient, person: &str, tab: usize, doors: Doors, began: Instant, seed: u64) -> Self {
        let history = History { person: person.to_owned(), tab, events: Vec::new() };
        let (now, rng) = (Instant::now(), StdRng::seed_from_u64(seed));
        Self {
            http_client,
            history,
            here: false,
            last: None,
            unacked: None,
            doors,
            began,
            rng,
            wire: None,
            resend_at: None,
            ping_at: now,
            heard_at: now,
            retry_at: now,
        }
    }

    /// Lives until `until`, or until the session has ended. Safe to cancel only between calls: bound it by `until`.
    pub async fn live(&mut self, until: Instant) -> bool {
        while Instant::now() < until {
            if self.wire.is_none() {
                time::sleep_until(self.retry_at.min(until)).await;
                if self.retry_at <= Instant::now() && Instant::now() < until && !self.connect().await {
                    return false;
                }
                continue;
            }
            self.talk().await;
            let wake = until.min(self.ping_at).min(self.heard_at + SILENCE).min(self.resend_at.unwrap_or(until));
            let Some(wire) = &mut self.wire else { continue };
            if let Ok(came) = time::timeout_at(wake, wire.next()).await {
                self.heard_at = Instant::now();
                if !self.take(came) {
                    return false;
                }
            } else if self.heard_at + SILENCE <= Instant::now() {
                self.end(How::Cut);
            }
        }
        true
    }

    /// Says something new.
    pub fn send_text(&mut self, nonce: String, text: String) {
        self.unacked = Some((nonce, text));
        self.resend_at = Some(Instant::now());
    }

    /// The end of the connection, if there is one.
    pub fn end(&mut self, how: How) {
        if self.wire.take().is_some() {
            self.note(Event::Ended(how));
        }
        self.here = false;
        self.retry_at = Instant::now() + Duration::from_millis(self.rng.random_range(50..400));
    }

    /// Remembers an event as of now.
    pub fn note(&mut self, event: Event) {
        let at: At = self.began.elapsed();
        self.history.events.push((at, event));
    }

    /// One of the instances there are, by chance.
    pub fn a_door(&mut self) -> String {
        let doors = self.doors.lock().unwrap();
        doors[self.rng.random_range(0..doors.len())].clone()
    }

    /// Tries to connect; false if a second tab finds that its person has signed out.
    async fn connect(&mut self) -> bool {
        let base = self.a_door();
        match Wire::connect(&self.http_client.with_base(&base)).await {
            Ok(mut wire) => {
                self.note(Event::Connected(base));
                wire.join(self.last.as_deref()).await;
                (self.wire, self.heard_at) = (Some(wire), Instant::now());
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

    async fn talk(&mut self) {
        let now = Instant::now();
        let Some(wire) = &mut self.wire else { return };
        if self.ping_at <= now {
            self.ping_at = now + PINGS;
            wire.send(json!({"type": "ping"})).await;
        }
        if !self.here || self.resend_at.is_none_or(|at| at > now) {
            return;
        }
        if let Some((nonce, text)) = self.unacked.clone() {
            self.resend_at = Some(now + RESEND);
            wire.send(json!({"type": "message", "nonce": nonce, "text": text})).await;
            self.note(Event::Sent(nonce));
        }
    }

    /// Takes in what came; false once the session has ended.
    fn take(&mut self, came: Came) -> bool {
        match came {
            Came::Sign => {}
            Came::Bye(retry_after) => self.retry_at = Instant::now() + retry_after,
            Came::End(how) => {
                let retry_at = self.retry_at;
                self.end(how);
                self.retry_at = self.retry_at.max(retry_at);
                return how != How::SignedOut;
            }
            Came::Event(event) => self.event(event),
        }
        true
    }

    fn event(&mut self, event: Event) {
        match &event {
            Event::Welcome { messages, .. } => {
                self.last = messages.last().map(|said| said.id.clone()).or(self.last.take());
                self.here = true;
                self.resend_at = self.unacked.as_ref().map(|_| Instant::now());
            }
            Event::Message(said) => self.last = Some(said.id.clone()),
            Event::Ack(nonce, _) if self.unacked.as_ref().is_some_and(|(unacked, _)| unacked == nonce) => {
                (self.unacked, self.resend_at) = (None, None);
            }
            Event::Error(code) if code == "unavailable" && self.here => {
                self.resend_at = Some(Instant::now() + Duration::from_millis(300));
            }
            _ => {}
        }
        let joined_in_vain = !self.here && matches!(event, Event::Error(_));
        self.note(event);
        if joined_in_vain {
            self.end(How::Cut);
        }
    }
}

/// Signs in, wherever that works, for as long as it takes.
pub async fn sign_in(http_client: &HttpClient, name: &str, mut door: impl FnMut() -> String) {
    loop {
        let request = http_client.with_base(&door()).request(reqwest::Method::POST, "/").form(&[("username", name)]);
        if let Ok(Ok(response)) = time::timeout(PATIENCE, crate::kit::Response::try_to(request)).await {
            if response.status == 303 {
                return;
            }
            assert!([409, 500, 503].contains(&response.status), "{name} cannot sign in: {response:?}");
        }
        time::sleep(Duration::from_millis(200)).await;
    }
}
