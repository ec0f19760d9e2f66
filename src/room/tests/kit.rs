//! A room on a backplane whose events can be withheld, and clients that record their frames.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, mpsc};

use super::super::*;
use crate::{
    automod::SharedChecks,
    backplane::{
        ChangeRequest, EVENTS_WAITING, Event, Heartbeat, HeartbeatError, HeartbeatReply, ModerationLog,
        ModerationOutcome, ModerationRequest, NewState, PeoplePortion, Position, Post, PublishError, ReapOutcome,
        RecordPage, ReportOutcome, ReportQueue, ReportRequest, RetentionPolicy, Snapshot, Typing,
        memory::{MemoryBackplane, Replica},
    },
    protocol::Text,
    rate::Rate,
};

/// The deadline of anything a test waits for.
pub const SOON: Duration = Duration::from_secs(10);
/// Long enough for a busy machine.
const LEASE: Duration = Duration::from_secs(60);
const SPEAKERS: &str = "another instance";

/// A backplane in memory whose events are lost while it is deaf.
pub struct DeafBackplane {
    pub inner: MemoryBackplane,
    is_deaf: Arc<AtomicBool>,
    heard_again: Arc<Notify>,
    lost: Arc<Notify>,
    pub typing: Mutex<Vec<Typing>>,
    pub pages: Mutex<Vec<Cursor>>,
    /// Portions of the people that may be read.
    pub portions: Semaphore,
    /// Whether the hub's next look at the clock panics.
    pub panics: AtomicBool,
}

impl DeafBackplane {
    /// A backplane that delivers events.
    pub fn new() -> Arc<Self> {
        let name_hold = Duration::from_secs(900);
        let policy = RetentionPolicy {
            history: 5000,
            history_age: None,
            name_hold,
            lease: LEASE,
            messages: Rate::UNLIMITED,
            bot_messages: Rate::UNLIMITED,
            edit_window: name_hold,
        };
        Arc::new(Self {
            inner: MemoryBackplane::new(policy),
            is_deaf: Arc::default(),
            heard_again: Arc::default(),
            lost: Arc::default(),
            typing: Mutex::default(),
            pages: Mutex::default(),
            portions: Semaphore::new(Semaphore::MAX_PERMITS),
            panics: AtomicBool::new(false),
        })
    }

    /// Loses events from now on.
    pub fn deafen(&self) {
        self.is_deaf.store(true, Ordering::SeqCst);
    }

    /// Waits until an event was lost.
    pub async fn event_lost(&self) {
        self.lost.notified().await;
    }

    /// Delivers events again, after a gap.
    pub fn hear(&self) {
        self.is_deaf.store(false, Ordering::SeqCst);
        self.heard_again.notify_one();
    }

    /// A copy of what is stored, for [`fail_over`](Self::fail_over).
    pub fn replica(&self) -> Replica {
        self.inner.replica()
    }

    /// Loses what was stored since this copy.
    pub fn fail_over(&self, replica: Replica) {
        let epoch = replica.epoch() + 1;
        self.inner.fail_over(replica, epoch);
    }

    /// Adds people through another instance.
    pub async fn add_people(&self, names: impl IntoIterator<Item = String>) {
        let mut heartbeat = Heartbeat::new(SPEAKERS.into(), 1);
        heartbeat.adds = names.into_iter().map(|name| person(&name)).collect();
        self.inner.heartbeat(heartbeat).await.unwrap();
    }

    /// Publishes a message of a person who was added before.
    pub async fn publish_as(&self, name: &str, text: &str) -> Id {
        let (nonce, text) = (text.parse().unwrap(), Text::parse(text).unwrap());
        let person = person(name);
        let (incarnation, checks) = (SPEAKERS.into(), SharedChecks::default());
        let post = Post { incarnation, person, nonce, text, reply_to: None, alias: None, trace: None, checks };
        self.inner.publish(post).await.unwrap()
    }

    /// Deletes a message of a person who was added before.
    pub async fn delete_as(&self, name: &str, id: Id) {
        let (incarnation, nonce, checks) = (SPEAKERS.into(), "delete".parse().unwrap(), SharedChecks::default());
        let state = NewState::Deleted;
        let request = ChangeRequest { incarnation, person: person(name), nonce, id, state, checks };
        self.inner.change(request).await.unwrap();
    }
}

/// A person whose name is its own key and session.
pub fn person(name: &str) -> Person {
    Person::new(name.into(), name, name.into())
}

/// Opens a room.
pub fn open(backplane: Arc<dyn Backplane>) -> Room {
    let limits = Limits { text_chars: 2000, messages_per_second: 5, edit_ms: 900_000 };
    let (leave_grace, name_hold) = (Duration::from_secs(5), Duration::from_secs(900));
    Room::open(backplane, Options { leave_grace, lease: LEASE, name_hold, history_age: None, bots: vec![], limits })
}

