//! What the instances of one room share, as a contract with two engines: [`memory`] and [`redis`].
//!
//! # The contract
//! * **One log.** [`publish`](Backplane::publish) appends at the head, atomically with its delivery to every
//!   subscriber. Within an epoch ids are contiguous. Every subscriber hears the same messages in the order of
//!   their ids; what it might have missed is announced by [`Event::Gap`] and is found by
//!   [`read`](Backplane::read).
//! * **Once.** A nonce of a person is kept with its message for at least ten minutes: publishing it again,
//!   through any instance, answers the first id and delivers nothing.
//! * **One presence.** A person is in the room while at least one incarnation holds them. The first hold and
//!   the last release each raise the presence version `version` by one and are delivered as one [`Event::Presence`].
//! * **Leases.** An incarnation lives while its beats grow. Observers, not clocks, declare it dead, with
//!   [`reap`](Backplane::reap); what it held is then released, and it can neither publish nor beat again.
//! * **Age.** Where [`RetentionPolicy::history_age`] is set, no look at the log answers an older message, and beats delete them.
//! * **Deleted messages** keep their position: any look at the log answers [`Row::Removed`](crate::protocol::Row) there.
//! * **Order.** An [`ModerationAction`] of the operator is atomic, on record, raises `version`, and is delivered as one event; what it set is part
//!   of every [`Snapshot`].
//! * **Pace.** Through whatever instances a person speaks, no more often than [`RetentionPolicy::messages`] and slow mode allow.
//! * **Claims.** A name belongs to one session at a time. What is still under way of a session that has ended takes
//!   nothing back.
//! * **Unknown is not failed.** [`Unavailable`] says that the outcome is not known: repeat with the same nonce.
//!
//! ```
//! use std::time::Duration;
//!
//! use ruang::{
//!     backplane::{Backplane, Heartbeat, Event, IncarnationId, RetentionPolicy, Post, memory::Memory},
//!     rate::Rate,
//!     protocol::Text,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let name_hold = Duration::from_secs(900);
//! let room = Memory::new(RetentionPolicy { history: 1000, history_age: None, name_hold, messages: Rate::UNLIMITED });
//! let mut events = room.subscribe();
//! assert!(matches!(events.recv().await, Some(Event::Gap)), "what came before may have been missed");
//!
//! // Whoever speaks speaks through an incarnation that is alive.
//! let incarnation = IncarnationId::random();
//! room.heartbeat(Heartbeat { incarnation: incarnation.clone(), heartbeat_seq: 1, draining: false, adds: vec![], dels: vec![] }).await?;
//! let post = Post {
//!     incarnation,
//!     session: "a session".into(),
//!     name_key: "sari".to_owned(),
//!     from: "Sari".to_owned(),
//!     nonce: "n1".parse()?,
//!     text: Text::parse("halo")?,
//!     trace: None,
//! };
//! let id = room.publish(post.clone()).await?;
//! assert_eq!(room.publish(post).await?, id, "said twice, kept once");
//! # Ok(())
//! # }
//! ```

pub mod memory;
pub mod redis;

mod error;
mod event;
mod event_sender;
mod identity;
mod log;
mod moderation;
mod pace;
mod presence;
mod snapshot;

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

pub use self::{
    error::{HeartbeatError, PublishError, Unavailable},
    event::{Delta, Event, Member, Typing},
    identity::{IncarnationId, SessionTag},
    log::{Cursor, Page, Post},
    moderation::{
        ACTS_KEPT, ACTS_SHOWN, Ban, ModerationAction, ModerationLog, ModerationOutcome, ModerationRecord,
        REMOVED_AT_ONCE,
    },
    pace::Pace,
    presence::{Claim, Heartbeat, HeartbeatReply, Lease, Person, Present, ReapOutcome, Stage},
    snapshot::{Position, Snapshot},
};
use crate::{name::NameKey, protocol::Id, rate::Rate};

