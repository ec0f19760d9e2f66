//! Why the backplane did not do what it was asked.

use std::time::Duration;

/// The backplane did not answer in time, or could not: whether it did what was asked is **not known**.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the backplane does not answer")]
pub struct Unavailable;

/// Why a message was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The incarnation was declared dead: its people are no longer its to speak for.
    #[error("this incarnation was declared dead")]
    Fenced,
    /// The name belongs to another session.
    #[error("the name belongs to another session")]
    Ended,
    /// The nonce was used for another text.
    #[error("the nonce was used for another text")]
    BadNonce,
    /// They speak too often: not before so long.
    #[error("too many messages")]
    Limited(Duration),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl PublishError {
    /// In a word, for who counts and traces.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::Ended => "ended",
            Self::BadNonce => "bad_nonce",
            Self::Limited(_) => "limited",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// Why a beat did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeartbeatError {
    /// The counter did not grow: a later beat was there first.
    #[error("a later beat was there first")]
    Stale,
    /// The incarnation has no lease: it was declared dead, or, in another epoch than its own, forgotten.
    #[error("this incarnation has no lease")]
    Gone {
        /// The current branch of history.
        epoch: u64,
    },
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
