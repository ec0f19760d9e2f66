//! People in the room, the leases of the incarnations that hold them, and the claims of names.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{IncarnationId, Member, Position, SessionTag};
use crate::{address::AddressHash, name::NameKey};

/// One renewal of a lease, with the changes since the last.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The owner of the lease.
    pub incarnation: IncarnationId,
    /// Grows by one with every attempt, from 1.
    pub heartbeat_seq: u64,
    /// The epoch in which the lease began; none before a heartbeat was accepted: this one may create it.
    pub epoch: Option<u64>,
    /// The instance is going away: observers wait longer before they declare it dead.
    pub draining: bool,
    /// People this incarnation holds from now on.
    pub adds: Vec<Person>,
    /// People it holds already: their claims are renewed.
    pub renewals: Vec<Person>,
    /// People it no longer holds.
    pub dels: Vec<Person>,
}

impl Heartbeat {
    /// A heartbeat without changes, of an incarnation that may have no lease yet.
    pub fn new(incarnation: IncarnationId, heartbeat_seq: u64) -> Self {
        Self { incarnation, heartbeat_seq, epoch: None, draining: false, adds: vec![], renewals: vec![], dels: vec![] }
    }
}

/// A person: a name, and the session that owns it. As JSON it is the content of a session's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The key of the name.
    #[serde(rename = "who")]
    pub name_key: NameKey,
    /// The name as shown.
    pub name: String,
    /// The session that owns the name.
    #[serde(rename = "tag")]
    pub session: SessionTag,
    /// The hash of the client's address. None for programs and moderators, whom no action against an address concerns, and in
    /// records of sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<AddressHash>,
    /// Whether the person was just found to be a moderator, who may write in a read-only room.
    #[serde(skip)]
    pub moderates: bool,
}

impl Person {
    /// A person at no known address.
    pub fn new(name_key: NameKey, name: impl Into<String>, session: SessionTag) -> Self {
        Self { name_key, name: name.into(), session, address: None, moderates: false }
    }
}

/// The reply to a [`Heartbeat`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeartbeatReply {
    /// The room's position.
    pub position: Position,
    /// The leases of all incarnations.
    pub leases: Vec<Lease>,
    /// Names that belong to another session by now, or whose session has ended: neither added nor renewed.
    pub refused: Vec<NameKey>,
}

/// An incarnation's lease, as last renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The owner.
    pub incarnation: IncarnationId,
    /// The counter of its last heartbeat.
    pub heartbeat_seq: u64,
    /// Its stage.
    pub stage: Stage,
}

/// The stage of an incarnation's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It serves.
    Live,
    /// It announced that it is going away.
    Draining,
    /// It was declared dead; its people are being released.
    Dead,
}

/// The outcome of [`Backplane::reap`](super::Backplane::reap).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReapOutcome {
    /// Nothing is left of it.
    Done,
    /// It has renewed its lease since: it lives.
    Alive,
    /// Another instance is releasing its people: call again if it stays dead.
    Busy,
}

/// A person in the room, and the incarnations that hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The person.
    pub member: Member,
    /// The incarnations that hold them.
    pub held_by: Vec<IncarnationId>,
}

/// The outcome of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The name is the session's.
    Mine,
    /// The name is another session's.
    Held {
        /// For how much longer, if its person does not return; `None` while they are in the room.
        left: Option<Duration>,
    },
    /// The name is banned, for this long.
    Banned(Duration),
}
