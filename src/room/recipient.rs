//! The room's side of a client.

use std::time::Duration;

use bytes::Bytes;

use crate::protocol::Bye;

/// Sends to one client, without ever waiting: frames that cannot be written at once are queued, within bounds of the
/// implementation. Frames are WebSocket frames as they go over the wire, one or several in a row.
pub trait Recipient: Send + Sync + 'static {
    /// Sends frames. If too many are queued, the client is disconnected instead: frames are never skipped.
    fn send(&self, frames: Bytes);

    /// Sends a welcome, which counts towards no limit.
    fn welcome(&self, frame: Bytes);

    /// Sends `bye` after the queued frames, and ends the connection. Later frames are dropped.
    fn close(&self, farewell: Farewell);

    /// Has the client's session looked up at a random time within `spread`: it may have ended.
    fn recheck(&self, spread: Duration);
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// The reason.
    pub reason: Bye,
    /// When the client should reconnect, in milliseconds.
    pub retry_after_ms: Option<u64>,
}
