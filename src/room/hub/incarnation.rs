//! One life of this instance, as the others know it.

use crate::backplane::Inc;

/// The current life.
#[derive(Debug)]
pub(super) struct Incarnation {
    pub(super) inc: Inc,
    /// The counter of the last beat that was tried.
    pub(super) k: u64,
    /// The branch of history in which it has a lease; none before its first beat was answered.
    pub(super) epoch: Option<u64>,
}

impl Incarnation {
    pub(super) fn new(inc: Inc) -> Self {
        Self { inc, k: 0, epoch: None }
    }

    /// The counter for the next beat.
    pub(super) fn next_k(&mut self) -> u64 {
        self.k += 1;
        self.k
    }
}
