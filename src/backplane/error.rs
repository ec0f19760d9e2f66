//! Errors of the backplane.

use std::time::Duration;

use crate::automod::RuleViolation;

/// The backplane did not reply in time, or could not. The outcome of the call is **unknown**.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the backplane does not reply")]
pub struct Unavailable;

/// Why a message or a change was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The incarnation does not hold the person, or was declared dead.
    #[error("this incarnation does not hold the person")]
    Fenced,
    /// The name belongs to another session.
    #[error("the name belongs to another session")]
    Ended,
    /// The nonce was used for something else.
    #[error("the nonce was used for something else")]
    BadNonce,
    /// The message is another session's.
    #[error("the message is another session's")]
    NotYours,
    /// The message is too old to be edited.
    #[error("the message is too old to be edited")]
    TooLate,
    /// The message is deleted, or no longer stored.
    #[error("the message is deleted, or no longer stored")]
    Gone,
    /// The person sends too often; carries the time until they may send again.
    #[error("too many messages")]
    Limited(Duration),
    /// A moderator has muted the person; carries the time until they may send again.
    #[error("the person is muted")]
    Muted(Duration),
    /// Only moderators and programs may write; carries the time until that ends by itself.
    #[error("the room is read-only")]
    ReadOnly(Option<Duration>),
    /// A rule refuses it.
    #[error("a rule refuses it")]
    Refused(RuleViolation),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl PublishError {
    /// The error's name in metrics and traces.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::Ended => "ended",
            Self::BadNonce => "bad_nonce",
            Self::NotYours => "not_yours",
            Self::TooLate => "too_late",
            Self::Gone => "gone",
            Self::Limited(_) => "limited",
            Self::Muted(_) => "muted",
            Self::ReadOnly(_) => "read_only",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// Why a heartbeat was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeartbeatError {
    /// The counter did not grow: a later heartbeat arrived first.
    #[error("a later heartbeat arrived first")]
    Stale,
    /// The incarnation has no lease: it was declared dead or, if the epoch is not its own, perhaps lost with the log.
    #[error("this incarnation has no lease")]
    Gone {
        /// The current branch of history.
        epoch: u64,
    },
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
