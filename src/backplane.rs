//! The state that all instances of a room share, as a contract with two engines: [`memory`] and [`redis`].
//!
//! # The contract
//! * **One log.** [`publish`](Backplane::publish) appends at the head, atomically with its delivery to every
//!   subscriber. Within an epoch ids are contiguous. Every subscriber receives the same messages in the order of
//!   their ids; [`Event::Gap`] announces that some may be missing, and [`read`](Backplane::read) returns them.
//! * **Once.** A nonce of a person is stored with its message for at least ten minutes: publishing it again,
//!   through any instance, returns the first id and delivers nothing.
//! * **One presence.** A person is in the room while at least one incarnation holds them. The first holder and the
//!   release by the last each raise the presence version by one and are delivered as one [`Event::Presence`].
//! * **Leases.** An incarnation lives while its counter grows. Observers, not clocks, declare it dead, with
//!   [`reap`](Backplane::reap); its people are then released, and it can neither publish nor renew its lease again. A lease
//!   is of one epoch: in a later one its incarnation changes no presence.
//! * **Age.** Where [`RetentionPolicy::history_age`] is set, no read returns an older message, and heartbeats delete them.
//! * **Changes.** An edit or a deletion, by the sender or the operator, is atomic, raises the presence version, and is
//!   delivered as one [`Event::Moderated`]. From then on every read returns the present text, or
//!   [`Row::Removed`](crate::protocol::Row) in the same position, and the old text is no longer stored. Only the session
//!   that sent a message may [`change`](Backplane::change) it. A [`Snapshot`] has the changes that its reader missed.
//! * **Moderation.** A [`ModerationAction`] is atomic, on record, raises the presence version, and is delivered as one
//!   event; the rules it sets are part of every [`Snapshot`].
//! * **Mutes.** Messages of a muted name are refused, through every instance; a nonce stored before returns its id all the same.
//! * **Addresses.** A ban or mute may include the addresses at which its name is used, or was within [`ADDRESS_MEMORY`]:
//!   a claim, a join or a message from one of them is refused like that person's, until that ban or mute ends.
//! * **Doors.** While the rules say read-only, messages and edits of people other than moderators are refused, through every
//!   instance.
//! * **Rules that apply by themselves.** They change and reach instances like other rules. An instance checks texts itself, and
//!   passes on what concerns all instances as [`SharedChecks`](crate::automod::SharedChecks): the slower pace of newcomers,
//!   and at most [`REPEATS`](crate::automod::REPEATS) times the same text.
//! * **Pace.** One person's messages, through all instances together, keep to [`RetentionPolicy::messages`] and slow mode,
//!   a program's to [`RetentionPolicy::bot_messages`]. In slow mode the people of one address together are admitted
//!   [`SLOW_SHARE`] times as often as one person.
//! * **Claims.** A name belongs to one session at a time. An ended session cannot reclaim it: neither calls in flight, nor
//!   an instance that is unaware of the end, and only renews and publishes for people whom it holds.
//! * **Reports.** A person's [`report`](Backplane::report) of a message counts once. It ends with the message, at the latest at
//!   the next heartbeat, or when a moderator dismisses it.
//! * **Unknown is not failed.** [`Unavailable`] leaves the outcome unknown: repeat with the same nonce.
//!
//! ```
//! use std::time::Duration;
//!
//! use ruang::{
//!     automod::SharedChecks,
//!     backplane::{Backplane, Event, Heartbeat, IncarnationId, Person, Post, RetentionPolicy, memory::MemoryBackplane},
//!     rate::Rate,
//!     protocol::Text,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let name_hold = Duration::from_secs(900);
//! let lease = Duration::from_secs(5);
//! let (edit_window, messages) = (Duration::from_secs(900), Rate::UNLIMITED);
//! let history = 1000;
//! let policy =
//!     RetentionPolicy { history, history_age: None, name_hold, messages, bot_messages: messages, lease, edit_window };
//! let room = MemoryBackplane::new(policy);
//! let mut events = room.subscribe();
//! assert!(matches!(events.recv().await, Some(Event::Gap)), "earlier events may be missing");
//!
//! // Only a live incarnation can publish, for people whom it holds.
//! let incarnation = IncarnationId::random();
//! let sari = Person::new("sari".into(), "Sari", "a session".into());
//! room.heartbeat(Heartbeat { adds: vec![sari.clone()], ..Heartbeat::new(incarnation.clone(), 1) }).await?;
//! let post = Post {
//!     incarnation,
//!     person: sari,
//!     nonce: "n1".parse()?,
//!     text: Text::parse("halo")?,
//!     alias: None,
//!     reply_to: None,
//!     trace: None,
//!     checks: SharedChecks::default(),
//! };
//! let id = room.publish(post.clone()).await?;
//! assert_eq!(room.publish(post).await?, id, "sent twice, stored once");
//! # Ok(())
//! # }
//! ```

