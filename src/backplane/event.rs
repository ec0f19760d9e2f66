//! What subscribers hear.

use std::sync::Arc;

use super::{IncarnationId, Position, SessionTag};
use crate::{
    name::NameKey,
    protocol::{Id, Message, Rules},
    telemetry::TraceParent,
};

/// Somebody types, or stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typing {
    /// The uniqueness key of the name.
    pub name_key: NameKey,
    /// The name as shown.
    pub name: String,
    /// Typing, or no longer.
    pub active: bool,
}

/// What subscribers hear.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A message was kept, after `prev`, while the presence version was `version`.
    Message {
        /// The head before it.
        prev: Id,
        /// The presence version.
        version: u64,
        /// The message; its id's epoch is the current one.
        message: Arc<Message>,
        /// The trace that delivering it is a part of, if it is traced.
        trace: Option<TraceParent>,
    },
    /// People came or went: `position.version` is one more than before.
    Presence {
        /// Where the room stands after it.
        position: Position,
        /// Who.
        delta: Delta,
    },
    /// A session has ended: its sockets are to be closed. If its person was in the room, `position.version` is one more.
    Ended {
        /// Where the room stands after it.
        position: Position,
        /// Which session.
        session: SessionTag,
        /// The person, if they were in the room.
        delta: Delta,
    },
    /// The operator deleted messages, or set something: `position.version` is one more than before.
    Moderated {
        /// Where the room stands after it.
        position: Position,
        /// Messages that were deleted.
        removed: Vec<Id>,
        /// What is set.
        rules: Rules,
    },
    /// An incarnation has beaten.
    Heartbeat {
        /// Where the room stands.
        position: Position,
        /// Which one.
        incarnation: IncarnationId,
        /// Its counter.
        heartbeat_seq: u64,
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
    pub joined: Vec<Member>,
    /// Last departures.
    pub left: Vec<Member>,
}

/// A person by uniqueness key and name as shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// The uniqueness key.
    #[serde(rename = "who")]
    pub name_key: NameKey,
    /// The name as shown.
    pub name: String,
}
