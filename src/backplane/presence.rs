//! Who is in the room, the leases of those who say so, and whose a name is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{IncarnationId, Position, SessionTag};
use crate::name::NameKey;

/// One renewal of a lease, with what changed since the last.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// Whose lease.
    pub incarnation: IncarnationId,
    /// Grows by one with every attempt, from 1.
    pub heartbeat_seq: u64,
    /// The instance is going away: whoever observes it is more patient.
    pub draining: bool,
    /// People this incarnation holds from now on.
    pub adds: Vec<Person>,
    /// People it no longer holds.
    pub dels: Vec<Person>,
}

/// A person: a name, and the session that owns it. As JSON it is what a session's record holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The uniqueness key of the name.
    #[serde(rename = "who")]
    pub name_key: NameKey,
    /// The name as shown.
    pub name: String,
    /// The session that owns the name.
    #[serde(rename = "tag")]
    pub session: SessionTag,
}

/// What a [`Heartbeat`] is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeartbeatReply {
    /// Where the room stands.
    pub position: Position,
    /// Every incarnation known.
    pub leases: Vec<Lease>,
    /// People whose name belongs to another session by now (`name_key`): not added.
    pub refused: Vec<NameKey>,
}

/// An incarnation's lease, as last renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose.
    pub incarnation: IncarnationId,
    /// The counter of its last beat.
    pub heartbeat_seq: u64,
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
    ReapOutcome,
}

/// What became of a [`Backplane::reap`](super::Backplane::reap).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReapOutcome {
    /// Nothing is left of it.
    Done,
    /// It has beaten since: it lives.
    Alive,
}

/// A person in the room, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The uniqueness key of the name.
    pub name_key: NameKey,
    /// The name as shown.
    pub name: String,
    /// The incarnations that hold them.
    pub held_by: Vec<IncarnationId>,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The name is the session's.
    Mine,
    /// The name is another session's.
    Held,
    /// The name is kept out by the operator, for so long.
    Banned(Duration),
}
