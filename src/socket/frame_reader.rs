//! Reads a connection's frames, and keeps those that are not handled yet.

use std::{collections::VecDeque, io};

use super::transport::Transport;
use crate::{
    protocol::FRAME_BYTES,
    websocket::{Decoder, Received, Violation},
};

/// The size of one read, in bytes.
const READ_BYTES: usize = 4096;

/// The frames of one connection, in order. It holds no buffer while the client is silent.
pub(super) struct FrameReader {
    decoder: Decoder,
    pending: VecDeque<Inbound>,
}

/// The size of one read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReadSize {
    /// Whole frames, fragments included.
    pub(super) frames: usize,
    pub(super) bytes: usize,
}

/// One thing that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inbound {
    /// A whole message or control frame.
    Frame(Received),
    /// Input that violates RFC 6455.
    Violation(Violation),
    /// The end of the stream, without a close frame.
    Closed,
}

impl FrameReader {
    /// Starts with the input that followed the upgrade request.
    pub(super) fn new(input: &[u8]) -> Self {
        let mut frame_reader = Self { decoder: Decoder::new(FRAME_BYTES), pending: VecDeque::new() };
        if !input.is_empty() {
            frame_reader.decode(input);
        }
        frame_reader
    }

    /// Returns the next thing that was read and is not handled yet.
    pub(super) fn next(&mut self) -> Option<Inbound> {
        let next = self.pending.pop_front();
        if self.pending.is_empty() {
            self.pending = VecDeque::new();
        }
        next
    }

    /// Waits for input, and reads it once. Cancel-safe: all that was read is kept.
    pub(super) async fn read(&mut self, transport: &Transport) -> ReadSize {
        match transport.readable().await {
            Ok(()) => self.read_once(transport),
            Err(_) => self.close(),
        }
    }

    /// Reads what has arrived, into a buffer on the stack, so that a silent client costs none.
    pub(super) fn read_once(&mut self, transport: &Transport) -> ReadSize {
        let mut buffer = [0; READ_BYTES];
        match transport.try_read(&mut buffer) {
            Ok(0) => self.close(),
            Ok(bytes) => self.decode(&buffer[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ReadSize::default(),
            Err(_) => self.close(),
        }
    }

    fn close(&mut self) -> ReadSize {
        self.pending.push_back(Inbound::Closed);
        ReadSize::default()
    }

    fn decode(&mut self, input: &[u8]) -> ReadSize {
        let pending = &mut self.pending;
        let decoded = self.decoder.feed(input, |received| {
            let continues = !matches!(received, Received::Close(_) | Received::Binary);
            pending.push_back(Inbound::Frame(received));
            continues
        });
        let frames = decoded.unwrap_or_else(|violation| {
            pending.push_back(Inbound::Violation(violation));
            0
        });
        ReadSize { frames, bytes: input.len() }
    }
}
