//! Protocol 1 of the wire: ids, frames and close codes. Independent of sockets, rooms and Redis.

mod client;
mod close;
mod id;
mod message;
mod rules;
mod server;

pub use client::{CHANGES_SHOWN, ClientFrame, Malformed, Nonce, ShownChanges};
pub use close::{Bye, CloseCode, SessionEnd};
pub use id::{Id, InvalidId};
pub use message::{Message, Row, Text, TextError};
pub use rules::{Door, Rules};
pub use server::{ErrorCode, Limits, Members, ServerFrame, Welcome};

/// The subprotocol that a client may offer and the server then echoes.
pub const SUBPROTOCOL: &str = "ruang.v1";
/// Most characters (Unicode scalars after NFC and trimming) of one message.
pub const TEXT_CHARS: usize = 2000;
/// Most bytes of one client frame, and of one HTTP request body.
pub const FRAME_BYTES: usize = 32 * 1024;
/// How often the server pings each client.
pub const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(25);
