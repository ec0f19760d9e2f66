//! Why a connection ends: the codes of the close frame, and the `bye` before it.

use serde::Serialize;

/// The code of a close frame (RFC 6455, section 7.4) by which this protocol ends a connection. Those of broken framing are
/// [`Violation`](crate::websocket::Violation)'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// A binary frame: this protocol has none.
    Binary = 1003,
    /// No join, or abuse. Do not come back.
    Policy = 1008,
    /// The instance restarts: come back.
    Restart = 1012,
    /// Silent, too slow, or the instance is full: come back.
    TryLater = 1013,
    /// Signed out, expired or removed: the person must sign in again.
    SessionEnded = 4001,
}

/// Why the server ends a connection, said in a `bye` frame before the close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bye {
    /// The instance restarts, or begins a new incarnation.
    Restart,
    /// The session was logged out, has expired, or lost its name.
    SessionEnded,
    /// No join in time, or too many errors.
    Policy,
    /// The client sent nothing for too long.
    Silent,
    /// The client takes frames too slowly.
    TooSlow,
    /// The instance has too much to do.
    Overloaded,
}

/// Why a session ended, where it is known: a field of the `bye` frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// The name is banned.
    Banned,
    /// The session was unused for too long, or has reached its maximum age.
    Expired,
    /// The name belongs to another session.
    NameLost,
}

impl Bye {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::SessionEnded => "session_ended",
            Self::Policy => "policy",
            Self::Silent => "silent",
            Self::TooSlow => "too_slow",
            Self::Overloaded => "overloaded",
        }
    }

    /// The code of the close frame that follows.
    pub const fn code(self) -> CloseCode {
        match self {
            Self::Restart => CloseCode::Restart,
            Self::SessionEnded => CloseCode::SessionEnded,
            Self::Policy => CloseCode::Policy,
            Self::Silent | Self::TooSlow | Self::Overloaded => CloseCode::TryLater,
        }
    }
}