/// Events that a subscriber may have waiting; past that it is told of a [`Event::Gap`] instead.
pub const EVENTS_WAITING: usize = 4096;
/// How long a name is its session's before it was ever here. Short: whoever never gets the answer to their sign-in
/// cannot know the session that holds the name, and has to wait for as long.
pub const CLAIM: Duration = Duration::from_secs(20);
/// How long after the end of a session its name can only be entered by signing in: longer than anything of that session
/// can still be under way.
pub const CLOSED: Duration = Duration::from_secs(10);
/// Most messages that [`Backplane::read`] answers when the position is known: as many as a client is sent.
pub const MISSED_AT_MOST: usize = 500;
/// Messages that [`Backplane::read`] answers when it starts anew: what an instance keeps at hand.
pub const NEWEST: usize = 1000;
/// Most arrivals and departures in one [`Heartbeat`], and in one event.
pub const CHANGES_AT_ONCE: usize = 500;

/// The shared side of a room. See the [module](self) for what every engine promises.
#[async_trait]
pub trait Backplane: Send + Sync + 'static {
    /// Appends a message and delivers it to every subscriber; or, for a nonce seen before, answers its first id.
    async fn publish(&self, post: Post) -> Result<Id, PublishError>;

    /// Renews the lease of an incarnation (its first beat, `heartbeat_seq` = 1, creates it), and adds and removes the people
    /// it holds. Adding somebody held already only renews their claim. Answers the state of the room.
    async fn heartbeat(&self, beat: Heartbeat) -> Result<HeartbeatReply, HeartbeatError>;

    /// Declares an incarnation dead if its counter still is `heartbeat_seq`, and releases everybody it held, at most
    /// [`CHANGES_AT_ONCE`] in one event. Anybody may finish what another began, by calling it too.
    async fn reap(&self, incarnation: &IncarnationId, heartbeat_seq: u64) -> Result<ReapOutcome, Unavailable>;

    /// Ends a session's claim and presence in every instance: its person leaves at once.
    async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable>;

    /// One atomic look at the room: see [`Snapshot`].
    async fn read(&self, since: Option<Id>) -> Result<Snapshot, Unavailable>;

    /// How many messages the log had held up to and including `id`, or `None` if that exact id is not in it.
    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable>;

    /// A page of history, oldest first.
    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable>;

    /// Takes a name for a session until it comes in, [`CLAIM`] at most. A person in the room keeps their name whatever
    /// else is said.
    async fn claim(&self, name_key: &NameKey, session: &SessionTag) -> Result<Claim, Unavailable>;

    /// Tells every instance that a person types, or stopped. Ephemeral: may be lost.
    async fn typing(&self, typing: Typing) -> Result<(), Unavailable>;

    /// Does something for the room's order, everywhere at once.
    async fn moderate(&self, act: ModerationAction) -> Result<ModerationOutcome, Unavailable>;

    /// Who is kept out, and what was done.
    async fn moderation_log(&self) -> Result<ModerationLog, Unavailable>;

    /// The time since 1970 by the room's clock, which messages carry.
    fn now(&self) -> Duration;

    /// How many of these calls wait to be sent.
    fn waiting(&self) -> usize;

    /// What was last wrong with the way to the shared side, and how to mend it.
    fn last_error(&self) -> Option<String>;

    /// Everything from now on, beginning with an [`Event::Gap`] once it is really heard. At most
    /// [`EVENTS_WAITING`] events wait. Dropping the receiver unsubscribes.
    fn subscribe(&self) -> mpsc::Receiver<Event>;
}

/// How long a nonce is remembered at least: longer than any client should go on retrying.
pub const NONCE_MEMORY: Duration = Duration::from_secs(600);

/// How a room keeps its things.
#[derive(Clone, Copy, Debug)]
pub struct RetentionPolicy {
    /// Messages kept, about.
    pub history: usize,
    /// How old a kept message gets, at most.
    pub history_age: Option<Duration>,
    /// How long a name stays its session's after they left.
    pub name_hold: Duration,
    /// How often a person may speak.
    pub messages: Rate,
}

impl RetentionPolicy {
    /// Until when, in Unix milliseconds, messages are too old to be kept, if they have an age. `now` is the time since 1970.
    pub fn oldest_ms(self, now: Duration) -> Option<u64> {
        let age = self.history_age?;
        Some(u64::try_from(now.saturating_sub(age).as_millis()).unwrap_or(u64::MAX))
    }

    /// How long a name is held for somebody who has not come in yet.
    pub fn claim(self) -> Duration {
        CLAIM.min(self.name_hold)
    }
}
