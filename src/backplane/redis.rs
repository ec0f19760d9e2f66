//! The engine for many instances: scripts keep each rule atomic in Redis, pub/sub carries events, a stream fills gaps.

mod addresses;
mod body;
mod claims;
mod clock;
mod envelope;
mod history;
mod moderation;
mod people;
mod presence;
mod publish;
mod reply;
mod reports;
mod scripts;
mod subscription;

use std::time::Duration;

use async_trait::async_trait;
use fred::{clients::Client, interfaces::MetricsInterface};
use tokio::sync::mpsc;

use self::{clock::Clock, reply::in_millis, scripts::Scripts};
use super::{
    Backplane, ChangeRequest, Claim, Cursor, Event, Heartbeat, HeartbeatError, HeartbeatReply, IncarnationId,
    ModerationLog, ModerationOutcome, ModerationRequest, Page, PeoplePortion, Person, Position, Post, PublishError,
    ReapOutcome, RecordPage, ReportOutcome, ReportQueue, ReportRequest, RetentionPolicy, SessionTag, Snapshot, Typing,
    Unavailable, event_sender::EventSender,
};
use crate::{
    address::AddressKey,
    name::NameKey,
    protocol::Id,
    redis::{ConnectError, Keys, LastError, PubSub, RedisConnector},
};

/// A room in Redis.
pub struct RedisBackplane {
    connector: RedisConnector,
    keys: Keys,
    policy: RetentionPolicy,
    pubsub: PubSub,
    /// Every write goes through one connection, so that one sender's messages stay in order.
    scripts: Scripts,
    /// For pages of history: they may be long, and must not delay writes.
    reads: Client,
    /// For snapshots, on the connection of the pages.
    snapshots: Scripts,
    last_error: LastError,
    clock: Clock,
    /// Becomes the room's, if it has none yet.
    new_address_key: AddressKey,
    /// Tells instances that reap the same incarnation apart.
    reaper: IncarnationId,
}

impl RedisBackplane {
    /// A room under a namespace. Connects in the background: until then every call is [`Unavailable`].
    ///
    /// # Errors
    /// [`ConnectError`] if the connector's options cannot be used.
    pub fn new(connector: RedisConnector, namespace: &str, policy: RetentionPolicy) -> Result<Self, ConnectError> {
        let pubsub = PubSub::default();
        let scripts = Scripts::new(connector.client()?, pubsub);
        let reads = connector.client()?;
        let snapshots = Scripts::new(reads.clone(), pubsub);
        let last_error = LastError::of(scripts.client());
        let (keys, clock) = (Keys::new(namespace), Clock::default());
        let (new_address_key, reaper) = (AddressKey::random(), IncarnationId::random());
        Ok(Self {
            connector,
            keys,
            policy,
            pubsub,
            scripts,
            reads,
            snapshots,
            last_error,
            clock,
            new_address_key,
            reaper,
        })
    }

    /// Passes events on by this kind of pub/sub.
    pub fn with_pubsub(self, pubsub: PubSub) -> Self {
        let scripts = Scripts::new(self.scripts.client().clone(), pubsub);
        Self { pubsub, scripts, snapshots: Scripts::new(self.reads.clone(), pubsub), ..self }
    }

    /// Passes the source of each script through `edit`: tests look whether they find a mistake in one.
    #[doc(hidden)]
    #[must_use]
    pub fn with_edited_scripts(mut self, edit: impl Fn(&str) -> String) -> Self {
        self.scripts.edit(&edit);
        self.snapshots.edit(&edit);
        self
    }

    /// The age at which messages are deleted; none for any age.
    fn history_age_ms(&self) -> Option<u64> {
        self.policy.history_age.map(in_millis)
    }
}

#[async_trait]
impl Backplane for RedisBackplane {
    async fn publish(&self, post: Post) -> Result<Id, PublishError> {
        self.publish_post(&post).await
    }

    async fn change(&self, request: ChangeRequest) -> Result<Id, PublishError> {
        self.publish_change(&request).await
    }

    async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<HeartbeatReply, HeartbeatError> {
        self.renew_lease(&heartbeat).await
    }

    async fn reap(&self, incarnation: &IncarnationId, heartbeat_seq: u64) -> Result<ReapOutcome, Unavailable> {
        self.reap_all(incarnation, heartbeat_seq).await
    }

    async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable> {
        self.end_session(session, name_key).await
    }

    async fn read(&self, from: Option<Position>) -> Result<Snapshot, Unavailable> {
        self.read_room(from).await
    }

    async fn people(&self, cursor: Option<String>) -> Result<PeoplePortion, Unavailable> {
        self.read_people(cursor).await
    }

    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        self.locate_message(id).await
    }

    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        self.read_page(cursor, limit).await
    }

    async fn claim(&self, person: &Person) -> Result<Claim, Unavailable> {
        self.claim_name(person).await
    }

    async fn check_claim(&self, person: &Person) -> Result<Claim, Unavailable> {
        self.check_name(person).await
    }

    async fn typing(&self, typing: Typing) -> Result<(), Unavailable> {
        self.scripts.publish_only(self.keys.live(), envelope::typing(&typing)).await
    }

    async fn moderate(&self, request: ModerationRequest) -> Result<ModerationOutcome, Unavailable> {
        self.apply(&request).await
    }

    async fn neighbours(&self, name_key: &NameKey) -> Result<Option<usize>, Unavailable> {
        let addresses = self.addresses_of(name_key).await?;
        let people = self.people_at(&addresses, name_key).await?;
        Ok((!addresses.is_empty()).then_some(people.len()))
    }

    async fn moderation_log(&self) -> Result<ModerationLog, Unavailable> {
        self.read_moderation_log().await
    }

    async fn records(&self, after: Option<Id>, limit: usize) -> Result<RecordPage, Unavailable> {
        self.read_records(after, limit).await
    }

    async fn report(&self, request: ReportRequest) -> Result<ReportOutcome, Unavailable> {
        self.report_message(&request).await
    }

    async fn reports(&self, limit: usize) -> Result<ReportQueue, Unavailable> {
        self.read_reports(limit).await
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn waiting(&self) -> usize {
        self.scripts.client().command_queue_len() + self.reads.command_queue_len()
    }

    fn last_error(&self) -> Option<String> {
        self.last_error.latest().map(|error| error.to_string())
    }

    fn subscribe(&self) -> mpsc::Receiver<Event> {
        let (event_sender, events) = EventSender::new();
        tokio::spawn(subscription::run(self.connector.clone(), self.pubsub, self.keys.live(), event_sender));
        events
    }
}
