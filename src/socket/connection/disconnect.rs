//! How a connection ends.

use bytes::Bytes;

use crate::{
    protocol::{Bye, ServerFrame, SessionEnd},
    room::Farewell,
    websocket::close_frame,
};

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disconnect {
    /// The client closed, with this code; the reply has the same.
    ByClient(Option<u16>),
    /// The server sends `bye` and closes.
    Farewell(Farewell),
    /// The server closes with this code.
    Code(u16),
    /// The connection is lost.
    Lost,
}

impl Disconnect {
    /// The label of the metric.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Farewell(farewell) => farewell.reason.name(),
            Self::ByClient(_) => "client",
            Self::Code(_) => "protocol",
            Self::Lost => "lost",
        }
    }
}

/// The end by a `bye`.
pub(super) fn farewell(reason: Bye) -> Disconnect {
    Disconnect::Farewell(Farewell { reason, retry_after_ms: None })
}

/// A `bye` and its close frame, in one piece.
pub(super) fn goodbye(Farewell { reason, retry_after_ms }: Farewell, cause: Option<SessionEnd>) -> Bytes {
    let bye = ServerFrame::Bye { reason, cause, retry_after_ms }.encode();
    [bye, close_frame(Some(reason.code() as u16))].concat().into()
}
