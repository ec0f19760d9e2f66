//! What the operator has set for everybody.

use serde::{Deserialize, Serialize};

/// What the operator has set for everybody; nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// How long each person waits between two messages, in milliseconds; 0 where only the limits hold.
    pub slow_ms: u64,
    /// What everybody is to know.
    pub notice: Option<String>,
}

impl Rules {
    /// The rules, if anything is set.
    pub fn set(&self) -> Option<&Self> {
        (*self != Self::default()).then_some(self)
    }
}