pub mod memory;
pub mod redis;

mod change;
mod change_log;
mod error;
mod event;
mod event_sender;
mod identity;
mod log;
mod moderation;
mod presence;
mod reports;
mod snapshot;

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

pub use self::{
    change::{CHANGE_BYTES, CHANGES_KEPT, Change, ChangeRequest, NewState},
    change_log::ChangeLog,
    error::{HeartbeatError, PublishError, Unavailable},
    event::{Delta, Event, Member, Typing},
    identity::{IncarnationId, SessionTag},
    log::{Cursor, Page, Post, around},
    moderation::{
        ACTS_KEPT, ACTS_SHOWN, Audit, Ban, FOR_GOOD_MS, ModerationAction, ModerationLog, ModerationOutcome,
        ModerationRecord, ModerationRequest, REMOVED_AT_ONCE, RecordPage, is_for_good,
    },
    presence::{Claim, Heartbeat, HeartbeatReply, Lease, Person, Present, ReapOutcome, Stage},
    reports::{
        REPORT_RATE, REPORTED_KEPT, REPORTERS_KEPT, REPORTS_BYTES, ReportEntry, ReportOutcome, ReportQueue,
        ReportRequest, ReportedMessage,
    },
    snapshot::{PEOPLE_AT_ONCE, PeoplePortion, Position, Snapshot, SnapshotPeople},
};
use crate::{name::NameKey, protocol::Id, rate::Rate};

/// Most events that wait for a subscriber; an overflow becomes an [`Event::Gap`].
pub const EVENTS_WAITING: usize = 4096;
/// How long a claim lasts before its session has joined. Short: a person who loses the reply to their sign-in does not
/// know the session that holds the name, and waits this long.
pub const CLAIM: Duration = Duration::from_secs(20);
/// How long the address of a person who has left is known.
pub const ADDRESS_MEMORY: Duration = Duration::from_secs(3600);
/// In slow mode, the messages of one address per message of one person.
pub const SLOW_SHARE: u64 = 3;
/// How long a call of an ended session is in flight at most.
const IN_FLIGHT: Duration = Duration::from_secs(10);
/// Most messages that [`Backplane::read`] returns after a known position: as many as a client is sent.
pub const MISSED_AT_MOST: usize = 500;
/// Messages that [`Backplane::read`] returns otherwise: as many as an instance caches.
pub const NEWEST: usize = 1000;
/// Most people added and removed by one [`Heartbeat`], and in one event.
pub const CHANGES_AT_ONCE: usize = 500;

