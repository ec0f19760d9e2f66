//! What the operator does to keep order, and the record of it.

use serde::{Deserialize, Serialize};

use crate::{name::NameKey, protocol::Id};

/// Acts that are remembered, about.
pub const ACTS_KEPT: usize = 1000;
/// Acts that [`ModerationLog`] answers.
pub const ACTS_SHOWN: usize = 100;
/// Most messages that one act removes.
pub const REMOVED_AT_ONCE: usize = 1000;

/// Something that the operator does, for every instance at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum ModerationAction {
    /// Deletes messages, at most [`REMOVED_AT_ONCE`]. Their ids stay positions of the log.
    Remove {
        /// Which.
        ids: Vec<Id>,
    },
    /// Ends the session of a name, and keeps the name out.
    Ban {
        /// The uniqueness key of the name.
        #[serde(rename = "who")]
        name_key: NameKey,
        /// The name as shown.
        name: String,
        /// For how long nobody comes in under it, in milliseconds; 0: whoever it is may come back at once.
        for_ms: u64,
    },
    /// Lifts a ban.
    #[serde(rename = "pardon")]
    Unban {
        /// The uniqueness key of the name.
        #[serde(rename = "who")]
        name_key: NameKey,
        /// The name as shown.
        name: String,
    },
    /// Lets each person say something only now and then.
    Slow {
        /// How long they wait in between, in milliseconds; 0: no longer.
        interval_ms: u64,
    },
    /// Shows everybody a line.
    Announce {
        /// What it says; none takes it away.
        text: Option<String>,
    },
}

/// What became of an [`ModerationAction`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModerationOutcome {
    /// Every instance is told, and it is on record.
    Done,
    /// There was nothing to do: no such message, no such ban. Nobody is told.
    Nothing,
}

/// A name that is kept out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// The uniqueness key of the name.
    pub name_key: NameKey,
    /// The name as shown.
    pub name: String,
    /// Until when, in Unix milliseconds.
    pub until: u64,
}

/// An act on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModerationRecord {
    /// When, in Unix milliseconds.
    pub at: u64,
    /// What.
    pub act: ModerationAction,
}

/// What the operator looks at: who is kept out, and what was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModerationLog {
    /// Bans that last, by uniqueness key.
    pub bans: Vec<Ban>,
    /// The newest acts, newest first.
    pub acts: Vec<ModerationRecord>,
}