/// A client that records its frames.
#[derive(Default)]
pub struct Recorder {
    frames: Mutex<Vec<String>>,
    arrived: Notify,
    pub panics: AtomicBool,
}

impl Recorder {
    /// The texts of all frames so far.
    pub fn text(&self) -> String {
        self.frames.lock().concat()
    }

    /// Waits for a text in the frames, and returns all frames so far.
    pub async fn wait_for(&self, text: &str) -> String {
        let arrives = async {
            while !self.text().contains(text) {
                self.arrived.notified().await;
            }
        };
        timeout(SOON, arrives).await.unwrap_or_else(|_| panic!("no {text} in {}", self.text()));
        self.text()
    }
}

impl Recipient for Recorder {
    fn send(&self, frames: Bytes) {
        assert!(!self.panics.load(Ordering::SeqCst), "this test's panic");
        self.frames.lock().push(String::from_utf8_lossy(&frames).into_owned());
        self.arrived.notify_one();
    }

    fn welcome(&self, frame: Bytes) {
        self.send(frame);
    }

    fn close(&self, farewell: Farewell) {
        self.frames.lock().push(format!("{:?}", farewell.reason));
        self.arrived.notify_one();
    }

    fn recheck(&self, _within: Duration) {}
}

#[async_trait]
impl Backplane for DeafBackplane {
    async fn publish(&self, post: Post) -> Result<Id, PublishError> {
        self.inner.publish(post).await
    }

    async fn change(&self, request: ChangeRequest) -> Result<Id, PublishError> {
        self.inner.change(request).await
    }

    async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<HeartbeatReply, HeartbeatError> {
        self.inner.heartbeat(heartbeat).await
    }

    async fn reap(&self, incarnation: &IncarnationId, heartbeat_seq: u64) -> Result<ReapOutcome, Unavailable> {
        self.inner.reap(incarnation, heartbeat_seq).await
    }

    async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable> {
        self.inner.end(session, name_key).await
    }

    async fn read(&self, from: Option<Position>) -> Result<Snapshot, Unavailable> {
        self.inner.read(from).await
    }

    async fn people(&self, cursor: Option<String>) -> Result<PeoplePortion, Unavailable> {
        self.portions.acquire().await.unwrap().forget();
        self.inner.people(cursor).await
    }

    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        self.inner.locate(id).await
    }

    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        self.pages.lock().push(cursor);
        self.inner.page(cursor, limit).await
    }

    async fn claim(&self, person: &Person) -> Result<Claim, Unavailable> {
        self.inner.claim(person).await
    }

    async fn check_claim(&self, person: &Person) -> Result<Claim, Unavailable> {
        self.inner.check_claim(person).await
    }

    async fn typing(&self, typing: Typing) -> Result<(), Unavailable> {
        self.typing.lock().push(typing);
        Ok(())
    }

    async fn moderate(&self, request: ModerationRequest) -> Result<ModerationOutcome, Unavailable> {
        self.inner.moderate(request).await
    }

    async fn neighbours(&self, name_key: &NameKey) -> Result<Option<usize>, Unavailable> {
        self.inner.neighbours(name_key).await
    }

    async fn moderation_log(&self) -> Result<ModerationLog, Unavailable> {
        self.inner.moderation_log().await
    }

    async fn records(&self, after: Option<Id>, limit: usize) -> Result<RecordPage, Unavailable> {
        self.inner.records(after, limit).await
    }

    async fn report(&self, request: ReportRequest) -> Result<ReportOutcome, Unavailable> {
        self.inner.report(request).await
    }

    async fn reports(&self, limit: usize) -> Result<ReportQueue, Unavailable> {
        self.inner.reports(limit).await
    }

    fn now(&self) -> Duration {
        assert!(!self.panics.load(Ordering::SeqCst), "this test's panic");
        self.inner.now()
    }

    fn waiting(&self) -> usize {
        0
    }

    fn last_error(&self) -> Option<String> {
        None
    }

    fn subscribe(&self) -> mpsc::Receiver<Event> {
        let (sender, receiver) = mpsc::channel(EVENTS_WAITING);
        let mut events = self.inner.subscribe();
        let (is_deaf, heard_again) = (Arc::clone(&self.is_deaf), Arc::clone(&self.heard_again));
        let lost = Arc::clone(&self.lost);
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    event = events.recv() => event,
                    () = heard_again.notified() => Some(Event::Gap),
                };
                let Some(event) = event else { return };
                if is_deaf.load(Ordering::SeqCst) {
                    lost.notify_one();
                } else if sender.send(event).await.is_err() {
                    return;
                }
            }
        });
        receiver
    }
}
