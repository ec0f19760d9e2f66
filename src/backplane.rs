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
//!   the last release each raise the presence version `v` by one and are delivered as one [`Event::Presence`].
//! * **Leases.** An incarnation lives while its beats grow. Observers, not clocks, declare it dead, with
//!   [`reap`](Backplane::reap); what it held is then released, and it can neither publish nor beat again.
//! * **Claims.** A name belongs to one session at a time.
//! * **Unknown is not failed.** [`Unavailable`] says that the outcome is not known: repeat with the same nonce.

pub mod memory;
pub mod redis;

mod outlet;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::protocol::{Id, Message, Nonce, Text};

/// Events that a subscriber may have waiting; past that it is told of a [`Event::Gap`] instead.
pub const EVENTS_WAITING: usize = 4096;
/// How long a name is its session's before it was ever here. Short: whoever never gets the answer to their sign-in
/// cannot know the session that holds the name, and has to wait for as long.
pub const CLAIM: Duration = Duration::from_secs(20);
/// Most messages that [`Backplane::read`] answers when the position is known: as many as a client is sent.
pub const MISSED_AT_MOST: usize = 500;
/// Messages that [`Backplane::read`] answers when it starts anew: what an instance keeps at hand.
pub const NEWEST: usize = 1000;
/// Most arrivals and departures in one [`Beat`], and in one event.
pub const CHANGES_AT_ONCE: usize = 500;

/// The shared side of a room. See the [module](self) for what every engine promises.
#[async_trait]
pub trait Backplane: Send + Sync + 'static {
    /// Appends a message and delivers it to every subscriber; or, for a nonce seen before, answers its first id.
    async fn publish(&self, post: Post) -> Result<Id, PublishError>;

    /// Renews the lease of an incarnation (its first beat, `k` = 1, creates it), and adds and removes the people
    /// it holds. Adding somebody held already only renews their claim. Answers the state of the room.
    async fn beat(&self, beat: Beat) -> Result<Beaten, BeatError>;

    /// Declares an incarnation dead if its counter still is `k`, and releases everybody it held, at most
    /// [`CHANGES_AT_ONCE`] in one event. Anybody may finish what another began, by calling it too.
    async fn reap(&self, inc: &Inc, k: u64) -> Result<Reaped, Unavailable>;

    /// Ends a session's claim and presence in every instance: its person leaves at once.
    async fn end(&self, session: &SessionTag, who: &str) -> Result<(), Unavailable>;

    /// One atomic look at the room: see [`Reading`].
    async fn read(&self, since: Option<Id>) -> Result<Reading, Unavailable>;

    /// How many messages the log had held up to and including `id`, or `None` if that exact id is not in it.
    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable>;

    /// A page of history, oldest first.
    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable>;

    /// Takes a name for a session until it comes in, [`CLAIM`] at most. A person in the room keeps their name whatever
    /// else is said.
    async fn claim(&self, who: &str, session: &SessionTag) -> Result<Claim, Unavailable>;

    /// Tells every instance that a person types, or stopped. Ephemeral: may be lost.
    async fn typing(&self, typing: Typing) -> Result<(), Unavailable>;

    /// Everything from now on, beginning with an [`Event::Gap`] once it is really heard. At most
    /// [`EVENTS_WAITING`] events wait. Dropping the receiver unsubscribes.
    fn subscribe(&self) -> mpsc::Receiver<Event>;
}

/// How long a nonce is remembered at least: longer than any client should go on retrying.
pub const NONCE_MEMORY: Duration = Duration::from_secs(600);

/// A message on its way into the log.
#[derive(Clone, Debug)]
pub struct Post {
    /// The incarnation it comes through.
    pub inc: Inc,
    /// The session it was sent by.
    pub session: SessionTag,
    /// The uniqueness key of the sender's name.
    pub who: String,
    /// The sender's name as shown.
    pub from: String,
    /// The sender's own id for it.
    pub nonce: Nonce,
    /// What is said.
    pub text: Text,
}

impl Post {
    /// A digest of the text, in hex: what tells a retry from another message under the same nonce.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.text.as_str().as_bytes());
        digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// One renewal of a lease, with what changed since the last.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Whose lease.
    pub inc: Inc,
    /// Grows by one with every attempt, from 1.
    pub k: u64,
    /// The instance is going away: whoever observes it is more patient.
    pub draining: bool,
    /// People this incarnation holds from now on.
    pub adds: Vec<Hold>,
    /// People it no longer holds.
    pub dels: Vec<Hold>,
}

/// A person held in the room by an incarnation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The uniqueness key of the name.
    pub who: String,
    /// The name as shown.
    pub name: String,
    /// The session that owns the name.
    pub session: SessionTag,
}

/// What a [`Beat`] is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beaten {
    /// Where the room stands.
    pub position: Position,
    /// Every incarnation known.
    pub leases: Vec<Lease>,
    /// People whose name belongs to another session by now (`who`): not added.
    pub refused: Vec<String>,
}

/// Where a room stands: what a subscriber that missed nothing has reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The current branch of history.
    pub epoch: u64,
    /// The newest id, kept over a change of epoch; `n` = 0 stands for a log without messages.
    pub head: Id,
    /// The presence version.
    pub v: u64,
}

