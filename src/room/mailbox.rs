//! The bounded way from the hub to one connection.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::protocol::Bye;

/// Most bytes of frames that may wait for one connection, a welcome not counted.
pub const WAITING_BYTES: usize = 256 * 1024;

/// A new mailbox: the hub's end and the connection's.
pub fn mailbox() -> (Mailbox, Inbox) {
    let shared = Arc::new(Shared { state: Mutex::default(), arrived: Notify::new() });
    (Mailbox(Arc::clone(&shared)), Inbox(shared))
}

/// The hub's end. Never waits.
#[derive(Debug)]
pub struct Mailbox(Arc<Shared>);

/// The connection's end.
#[derive(Debug)]
pub struct Inbox(Arc<Shared>);

/// What a connection is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Send this text frame.
    Frame(Bytes),
    /// Say `bye`, close, and be gone: nothing follows.
    Close(Farewell),
}

/// Why and how a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// Why.
    pub reason: Bye,
    /// When to come back, if that is to be said.
    pub retry_after_ms: Option<u64>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Waiting>,
    bytes: usize,
    /// Set once; what waits is then dropped, but for the frames of an orderly farewell.
    farewell: Option<Farewell>,
}

#[derive(Debug)]
struct Waiting {
    frame: Bytes,
    counted: bool,
}

impl Mailbox {
    /// Queues a frame. False if too much waits already: the connection is then told to close as too slow, and
    /// what waited is dropped, because a hole must never be sent.
    pub fn push(&self, frame: Bytes) -> bool {
        let mut state = self.0.lock();
        if state.farewell.is_some() {
            return true;
        }
        if state.bytes + frame.len() > WAITING_BYTES {
            state.frames.clear();
            state.farewell = Some(Farewell { reason: Bye::TooSlow, retry_after_ms: None });
            drop(state);
            self.0.arrived.notify_one();
            return false;
        }
        state.bytes += frame.len();
        state.frames.push_back(Waiting { frame, counted: true });
        drop(state);
        self.0.arrived.notify_one();
        true
    }

    /// Queues a welcome, which replaces everything that waits and counts towards no limit.
    pub fn push_welcome(&self, frame: Bytes) {
        let mut state = self.0.lock();
        state.frames.clear();
        state.bytes = 0;
        state.frames.push_back(Waiting { frame, counted: false });
        drop(state);
        self.0.arrived.notify_one();
    }

    /// Ends the connection after what waits already.
    pub fn close(&self, farewell: Farewell) {
        let mut state = self.0.lock();
        state.farewell.get_or_insert(farewell);
        drop(state);
        self.0.arrived.notify_one();
    }
}

impl Inbox {
    /// The next delivery. Cancel-safe: a delivery is taken only when it is returned.
    pub async fn next(&mut self) -> Delivery {
        loop {
            if let Some(delivery) = self.try_next() {
                return delivery;
            }
            self.0.arrived.notified().await;
        }
    }

    /// The next delivery, if one waits.
    pub fn try_next(&mut self) -> Option<Delivery> {
        let mut state = self.0.lock();
        if let Some(Waiting { frame, counted }) = state.frames.pop_front() {
            if counted {
                state.bytes -= frame.len();
            }
            return Some(Delivery::Frame(frame));
        }
        state.farewell.map(Delivery::Close)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize) -> Bytes {
        vec![b'x'; len].into()
    }

    #[test]
    fn frames_come_out_in_order_and_then_the_farewell() {
        let (mailbox, mut inbox) = mailbox();
        let farewell = Farewell { reason: Bye::Restart, retry_after_ms: Some(7) };
        assert!(mailbox.push(frame(1)) && mailbox.push(frame(2)));
        mailbox.close(farewell);
        assert_eq!(inbox.try_next(), Some(Delivery::Frame(frame(1))));
        assert_eq!(inbox.try_next(), Some(Delivery::Frame(frame(2))));
        assert_eq!(inbox.try_next(), Some(Delivery::Close(farewell)));
    }

    #[test]
    fn too_much_waiting_closes_instead_of_leaving_a_hole() {
        let (mailbox, mut inbox) = mailbox();
        mailbox.push_welcome(frame(WAITING_BYTES * 2));
        assert!(mailbox.push(frame(WAITING_BYTES)));
        assert!(!mailbox.push(frame(1)));
        assert!(matches!(inbox.try_next(), Some(Delivery::Close(Farewell { reason: Bye::TooSlow, .. }))));
    }

    #[test]
    fn what_was_taken_makes_room() {
        let (mailbox, mut inbox) = mailbox();
        for _ in 0..10 {
            assert!(mailbox.push(frame(WAITING_BYTES)));
            assert!(inbox.try_next().is_some());
        }
    }
}
