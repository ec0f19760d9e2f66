//! Events, as subscribers receive them.

use std::sync::Arc;

use super::{IncarnationId, Position, SessionTag};
use crate::{
    automod::AutoRules,
    name::NameKey,
    protocol::{Id, Message, Rules},
    telemetry::TraceParent,
};

/// A person types, or stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typing {
    /// The key of the name.
    pub name_key: NameKey,
    /// The name as shown.
    pub name: String,
    /// Whether they type.
    pub active: bool,
}

/// An event of the room.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A message was stored, after `prev`, while the presence version was `version`.
    Message {
        /// The head before it.
        prev: Id,
        /// The presence version.
        version: u64,
        /// The message; its id's epoch is the current one.
        message: Arc<Message>,
        /// The trace that its delivery belongs to, if it is traced.
        trace: Option<TraceParent>,
    },
    /// People joined or left: `position.version` is one more than before.
    Presence {
        /// The room's position after it.
        position: Position,
        /// The people.
        delta: Delta,
    },
    /// A session has ended: its sockets must close. If its person was in the room, `position.version` is one more.
    Ended {
        /// The room's position after it.
        position: Position,
        /// The session.
        session: SessionTag,
        /// The person, if they were in the room.
        delta: Delta,
    },
    /// Messages were deleted or edited, or the rules changed: `position.version` is one more than before.
    Moderated {
        /// The room's position after it.
        position: Position,
        /// Deleted messages.
        removed: Vec<Id>,
        /// Edited messages, with their text from now on.
        edited: Vec<Arc<Message>>,
        /// The rules in force.
        rules: Rules,
        /// The rules that apply by themselves, if they changed.
        auto: Option<Arc<AutoRules>>,
    },
    /// An incarnation has renewed its lease.
    Heartbeat {
        /// The room's position.
        position: Position,
        /// The incarnation.
        incarnation: IncarnationId,
        /// Its counter.
        heartbeat_seq: u64,
    },
    /// A person types, or stopped.
    Typing(Typing),
    /// Events may be missing before the next one. Each subscription begins with it.
    Gap,
}

/// The people who joined and left in one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// First arrivals.
    pub joined: Vec<Member>,
    /// Last departures.
    pub left: Vec<Member>,
}

/// A person, by name key and name as shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// The name key.
    #[serde(rename = "who")]
    pub name_key: NameKey,
    /// The name as shown.
    pub name: String,
}
