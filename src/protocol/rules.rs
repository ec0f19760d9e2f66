//! Rules that the operator has set for everyone in the room.

use serde::{Deserialize, Serialize};

/// Rules that the operator has set for everyone in the room; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// How long each person waits between two messages, in milliseconds; 0 where only the limits hold.
    pub slow_ms: u64,
    /// The announcement shown to everyone.
    pub notice: Option<String>,
}

impl Rules {
    /// The rules, if anything is set.
    pub fn set(&self) -> Option<&Self> {
        (*self != Self::default()).then_some(self)
    }
}
