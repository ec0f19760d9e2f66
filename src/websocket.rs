//! RFC 6455 for a server, without any I/O: the handshake, an encoder of frames, and a strict decoder.
//!
//! Why not a library: a server's frames are not masked, so one message is the same bytes for every client and can be
//! written to each as it is; and a decoder that keeps nothing while its client is silent costs no memory for it.
//! `docs/decisions/0006-own-framing.md` has what that measured.

mod decoder;
mod frame;
mod handshake;

pub use decoder::{Decoder, Received, Violation};
pub use frame::{close_frame, frame_length, ping_frame, pong_frame, text_frame};
pub use handshake::accept_key;