/// The shared state of a room. See the [module](self) for the contract of every engine.
#[async_trait]
pub trait Backplane: Send + Sync + 'static {
    /// Appends a message and delivers it to every subscriber. For a nonce stored before, returns its first id.
    async fn publish(&self, post: Post) -> Result<Id, PublishError>;

    /// Edits or deletes a message of the person's own, and delivers the change to every subscriber. Returns the message's
    /// id; for a nonce stored before it changes nothing.
    async fn change(&self, request: ChangeRequest) -> Result<Id, PublishError>;

    /// Renews the lease of an incarnation (without an `epoch` creates it), adds and removes people whom it holds, and renews
    /// the claims of others whom it holds. In another epoch than its own it changes nothing: people whom other instances hold
    /// may be missing there, so a release would look like a departure.
    async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<HeartbeatReply, HeartbeatError>;

    /// Declares an incarnation dead if its counter still is `heartbeat_seq`, and releases its people, at most
    /// [`CHANGES_AT_ONCE`] per event. Any instance can finish what another began, by calling it too.
    async fn reap(&self, incarnation: &IncarnationId, heartbeat_seq: u64) -> Result<ReapOutcome, Unavailable>;

    /// Ends a session's claim and presence on every instance: its person leaves at once.
    async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable>;

    /// Reads the room, for a subscriber that has received every event up to a position: see [`Snapshot`].
    async fn read(&self, from: Option<Position>) -> Result<Snapshot, Unavailable>;

    /// Reads a portion of the people: the first, or the one at a cursor that the last returned.
    async fn people(&self, cursor: Option<String>) -> Result<PeoplePortion, Unavailable>;

    /// Returns how many messages the log had held up to and including `id`, or `None` if that exact position is not in it.
    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable>;

    /// Returns a page of history, oldest first.
    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable>;

    /// Claims a person's name for their session until it joins, for [`CLAIM`] at most. A person in the room keeps their name, unless
    /// they typed it and the session [outranks](SessionTag::outranks) theirs: theirs ends then.
    async fn claim(&self, person: &Person) -> Result<Claim, Unavailable>;

    /// Returns what [`claim`](Self::claim) would return, and changes nothing.
    async fn check_claim(&self, person: &Person) -> Result<Claim, Unavailable>;

    /// Publishes that a person types, or stopped. Ephemeral: may be lost.
    async fn typing(&self, typing: Typing) -> Result<(), Unavailable>;

    /// Applies a moderation action on every instance at once.
    async fn moderate(&self, request: ModerationRequest) -> Result<ModerationOutcome, Unavailable>;

    /// Returns how many other people in the room are at the addresses that an action against this name would include; none
    /// if no address is known.
    async fn neighbours(&self, name_key: &NameKey) -> Result<Option<usize>, Unavailable>;

    /// Returns bans, mutes and past actions.
    async fn moderation_log(&self) -> Result<ModerationLog, Unavailable>;

    /// Returns the actions on record after a place, at most `limit`, oldest first.
    async fn records(&self, after: Option<Id>, limit: usize) -> Result<RecordPage, Unavailable>;

    /// Puts a person's report of a message on record, once, at most as often as [`REPORT_RATE`] through all instances.
    async fn report(&self, request: ReportRequest) -> Result<ReportOutcome, Unavailable>;

    /// Returns the reported messages, at most `limit`.
    async fn reports(&self, limit: usize) -> Result<ReportQueue, Unavailable>;

    /// Returns the time since 1970 by the room's clock, which messages carry.
    fn now(&self) -> Duration;

    /// Returns the number of calls that wait to be sent.
    fn waiting(&self) -> usize;

    /// Returns the last connection error, with a hint how to fix it.
    fn last_error(&self) -> Option<String>;

    /// Subscribes to all events from now on, beginning with an [`Event::Gap`] once the subscription is confirmed. At most
    /// [`EVENTS_WAITING`] events wait. Dropping the receiver unsubscribes.
    fn subscribe(&self) -> mpsc::Receiver<Event>;
}

/// How long a nonce is stored at least: longer than a client retries.
pub const NONCE_MEMORY: Duration = Duration::from_secs(600);

/// How long and how much a room stores, and how often a person may send.
#[derive(Clone, Copy, Debug)]
pub struct RetentionPolicy {
    /// Messages stored, about.
    pub history: usize,
    /// The age at which messages are deleted.
    pub history_age: Option<Duration>,
    /// How long a name stays claimed after its person left.
    pub name_hold: Duration,
    /// How often a person may send.
    pub messages: Rate,
    /// How often a program may send; slow mode does not apply to it.
    pub bot_messages: Rate,
    /// How long an incarnation may be silent before it is declared dead.
    pub lease: Duration,
    /// How long after its time a message may be edited; zero: not at all.
    pub edit_window: Duration,
}

impl RetentionPolicy {
    /// Returns the Unix time in milliseconds before which messages are too old; none for any age. `now` is the time since
    /// 1970.
    pub fn oldest_ms(self, now: Duration) -> Option<u64> {
        let age = self.history_age?;
        Some(u64::try_from(now.saturating_sub(age).as_millis()).unwrap_or(u64::MAX))
    }

    /// Returns how often the sender with this session may send.
    pub fn messages_of(self, session: &SessionTag) -> Rate {
        if session.is_bot() { self.bot_messages } else { self.messages }
    }

    /// Returns how long after its time a message may be edited, in milliseconds.
    pub fn edit_window_ms(self) -> u64 {
        u64::try_from(self.edit_window.as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns how long the name of an ended session can only be taken by a new sign-in: longer than an instance is unaware
    /// of the end. One that receives no events notices it within half a lease, and reads the room within another.
    pub fn closed(self) -> Duration {
        IN_FLIGHT + self.lease * 2
    }

    /// Returns how long a claim lasts before its session has joined.
    pub fn claim(self) -> Duration {
        CLAIM.min(self.name_hold)
    }
}
