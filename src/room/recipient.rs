//! A client as the room reaches it.

use bytes::Bytes;

use crate::protocol::Bye;

/// The way to one client. Nothing here waits: what cannot be sent at once is the implementation's to keep, within
/// bounds of its own. Frames are WebSocket frames as they go over the wire, one or several in a row.
pub trait Recipient: Send + Sync + 'static {
    /// Sends frames. If too much waits already the client is to be cut instead: a hole must never be sent.
    fn send(&self, frames: Bytes);

    /// Sends a welcome, which counts towards no limit.
    fn welcome(&self, frame: Bytes);

    /// Says `bye` after what waits already, and ends the connection. Nothing is sent afterwards.
    fn close(&self, farewell: Farewell);

    /// Has the client's session looked up soon: it may be gone.
    fn recheck(&self);
}

/// Why and how a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// Why.
    pub reason: Bye,
    /// When to come back, in milliseconds, if that is to be said.
    pub retry_after_ms: Option<u64>,
}
