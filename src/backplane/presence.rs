//! Who is in the room, the leases of those who say so, and whose a name is.

use std::time::Duration;

use super::{Inc, Position, SessionTag};

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

/// What became of a [`Backplane::reap`](super::Backplane::reap).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaped {
    /// Nothing is left of it.
    Done,
    /// It has beaten since: it lives.
    Alive,
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