/// An incarnation's lease, as last renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose.
    pub inc: Inc,
    /// The counter of its last beat.
    pub k: u64,
    /// Its stage of life.
    pub stage: Stage,
}

/// The stage of life of an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It serves.
    Live,
    /// It said that it is going away.
    Draining,
    /// It was declared dead; what it held is being released.
    Reaped,
}

/// What became of a [`Backplane::reap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaped {
    /// Nothing is left of it.
    Done,
    /// It has beaten since: it lives.
    Alive,
}

/// One atomic look at the room.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Where the room stands; the last row, if any, is `position.head`.
    pub position: Position,
    /// Whether the exact `since` is still in the log, at most [`MISSED_AT_MOST`] messages behind the head.
    /// Then `rows` continue it; else they are the newest [`NEWEST`].
    pub continues: bool,
    /// How many messages came after `since`, where that exact id is still in the log.
    pub missed: Option<u64>,
    /// How many messages the log had held before the first row.
    pub before: u64,
    /// Whether messages older than the first row are kept.
    pub older: bool,
    /// Messages, oldest first.
    pub rows: Vec<Message>,
    /// Everybody in the room, in no order.
    pub people: Vec<Present>,
}

/// A person in the room, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The uniqueness key of the name.
    pub who: String,
    /// The name as shown.
    pub name: String,
    /// The incarnations that hold them.
    pub held_by: Vec<Inc>,
}

/// Which page of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// The newest messages.
    Newest,
    /// The newest of those before this id.
    Before(Id),
    /// The oldest of those after this id.
    After(Id),
}

/// A page of history, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether there is more in the direction that was asked for.
    pub more: bool,
    /// Whether the cursor itself is no longer (or never was) in the log: this is what is kept.
    pub trimmed: bool,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The name is the session's.
    Mine,
    /// The name is another session's.
    Held,
}

/// Somebody types, or stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typing {
    /// The uniqueness key of the name.
    pub who: String,
    /// The name as shown.
    pub name: String,
    /// Typing, or no longer.
    pub active: bool,
}

/// What subscribers hear.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A message was kept, after `prev`, while the presence version was `v`.
    Message {
        /// The head before it.
        prev: Id,
        /// The presence version.
        v: u64,
        /// The message; its id's epoch is the current one.
        message: Arc<Message>,
    },
    /// People came or went: `position.v` is one more than before.
    Presence {
        /// Where the room stands after it.
        position: Position,
        /// Who.
        delta: Delta,
    },
    /// A session has ended: its sockets are to be closed. If its person was in the room, `position.v` is one more.
    Ended {
        /// Where the room stands after it.
        position: Position,
        /// Which session.
        session: SessionTag,
        /// The person, if they were in the room.
        delta: Delta,
    },
    /// An incarnation has beaten.
    Beat {
        /// Where the room stands.
        position: Position,
        /// Which one.
        inc: Inc,
        /// Its counter.
        k: u64,
    },
    /// Somebody types, or stopped.
    Typing(Typing),
    /// Something may have been missed before the next event.
    Gap,
}

/// Who came and who went in one step, each with the name as shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// First arrivals.
    pub joined: Vec<Person>,
    /// Last departures.
    pub left: Vec<Person>,
}

/// A person by uniqueness key and name as shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Person {
    /// The uniqueness key.
    pub who: String,
    /// The name as shown.
    pub name: String,
}

/// One life of an instance: a random id, made anew whenever its holds may no longer be believed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inc(Arc<str>);

impl Inc {
    /// A new incarnation.
    pub fn random() -> Self {
        Self(format!("{:016x}", rand::random::<u64>()).into())
    }

    /// The id as kept in the backplane.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Inc {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// Names a session to the room without being its secret: the cookie cannot be made from it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SessionTag(Arc<str>);

impl SessionTag {
    /// A new tag.
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()).into())
    }

    /// The tag as kept in the backplane.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SessionTag {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for SessionTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.8}…", self.0)
    }
}

/// How a room keeps its things.
#[derive(Clone, Copy, Debug)]
pub struct Keeping {
    /// Messages kept, about.
    pub history: usize,
    /// How long a name stays its session's after they left.
    pub name_hold: Duration,
}

impl Keeping {
    /// How long a name is held for somebody who has not come in yet.
    pub fn claim(self) -> Duration {
        CLAIM.min(self.name_hold)
    }
}

/// The backplane did not answer in time, or could not: whether it did what was asked is **not known**.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the backplane does not answer")]
pub struct Unavailable;

/// Why a message was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The incarnation was declared dead: its people are no longer its to speak for.
    #[error("this incarnation was declared dead")]
    Fenced,
    /// The name belongs to another session.
    #[error("the name belongs to another session")]
    Ended,
    /// The nonce was used for another text.
    #[error("the nonce was used for another text")]
    BadNonce,
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a beat did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BeatError {
    /// The counter did not grow: a later beat was there first.
    #[error("a later beat was there first")]
    Stale,
    /// The incarnation has no lease: it was declared dead, or, in another epoch than its own, forgotten.
    #[error("this incarnation has no lease")]
    Gone {
        /// The current branch of history.
        epoch: u64,
    },
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
