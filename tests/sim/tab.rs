//! One tab: connects, resumes, sends, records what it receives, and reconnects, as `docs/protocol.md` says.

use std::{
    borrow::Cow,
    collections::{BTreeSet, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use rand::{Rng, rngs::StdRng};
use ruang::{
    backplane::{NewState, Person},
    protocol::{Bye, CHANGES_SHOWN, Id, Nonce, Text},
    room::ResumePoint,
    websocket::frame_length,
};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{
    instance::Instance,
    kit::transcript::ChatMessage,
    random::millis,
    socket::{Downward, Upward, Wire, connect},
    torture::record::{EndReason, Event, History},
    world::World,
};

/// Limit of a request.
pub const TIMEOUT: Duration = Duration::from_secs(3);
/// Interval of pings.
const PINGS: Duration = Duration::from_secs(3);
/// Time without a frame after which a tab reconnects.
const SILENCE: Duration = Duration::from_secs(7);
/// Time without an ack after which a message is sent again.
const RESEND: Duration = Duration::from_millis(2500);
/// Time after which a message is not sent again: nonces are remembered for ten minutes.
const GIVE_UP: Duration = Duration::from_secs(540);

/// The instances that a balancer knows.
pub type Directory = Arc<Mutex<Vec<Arc<Instance>>>>;

/// A message or a change on its way.
#[derive(Clone)]
pub struct Outgoing {
    pub nonce: Nonce,
    pub what: Sending,
    pub first_at: Instant,
    /// Whether the present session sent it first: a message belongs to that one.
    pub is_of_session: bool,
}

#[derive(Clone)]
pub enum Sending {
    Message(Text),
    /// A change of a message of the tab's own.
    Change(Id, NewState),
}

/// A tab and its state.
pub struct Tab {
    pub history: History,
    pub person: Person,
    /// Whether its connection is in the room.
    pub present: bool,
    /// The newest message shown.
    pub last: Option<Id>,
    /// The newest changes that it shows: when each message was edited, or none if it is deleted.
    changes: VecDeque<(Id, Option<u64>)>,
    /// The message that was not shown yet.
    pub outgoing: Option<Outgoing>,
    /// Own messages of this session that are not deleted, the newest last.
    pub own: Vec<Id>,
    world: Arc<World>,
    directory: Directory,
    rng: StdRng,
    wire: Option<Wire>,
    latency: Duration,
    resend_at: Option<Instant>,
    ping_at: Instant,
    received_at: Instant,
    retry_at: Instant,
}

/// How a tab's time ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The time is over.
    TimeOver,
    /// The session has ended.
    SessionEnded,
}

/// A server's frame, with the fields of all types.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    recovered: bool,
    messages: Vec<MessageFields>,
    members: Option<MembersFields>,
    id: String,
    nonce: String,
    from: String,
    text: String,
    at: u64,
    edited_at: Option<u64>,
    joined: Vec<String>,
    left: Vec<String>,
    count: u64,
    code: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MessageFields {
    id: String,
    nonce: String,
    from: String,
    text: String,
    at: u64,
    edited_at: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct MembersFields {
    names: Vec<String>,
}

impl Tab {
    /// A tab without a connection.
    pub fn new(world: &Arc<World>, directory: &Directory, person: Person, tab: usize, rng: StdRng) -> Self {
        let (history, now) = (History { person: person.name.clone(), tab, events: vec![] }, Instant::now());
        Self {
            history,
            person,
            present: false,
            last: None,
            changes: VecDeque::new(),
            outgoing: None,
            own: vec![],
            world: Arc::clone(world),
            directory: Arc::clone(directory),
            rng,
            wire: None,
            latency: Duration::ZERO,
            resend_at: None,
            ping_at: now,
            received_at: now,
            retry_at: now,
        }
    }

    /// Runs until `until`, or until the session has ended.
    pub async fn run_until(&mut self, until: Instant) -> Outcome {
        while Instant::now() < until {
            if self.wire.is_none() {
                sleep_until(self.retry_at.min(until)).await;
                if self.retry_at <= Instant::now() && Instant::now() < until && !self.connect().await {
                    return Outcome::SessionEnded;
                }
                continue;
            }
            self.send_due();
            let resend_at = self.resend_at.filter(|_| self.present).unwrap_or(until);
            let wake = until.min(self.ping_at).min(self.received_at + SILENCE).min(resend_at);
            let (latency, Some(wire)) = (self.latency, &mut self.wire) else { continue };
            match timeout_at(wake, wire.down.recv()).await {
                Ok(received) => {
                    if let Some((at, _)) = &received {
                        sleep_until(*at + latency).await;
                    }
                    self.received_at = Instant::now();
                    if !self.receive(received.map(|(_, downward)| downward)) {
                        return Outcome::SessionEnded;
                    }
                }
                Err(_) if self.received_at + SILENCE <= Instant::now() => self.end(EndReason::Cut),
                Err(_) => {}
            }
        }
        Outcome::TimeOver
    }

    /// Sends a new message or change.
    pub fn send(&mut self, nonce: &str, what: Sending) {
        if let Sending::Change(id, NewState::Deleted) = &what {
            self.own.retain(|own| own != id);
        }
        self.outgoing =
            Some(Outgoing { nonce: nonce.parse().unwrap(), what, first_at: Instant::now(), is_of_session: true });
        self.resend_at = Some(Instant::now());
    }

    /// A new session begins. Messages of earlier ones are no longer its own; nonces are the person's.
    pub fn change_session(&mut self, person: Person) {
        self.person = person;
        self.own.clear();
        self.outgoing.take_if(|outgoing| matches!(outgoing.what, Sending::Change(..)));
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.is_of_session = false;
        }
    }

    /// Reports whether the window is visible.
    pub fn attend(&mut self, visible: bool) {
        self.put(Upward::Attention(visible));
    }

    /// Ends the connection, if any.
    pub fn end(&mut self, how: EndReason) {
        if self.wire.take().is_some() {
            self.note(Event::Ended(how));
        }
        self.present = false;
        self.retry_at = Instant::now() + millis(&mut self.rng, 50, 400);
    }

    /// Records an event now.
    pub fn note(&mut self, event: Event) {
        self.world.log(|line| line.push_str(&format!("{}: {event}", self.history.name())));
        self.history.events.push((self.world.now(), event));
    }

    /// An instance that a balancer would choose.
    pub fn instance(&mut self) -> Arc<Instance> {
        let directory = self.directory.lock();
        let ready: Vec<_> = directory.iter().filter(|instance| instance.room.ready()).collect();
        let index = self.rng.random_range(0..1000);
        let chosen = ready.get(index % ready.len().max(1)).copied();
        Arc::clone(chosen.unwrap_or(&directory[index % directory.len()]))
    }

    /// Tries to connect. Returns false if the session has ended.
    async fn connect(&mut self) -> bool {
        let instance = self.instance();
        match timeout(TIMEOUT, connect(&instance, self.person.clone())).await {
            Ok(Some(Ok(wire))) => {
                self.note(Event::Connected(instance.base.clone()));
                let now = Instant::now();
                (self.wire, self.latency) = (Some(wire), millis(&mut self.rng, 0, 40));
                (self.received_at, self.ping_at) = (now, now + PINGS);
                let changes = self.changes.iter().copied().collect();
                self.put(Upward::Join(ResumePoint { since: self.last, changes }));
            }
            Ok(Some(Err(401))) => return false,
            Ok(Some(Err(status))) => {
                self.note(Event::UpgradeRefusal(status));
                self.retry_at = Instant::now() + millis(&mut self.rng, 50, 400);
            }
            Ok(None) | Err(_) => self.retry_at = Instant::now() + millis(&mut self.rng, 50, 400),
        }
        true
    }

    fn put(&mut self, upward: Upward) {
        if let Some(wire) = &self.wire {
            // A lost connection shows at the next read.
            let _ = wire.up.try_send((Instant::now() + self.latency, upward));
        }
    }

    fn send_due(&mut self) {
        let now = Instant::now();
        if self.ping_at <= now {
            self.ping_at = now + PINGS;
            self.put(Upward::Ping);
        }
        if !self.present || self.resend_at.is_none_or(|at| at > now) {
            return;
        }
        match self.outgoing.clone() {
            Some(outgoing) if outgoing.first_at + GIVE_UP < now => (self.outgoing, self.resend_at) = (None, None),
            Some(Outgoing { nonce, what, .. }) => {
                self.resend_at = Some(now + RESEND);
                self.put_outgoing(nonce, what);
            }
            None => self.resend_at = None,
        }
    }

    fn put_outgoing(&mut self, nonce: Nonce, what: Sending) {
        let name = nonce.as_str().to_owned();
        match what {
            Sending::Message(text) => {
                self.note(Event::Sent(name));
                self.put(Upward::Message(nonce, text));
            }
            Sending::Change(id, state) => {
                let text = if let NewState::Edited(text) = &state { Some(text.as_str().to_owned()) } else { None };
                self.note(Event::SentChange(name, id.to_string(), text));
                self.put(Upward::Change(nonce, id, state));
            }
        }
    }

    /// Handles what was received. Returns false once the session has ended.
    fn receive(&mut self, downward: Option<Downward>) -> bool {
        match downward {
            None => self.end(EndReason::Closed(None)),
            Some(Downward::Bye(farewell)) => {
                let how = match farewell.reason {
                    Bye::Restart => EndReason::Drained,
                    Bye::SessionEnded => EndReason::SignedOut,
                    reason => EndReason::Closed(Some(reason.code() as u16)),
                };
                self.end(how);
                self.retry_at += Duration::from_millis(farewell.retry_after_ms.unwrap_or_default());
                return how != EndReason::SignedOut;
            }
            Some(Downward::Frames(mut frames)) => {
                while !frames.is_empty() && self.wire.is_some() {
                    let length = frame_length(&frames).min(frames.len());
                    let frame = frames.split_to(length);
                    self.read(&frame);
                }
            }
        }
        true
    }

    fn read(&mut self, frame: &[u8]) {
        let header = match frame.get(1) {
            Some(126) => 4,
            Some(127) => 10,
            _ => 2,
        };
        let frame: Frame = serde_json::from_slice(&frame[header..]).unwrap();
        let Frame { recovered, messages, members, id, nonce, from, text, at, edited_at, .. } = frame;
        let (joined, left, count, code) = (frame.joined, frame.left, frame.count, frame.code);
        let event = match &*frame.kind {
            "welcome" => Event::Welcome {
                recovered,
                messages: messages.into_iter().map(ChatMessage::from).collect(),
                members: members.map(|members| members.names).unwrap_or_default().into_iter().collect::<BTreeSet<_>>(),
            },
            // A deletion with a sender stands in place of the message.
            "message" | "removed" if frame.kind == "message" || !from.is_empty() => {
                Event::Message(ChatMessage { id, nonce, from, text, at, reply_to: None, edited_at })
            }
            "edited" => Event::Edited(id, text, edited_at.unwrap_or_default()),
            "removed" => Event::Removed(id),
            "presence" => Event::Presence { joined, left, count },
            "ack" => Event::Ack(nonce, id),
            "error" => Event::Error(code),
            _ => return,
        };
        self.handle(event);
    }

    fn handle(&mut self, event: Event) {
        match &event {
            Event::Welcome { messages, recovered, .. } => {
                if !recovered {
                    self.changes.clear();
                }
                let last = messages.last().map(|message| message.id.parse().unwrap());
                // In a room that has lost all messages the position is lost, too.
                self.last = if *recovered { last.or(self.last) } else { last };
                self.present = true;
                messages.iter().for_each(|message| {
                    self.shown(message);
                    self.note_state(message);
                });
                self.resend_at = self.outgoing.as_ref().map(|_| Instant::now());
            }
            Event::Message(message) => {
                self.last = Some(message.id.parse().unwrap());
                self.shown(message);
                self.note_state(message);
            }
            Event::Edited(id, _, edited_at) => self.note_change(id, Some(*edited_at)),
            Event::Removed(id) => self.note_change(id, None),
            Event::Ack(nonce, id) => {
                // Not sent again, unless a welcome does not have it.
                let id: Id = id.parse().unwrap();
                if let Some(outgoing) = self.outgoing.as_ref().filter(|outgoing| outgoing.nonce.as_str() == nonce) {
                    let is_message = matches!(outgoing.what, Sending::Message(_));
                    let is_done = !is_message || self.last.is_some_and(|last| id <= last);
                    if is_message && outgoing.is_of_session && !self.own.contains(&id) {
                        self.own.push(id);
                    }
                    self.resend_at = None;
                    self.outgoing.take_if(|_| is_done);
                }
            }
            // The message, or the right to change it, was lost.
            Event::Error(code) if code == "gone" && self.world.has_lost.load(Ordering::Relaxed) => {
                (self.outgoing, self.resend_at) = (None, None);
                return;
            }
            Event::Error(code) if code == "unavailable" && self.present => {
                self.resend_at = self.outgoing.as_ref().map(|_| Instant::now() + Duration::from_millis(300));
            }
            _ => {}
        }
        let join_failed = !self.present && matches!(event, Event::Error(_));
        self.note(event);
        if join_failed {
            self.end(EndReason::Cut);
        }
    }

    fn note_state(&mut self, message: &ChatMessage) {
        if message.nonce.is_empty() || message.edited_at.is_some() {
            self.note_change(&message.id, message.edited_at);
        }
    }

    fn note_change(&mut self, id: &str, edited_at: Option<u64>) {
        let id = id.parse().unwrap();
        self.changes.retain(|(other, _)| *other != id);
        self.changes.push_back((id, edited_at));
        if self.changes.len() > CHANGES_SHOWN {
            self.changes.pop_front();
        }
    }

    /// A message that is shown was stored.
    fn shown(&mut self, message: &ChatMessage) {
        let is_own = message.from == self.person.name;
        self.outgoing.take_if(|outgoing| is_own && outgoing.nonce.as_str() == message.nonce);
    }
}

impl From<MessageFields> for ChatMessage {
    fn from(MessageFields { id, nonce, from, text, at, edited_at }: MessageFields) -> Self {
        Self { id, nonce, from, text, at, reply_to: None, edited_at }
    }
}
