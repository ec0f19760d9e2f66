//! The bytes that wait to be sent to slow clients, in all connections together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Counts the bytes that wait, against a limit.
#[derive(Debug)]
pub struct QueueMemory {
    limit: usize,
    waiting: AtomicUsize,
}

/// One connection's or response's share of the bytes that wait; released when dropped.
#[derive(Debug)]
pub struct Reservation {
    queue_memory: Arc<QueueMemory>,
    bytes: usize,
}

impl QueueMemory {
    /// Counts against a limit in bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, waiting: AtomicUsize::new(0) }
    }

    /// Whether the limit is exceeded. Then new connections and reads are refused, and the largest queues are dropped.
    pub fn is_exceeded(&self) -> bool {
        self.waiting() > self.limit
    }

    /// The bytes that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns an empty reservation.
    pub fn reservation(self: &Arc<Self>) -> Reservation {
        Reservation { queue_memory: Arc::clone(self), bytes: 0 }
    }
}

impl Reservation {
    /// The bytes of this reservation.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the limit of all reservations is exceeded.
    pub fn is_exceeded(&self) -> bool {
        self.queue_memory.is_exceeded()
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.queue_memory.waiting.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Releases bytes of this reservation.
    pub fn release(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.queue_memory.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release(self.bytes);
    }
}
