//! Rules that apply by themselves to what people send and to the names they take. Plain and synchronous.
//!
//! Moderators set [`AutoRules`]; every instance has them with the room's snapshot, and checks texts by a [`RuleChecker`]. What
//! only the backplane knows, because it concerns all instances, is left to it: see [`SharedChecks`].

mod checker;
mod links;
mod rules;
mod words;

use std::time::Duration;

pub use self::{
    checker::{RuleChecker, Sender, SenderKind, SharedChecks},
    links::{has_link, links},
    rules::{AutoRules, AutoRulesChange, LinkRule, LinkRuleError, ListError, NewcomerRule, name_list, word_list},
};

/// Most messages with the same text from one address within [`REPEAT_WINDOW`].
pub const REPEATS: usize = 3;
/// See [`REPEATS`].
pub const REPEAT_WINDOW: Duration = Duration::from_secs(60);

/// The kind of a rule that refuses a text or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// It has a listed word.
    Word,
    /// It has a link.
    Link,
    /// The person is new here, and the text comes too soon after their last one.
    Newcomer,
    /// The same text came from one address too often.
    Repeat,
}

impl RuleKind {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::Link => "link",
            Self::Newcomer => "newcomer",
            Self::Repeat => "repeat",
        }
    }
}

/// A text that a rule refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleViolation {
    /// The rule.
    pub rule: RuleKind,
    /// When the rule may accept the same text; none: not while it is in force.
    pub retry_after: Option<Duration>,
}
