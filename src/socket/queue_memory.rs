//! How many bytes may wait for slow clients, all of them together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The bytes that wait, and how many may.
#[derive(Debug)]
pub(super) struct QueueMemory {
    most: usize,
    waiting: AtomicUsize,
}

/// One connection's part of what waits; given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    queue_memory: Arc<QueueMemory>,
    bytes: usize,
}

impl QueueMemory {
    /// Nothing waits yet.
    pub(super) fn new(most: usize) -> Self {
        Self { most, waiting: AtomicUsize::new(0) }
    }

    /// Whether more waits than may: nobody new comes in then, and who has most of it goes.
    pub(super) fn is_exceeded(&self) -> bool {
        self.waiting() > self.most
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A connection for which nothing waits.
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

    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.queue_memory.waiting.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn take(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.queue_memory.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.take(self.bytes);
    }
}
