//! Bounds the bytes that wait for slow clients, all together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The bytes that wait for all clients, and their limit.
#[derive(Debug)]
pub(super) struct QueueMemory {
    limit: usize,
    waiting: AtomicUsize,
}

/// One connection's share of the bytes that wait; released when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    queue_memory: Arc<QueueMemory>,
    bytes: usize,
}

impl QueueMemory {
    /// Nothing waits yet.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, waiting: AtomicUsize::new(0) }
    }

    /// Whether more bytes wait than the limit: new sockets are refused then, and the largest queues are dropped.
    pub(super) fn is_exceeded(&self) -> bool {
        self.waiting() > self.limit
    }

    /// The bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns the empty reservation of a connection.
    pub(super) fn reservation(self: &Arc<Self>) -> Reservation {
        Reservation { queue_memory: Arc::clone(self), bytes: 0 }
    }
}

impl Reservation {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.queue_memory.is_exceeded()
    }

    pub(super) fn acquire(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.queue_memory.waiting.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn release(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.queue_memory.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release(self.bytes);
    }
}
