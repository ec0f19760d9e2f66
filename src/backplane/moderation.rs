//! The moderators' actions, and the record of them.

use serde::{Deserialize, Serialize};

use crate::{
    automod::{AutoRules, AutoRulesChange},
    name::NameKey,
    protocol::Id,
};

/// Actions kept on record, about.
pub const ACTS_KEPT: usize = 1000;
/// Actions in a [`ModerationLog`].
pub const ACTS_SHOWN: usize = 100;
/// How long a ban or mute for good lasts, in milliseconds: a hundred years.
pub const FOR_GOOD_MS: u64 = 100 * 365 * 86_400_000;
/// Most messages that one action removes.
pub const REMOVED_AT_ONCE: usize = 1000;

/// An action of a moderator, applied on every instance at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum ModerationAction {
    /// Deletes messages, at most [`REMOVED_AT_ONCE`]. Their ids stay positions of the log.
    Remove {
        /// The messages.
        ids: Vec<Id>,
    },
    /// Drops the reports of messages, at most [`REMOVED_AT_ONCE`].
    Dismiss {
        /// The messages.
        ids: Vec<Id>,
    },
    /// Ends the session of a name, and bans the name.
    Ban {
        /// The key of the name.
        #[serde(rename = "who")]
        name_key: NameKey,
        /// The name as shown.
        name: String,
        /// How long the name is banned, in milliseconds; 0: it can be taken again at once.
        for_ms: u64,
        /// Also bans the addresses of its person.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        address: bool,
    },
    /// Lifts a ban.
    #[serde(rename = "pardon")]
    Unban {
        /// The key of the name.
        #[serde(rename = "who")]
        name_key: NameKey,
        /// The name as shown.
        name: String,
    },
    /// Refuses the messages of a name on every instance: its person may read, but not write.
    Mute {
        /// The key of the name.
        #[serde(rename = "who")]
        name_key: NameKey,
        /// The name as shown.
        name: String,
        /// How long, in milliseconds.
        for_ms: u64,
        /// Also mutes the addresses of its person.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        address: bool,
    },
    /// Ends a mute.
    Unmute {
        /// The key of the name.
        #[serde(rename = "who")]
        name_key: NameKey,
        /// The name as shown.
        name: String,
    },
    /// Limits each person to one message per interval.
    Slow {
        /// The interval in milliseconds; 0 ends slow mode.
        interval_ms: u64,
    },
    /// Lets only moderators and programs write.
    ReadOnly {
        /// How long, in milliseconds; 0: no longer, none: until it is ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_ms: Option<u64>,
        /// Why, for everybody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Lets no one new sign in.
    Closed {
        /// How long, in milliseconds; 0: no longer, none: until it is ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_ms: Option<u64>,
        /// Why, for everybody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Changes rules that apply by themselves.
    Rules(AutoRulesChange),
    /// Shows a notice to the whole room.
    Announce {
        /// The notice; none removes it.
        text: Option<String>,
    },
}

impl ModerationAction {
    /// Whether it sets rules for everybody.
    #[must_use]
    pub fn sets_rules(&self) -> bool {
        matches!(
            self,
            Self::Slow { .. } | Self::ReadOnly { .. } | Self::Closed { .. } | Self::Rules(_) | Self::Announce { .. }
        )
    }

    /// The action as it is put on record.
    #[must_use]
    pub fn on_record(self) -> Self {
        match self {
            Self::Rules(change) => Self::Rules(change.on_record()),
            other => other,
        }
    }
}

/// Whether a ban or mute with this much time left is one for good.
pub fn is_for_good(left_ms: u64) -> bool {
    left_ms > FOR_GOOD_MS / 2
}

/// The moderator who acts, as recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The moderator's name; empty if it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The network that the action came from; empty if it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// The moderator's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// An action, and who asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModerationRequest {
    /// The action.
    pub action: ModerationAction,
    /// The moderator.
    pub audit: Audit,
}

impl From<ModerationAction> for ModerationRequest {
    fn from(action: ModerationAction) -> Self {
        Self { action, audit: Audit::default() }
    }
}

/// The outcome of a [`ModerationAction`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModerationOutcome {
    /// Applied, published and on record.
    Done,
    /// Nothing to do: no such message, ban or mute. Not published.
    Nothing,
    /// No address of the person is known, so none can be banned or muted: nothing is done.
    NoAddress,
}

/// A name that is banned or muted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ban {
    /// The key of the name.
    #[serde(skip)]
    pub name_key: NameKey,
    /// The name as shown.
    pub name: String,
    /// Its end, in Unix milliseconds.
    pub until: u64,
    /// Whether it includes the addresses of its person.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub address: bool,
}

/// An action on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModerationRecord {
    /// Its place in the record: those of later actions are greater.
    pub id: Id,
    /// Its time, in Unix milliseconds.
    pub at: u64,
    /// The action.
    #[serde(flatten)]
    pub act: ModerationAction,
    /// The moderator.
    #[serde(flatten)]
    pub audit: Audit,
    /// The names of the people whose messages were deleted, or whom the action was about.
    pub whom: Vec<String>,
}

/// A part of the record, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordPage {
    /// The actions that this version can read.
    pub records: Vec<ModerationRecord>,
    /// The place of the last action, read or not; none if there is none.
    pub last: Option<Id>,
    /// Whether there may be later ones.
    pub more: bool,
}

/// Bans, mutes and past actions, for moderators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModerationLog {
    /// Bans in force, by name key.
    pub bans: Vec<Ban>,
    /// Mutes in force, by name key.
    pub mutes: Vec<Ban>,
    /// The newest actions, newest first.
    pub acts: Vec<ModerationRecord>,
    /// The rules that apply by themselves, as they are stored: an instance may not have received the newest yet.
    pub auto: AutoRules,
}
