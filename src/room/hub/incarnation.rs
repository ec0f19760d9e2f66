//! One life of this instance, as the others know it.

use crate::backplane::IncarnationId;

/// The current life.
#[derive(Debug)]
pub(super) struct Incarnation {
    pub(super) incarnation: IncarnationId,
    /// The counter of the last beat that was tried.
    pub(super) heartbeat_seq: u64,
    /// The branch of history in which it has a lease; none before its first beat was answered.
    pub(super) epoch: Option<u64>,
}

impl Incarnation {
    pub(super) fn new(incarnation: IncarnationId) -> Self {
        Self { incarnation, heartbeat_seq: 0, epoch: None }
    }

    /// The counter for the next beat.
    pub(super) fn next_heartbeat_seq(&mut self) -> u64 {
        self.heartbeat_seq += 1;
        self.heartbeat_seq
    }
}
