//! The way in of one connection: what was read and is not yet dealt with.

use std::{collections::VecDeque, io};

use super::transport::Transport;
use crate::{
    protocol::FRAME_BYTES,
    websocket::{Decoder, Received, Violation},
};

/// Bytes that are read at once.
const READ_BYTES: usize = 4096;

/// Frames in the order in which they came. While the client is silent it holds nothing.
pub(super) struct FrameReader {
    decoder: Decoder,
    waiting: VecDeque<Inbound>,
}

/// How much one read brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    /// Whole frames, fragments among them.
    pub(super) frames: usize,
    pub(super) bytes: usize,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inbound {
    /// A whole message or control frame.
    Frame(Received),
    /// Something that is against the rules.
    Broken(Violation),
    /// The end of the stream, without a close frame.
    Closed,
}

impl FrameReader {
    /// With what was read beyond the upgrade.
    pub(super) fn new(read: &[u8]) -> Self {
        let mut frame_reader = Self { decoder: Decoder::new(FRAME_BYTES), waiting: VecDeque::new() };
        if !read.is_empty() {
            frame_reader.decode(read);
        }
        frame_reader
    }

    /// The next thing that came and is not yet dealt with.
    pub(super) fn next(&mut self) -> Option<Inbound> {
        let next = self.waiting.pop_front();
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        next
    }

    /// Waits for more, and reads it. Cancel-safe: nothing is read without being kept.
    pub(super) async fn read(&mut self, socket: &Transport) -> Read {
        match socket.readable().await {
            Ok(()) => self.read_once(socket),
            Err(_) => self.close(),
        }
    }

    /// The buffer lives only here: a silent client has none.
    fn read_once(&mut self, socket: &Transport) -> Read {
        let mut buffer = [0; READ_BYTES];
        match socket.try_read(&mut buffer) {
            Ok(0) => self.close(),
            Ok(read) => self.decode(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::default(),
            Err(_) => self.close(),
        }
    }

    fn close(&mut self) -> Read {
        self.waiting.push_back(Inbound::Closed);
        Read::default()
    }

    fn decode(&mut self, read: &[u8]) -> Read {
        let waiting = &mut self.waiting;
        let fed = self.decoder.feed(read, |received| {
            let goes_on = !matches!(received, Received::Close(_) | Received::Binary);
            waiting.push_back(Inbound::Frame(received));
            goes_on
        });
        let frames = fed.unwrap_or_else(|violation| {
            waiting.push_back(Inbound::Broken(violation));
            0
        });
        Read { frames, bytes: read.len() }
    }
}
