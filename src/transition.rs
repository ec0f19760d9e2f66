//! A condition whose changes are reported once each, however often it is observed.

use std::sync::atomic::{AtomicBool, Ordering};

/// The last observed value of a condition.
///
/// ```
/// use ruang::transition::Transition;
///
/// let failing = Transition::new(false);
/// assert_eq!([true, true, false, false].map(|now| failing.observe(now)), [true, false, true, false]);
/// ```
#[derive(Debug)]
pub struct Transition(AtomicBool);

impl Transition {
    /// A condition that has this value until it is observed.
    pub const fn new(value: bool) -> Self {
        Self(AtomicBool::new(value))
    }

    /// Observes the condition. Returns whether it changed.
    pub fn observe(&self, value: bool) -> bool {
        self.0.swap(value, Ordering::Relaxed) != value
    }
}
