//! The engine for many instances: scripts keep each rule atomic in Redis, pub/sub carries what is new, a stream
//! fills what was missed.

mod answer;
mod body;
mod clock;
mod envelope;
mod history;
mod moderation;
mod presence;
mod scripts;
mod subscription;

use std::time::Duration;

use async_trait::async_trait;
use fred::{clients::Client, interfaces::MetricsInterface};
use tokio::sync::mpsc;

use self::{
    clock::Clock,
    scripts::{Call, Scripts},
};
use super::{
    Backplane, CLOSED, Claim, Cursor, Event, Heartbeat, HeartbeatError, HeartbeatReply, IncarnationId,
    ModerationAction, ModerationLog, ModerationOutcome, NONCE_MEMORY, Pace, Page, Post, PublishError, ReapOutcome,
    RetentionPolicy, SessionTag, Snapshot, Typing, Unavailable, event_sender::EventSender,
};
use crate::{
    name::NameKey,
    protocol::Id,
    redis::{ConnectError, Keys, LastError, RedisConnector},
};

/// A room in Redis.
pub struct Redis {
    link: RedisConnector,
    keys: Keys,
    keeping: RetentionPolicy,
    /// Everything that writes goes through one connection, so that one sender's messages stay in order.
    scripts: Scripts,
    /// Pages of history, which may be long, do not stand in their way.
    reads: Client,
    complaints: LastError,
    clock: Clock,
}

impl Redis {
    /// A room under a namespace. Connects in the background: until then everything is [`Unavailable`].
    ///
    /// # Errors
    /// [`ConnectError`] if the link's options cannot be used.
    pub fn new(link: RedisConnector, namespace: &str, keeping: RetentionPolicy) -> Result<Self, ConnectError> {
        let scripts = Scripts::new(link.client()?);
        let reads = link.client()?;
        let complaints = LastError::of(scripts.client());
        Ok(Self { keys: Keys::new(namespace), link, keeping, scripts, reads, complaints, clock: Clock::default() })
    }

    /// The room's keys, then the claims of these names.
    fn keys_and_names<'a>(&self, names: impl IntoIterator<Item = &'a NameKey>) -> Vec<String> {
        let mut keys = self.keys.room();
        keys.extend(names.into_iter().map(|name_key| self.keys.name(name_key)));
        keys
    }

    /// How old a kept message gets, in ms; empty for any age.
    fn history_age_ms(&self) -> String {
        self.keeping.history_age.map(|age| age.as_millis().to_string()).unwrap_or_default()
    }

    fn name_hold_ms(&self) -> String {
        self.keeping.name_hold.as_millis().to_string()
    }
}

#[async_trait]
impl Backplane for Redis {
    async fn publish(&self, post: Post) -> Result<Id, PublishError> {
        let mut keys = self.keys_and_names([&post.name_key]);
        keys.push(self.keys.pace(&post.name_key));
        let pace = Pace::of(self.keeping.messages);
        let (fingerprint, body) = (post.fingerprint(), body::write(&post));
        let Post { incarnation, session, name_key, nonce, .. } = post;
        let args = vec![
            incarnation.as_str().to_owned(),
            session.as_str().to_owned(),
            name_key.to_string(),
            nonce.as_str().to_owned(),
            fingerprint,
            body,
            self.keeping.history.to_string(),
            NONCE_MEMORY.as_micros().to_string(),
            pace.every.to_string(),
            pace.ahead.to_string(),
        ];
        answer::published(&self.scripts.run(Call::Publish, keys, args).await?)
    }

    async fn heartbeat(&self, beat: Heartbeat) -> Result<HeartbeatReply, HeartbeatError> {
        self.beat_once(beat).await
    }

    async fn reap(&self, incarnation: &IncarnationId, heartbeat_seq: u64) -> Result<ReapOutcome, Unavailable> {
        self.reap_all(incarnation, heartbeat_seq).await
    }

    async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable> {
        let args = vec![session.as_str().to_owned(), name_key.to_string(), CLOSED.as_millis().to_string()];
        self.scripts.run(Call::End, self.keys_and_names([name_key]), args).await.map(drop)
    }

    async fn read(&self, since: Option<Id>) -> Result<Snapshot, Unavailable> {
        self.read_room(since).await
    }

    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        self.locate_message(id).await
    }

    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        self.read_page(cursor, limit).await
    }

    async fn claim(&self, name_key: &NameKey, session: &SessionTag) -> Result<Claim, Unavailable> {
        let hold_ms = self.keeping.claim().as_millis().to_string();
        let args = vec![session.as_str().to_owned(), name_key.to_string(), hold_ms];
        answer::claimed(&self.scripts.run(Call::Claim, self.keys_and_names([name_key]), args).await?)
    }

    async fn typing(&self, typing: Typing) -> Result<(), Unavailable> {
        self.scripts.tell(self.keys.live(), envelope::typing(&typing)).await
    }

    async fn moderate(&self, act: ModerationAction) -> Result<ModerationOutcome, Unavailable> {
        self.moderate(&act).await
    }

    async fn moderation_log(&self) -> Result<ModerationLog, Unavailable> {
        self.read_ledger().await
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn waiting(&self) -> usize {
        self.scripts.client().command_queue_len() + self.reads.command_queue_len()
    }

    fn last_error(&self) -> Option<String> {
        self.complaints.last().map(|last_error| last_error.to_string())
    }

    fn subscribe(&self) -> mpsc::Receiver<Event> {
        let (event_sender, events) = EventSender::new();
        tokio::spawn(subscription::run(self.link.clone(), self.keys.live(), event_sender));
        events
    }
}
