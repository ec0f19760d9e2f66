//! The record of a run: plain data for the checker.

use std::{collections::BTreeSet, time::Duration};

use super::soak::Sample;
use crate::kit::transcript::ChatMessage;

/// A moment: time since the run began.
pub type Moment = Duration;

/// All recorded data of a run.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The log at the end, oldest first.
    pub log: Vec<ChatMessage>,
    /// Messages that the log had and lost, in the order in which they were stored.
    pub lost: Vec<LostMessage>,
    /// Changes of messages that the log had and lost; the messages are as they were before.
    pub undone: Vec<UndoneChange>,
    /// One history per tab.
    pub histories: Vec<History>,
    /// Instances that exited.
    pub exits: Vec<InstanceExit>,
    /// Injected faults, in order of their start.
    pub faults: Vec<InjectedFault>,
    /// Comparisons of the rosters after faults.
    pub comparisons: Vec<RosterComparison>,
    /// Checks of the rosters in phases without faults.
    pub checks: Vec<RosterCheck>,
    /// Samples of a soak.
    pub samples: Vec<Sample>,
    /// `RUANG_LEASE` of the instances.
    pub lease: Duration,
    /// `RUANG_LEAVE_GRACE` of the instances.
    pub grace: Duration,
}

/// A message that was in the log, and was lost with a fault that may lose messages.
#[derive(Clone, Debug)]
pub struct LostMessage {
    /// The message.
    pub message: ChatMessage,
    /// The number of messages of the log that were stored before it and are not lost.
    pub place: usize,
    /// When it was lost.
    pub at: Moment,
}

/// A change of a message that was lost with a fault that may lose changes.
#[derive(Clone, Debug)]
pub struct UndoneChange {
    /// The message as it was changed; without a nonce and a text if it was deleted.
    pub message: ChatMessage,
    /// When it was lost.
    pub at: Moment,
}

/// The frames and actions of one tab, over all of its connections.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The person's name.
    pub person: String,
    /// The number of the tab; tab 0 sends messages.
    pub tab: usize,
    /// Events, in order.
    pub events: Vec<(Moment, Event)>,
}

/// An event of a tab.
#[derive(Clone, Debug)]
pub enum Event {
    /// An upgrade was refused with this status.
    UpgradeRefusal(u16),
    /// An upgrade succeeded at this instance; no welcome yet.
    Connected(String),
    /// A welcome.
    Welcome {
        /// Its field `recovered`.
        recovered: bool,
        /// Its messages.
        messages: Vec<ChatMessage>,
        /// Its members.
        members: BTreeSet<String>,
    },
    /// A message.
    Message(ChatMessage),
    /// Joins and leaves.
    Presence {
        /// Names that joined.
        joined: Vec<String>,
        /// Names that left.
        left: Vec<String>,
        /// The number of members after that.
        count: u64,
    },
    /// A message was edited: its id, its text and time from then on.
    Edited(String, String, u64),
    /// A message was deleted.
    Removed(String),
    /// A message with this nonce was sent, for the first time or again.
    Sent(String),
    /// A change with this nonce of the message with this id was sent, for the first time or again: an edit to this text, or
    /// a deletion.
    SentChange(String, String, Option<String>),
    /// A message or a change was acknowledged: nonce and id.
    Ack(String, String),
    /// An error with this code.
    Error(String),
    /// A sign-out was requested.
    SignOutRequested,
    /// The sign-out was confirmed.
    SignedOutConfirmed,
    /// The connection ended.
    Ended(EndReason),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The client ended it.
    Cut,
    /// The server ended it, with this close code if any.
    Closed(Option<u16>),
    /// The server sent `bye` for a restart.
    Drained,
    /// The person signed out.
    SignedOut,
    /// The run ended while the connection was open.
    RunOver,
}

/// The exit of an instance.
#[derive(Clone, Debug)]
pub struct InstanceExit {
    /// Its base URL.
    pub base: String,
    /// When.
    pub at: Moment,
    /// Whether it drained.
    pub announced: bool,
    /// Its return, if it kept its connections.
    pub returned: Option<Return>,
}

/// The return of an instance that was declared dead before a failover: after one it cannot tell, keeps its connections, and
/// announces its people again.
#[derive(Clone, Copy, Debug)]
pub struct Return {
    /// When the epoch changed: others may show its people from then on.
    pub from: Moment,
    /// When its heartbeat was accepted.
    pub by: Moment,
}

/// An injected fault, or an action of a participant.
#[derive(Clone, Debug)]
pub struct InjectedFault {
    /// The kind in one or two words.
    pub kind: &'static str,
    /// The target.
    pub what: String,
    /// When it began.
    pub from: Moment,
    /// When it was repaired.
    pub to: Moment,
    /// The start of the measured recovery, if any.
    pub recovers_from: Option<Moment>,
    /// Whether instances may have lost Redis.
    pub interrupts_redis: bool,
}

/// A comparison of the rosters right after faults, while people join and leave.
#[derive(Clone, Copy, Debug)]
pub struct RosterComparison {
    /// When the last fault was repaired.
    pub at: Moment,
    /// Time until all instances had the same roster; `None` = never within the limit.
    pub took: Option<Duration>,
}

/// A check of the rosters in a phase without faults.
#[derive(Clone, Debug)]
pub struct RosterCheck {
    /// When all participants were in place and every grace and lease could have expired.
    pub at: Moment,
    /// Time until all rosters were true; `None` = never within the limit.
    pub took: Option<Duration>,
    /// The connected participants.
    pub truth: BTreeSet<String>,
    /// The last roster of each instance.
    pub rosters: Vec<(String, BTreeSet<String>)>,
}
