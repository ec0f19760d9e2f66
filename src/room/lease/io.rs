//! Inputs and outputs of the lease.

use std::time::{Duration, Instant};

use crate::{
    backplane::{HeartbeatError, HeartbeatReply, IncarnationId, ReapOutcome, Unavailable},
    name::NameKey,
};

/// Something that happened to the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::room) enum Signal {
    /// A subscription was confirmed: earlier events may be missing.
    Subscribed,
    /// The subscription has ended.
    Unsubscribed,
    /// The event of our own heartbeat was received.
    Echo,
    /// An event is missing.
    Missing,
    /// So much is queued for the clients that the hub takes no events.
    Congested,
    /// A heartbeat must be sent now: local members have changed, or Redis refused a message as fenced.
    Changed,
    /// The instance shuts down.
    Drain,
}

/// The reply to a call.
#[derive(Clone, Debug)]
pub(in crate::room) enum Reply {
    /// To a heartbeat of this incarnation.
    Heartbeat(IncarnationId, Result<HeartbeatReply, HeartbeatError>),
    /// To a reap of this incarnation.
    Reap(IncarnationId, Result<ReapOutcome, Unavailable>),
    /// To a read.
    Read(ReadOutcome),
}

/// The outcome of a read of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::room) enum ReadOutcome {
    /// Its snapshot was applied: every event up to now is known.
    Complete,
    /// It was applied, and more must be read.
    Partial,
    /// Nothing was read, or the instance is past what was read.
    Failed,
}

/// An action for the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::room) enum Action {
    /// Send a heartbeat, with the changes of local members.
    Heartbeat { incarnation: IncarnationId, heartbeat_seq: u64, epoch: Option<u64>, draining: bool },
    /// The heartbeat was accepted: confirm its changes, but for the refused names.
    Confirm { refused: Vec<NameKey> },
    /// Release the people of a dead incarnation.
    Reap { incarnation: IncarnationId, heartbeat_seq: u64 },
    /// Read the room.
    Read,
    /// Subscribe again.
    Resubscribe,
    /// A new incarnation with the same people has begun: announce them all, and look up their sessions. The old lease
    /// expires by itself, and its end releases no one whom the new incarnation holds.
    Reannounce,
    /// A new incarnation without people has begun: others have taken ours over, or will. Close all connections.
    StartOver(&'static str),
    /// The other instances know that we drain: close all connections.
    HandOver,
    /// Log that Redis does not reply.
    LogOutage,
    /// Log that Redis replies again, after an outage of this length.
    LogRecovery(Duration),
}

/// The state of the lease, for the rest of the instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::room) struct Status {
    /// Messages are published under this incarnation.
    pub(in crate::room) incarnation: IncarnationId,
    /// Every event up to now was received.
    pub(in crate::room) synced: bool,
    /// Redis has accepted a recent heartbeat.
    pub(in crate::room) link_up: bool,
    /// New people can join.
    pub(in crate::room) ready: bool,
    /// When a heartbeat was last accepted.
    pub(in crate::room) accepted_at: Option<Instant>,
}

impl Status {
    /// The status before the first heartbeat.
    pub(in crate::room) fn unready(incarnation: IncarnationId) -> Self {
        Self { incarnation, synced: false, link_up: false, ready: false, accepted_at: None }
    }
}
