//! Rules that the operator has set for everyone in the room.

use serde::{Deserialize, Serialize};

/// Rules that the operator has set for everyone in the room; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// How long each person waits between two messages, in milliseconds; 0 where only the limits hold.
    pub slow_ms: u64,
    /// The announcement shown to everyone.
    pub notice: Option<String>,
    /// Whether only moderators and programs may write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<Door>,
    /// Whether no one new may sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Door>,
}

/// A door that is shut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// When it opens by itself, in Unix milliseconds; none: not by itself.
    pub until: Option<u64>,
    /// Why, for everybody.
    pub text: Option<String>,
}

impl Door {
    /// Whether it is still shut at a time in Unix milliseconds.
    pub fn is_shut(&self, now_ms: u64) -> bool {
        self.until.is_none_or(|until| until > now_ms)
    }
}

impl Rules {
    /// The rules, if anything is set.
    pub fn set(&self) -> Option<&Self> {
        (*self != Self::default()).then_some(self)
    }
}
