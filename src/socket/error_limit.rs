//! How many of a client's errors are forgiven. Plain and synchronous.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// This many errors within [`WINDOW`] are too many.
const TOO_MANY: usize = 10;
/// How long an error counts.
const WINDOW: Duration = Duration::from_secs(60);

/// A client's errors of late.
#[derive(Debug, Default)]
pub(super) struct ErrorLimit(VecDeque<Instant>);

impl ErrorLimit {
    /// Counts an error. Answers whether it was one too many.
    pub(super) fn count(&mut self, now: Instant) -> bool {
        while self.0.front().is_some_and(|first| now.duration_since(*first) >= WINDOW) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len() >= TOO_MANY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_errors_in_a_minute_are_too_many_and_in_more_they_are_not() {
        let (mut quick, mut slow, now) = (ErrorLimit::default(), ErrorLimit::default(), Instant::now());
        for n in 0..20 {
            assert!(!slow.count(now + WINDOW / 8 * n), "error {n}");
        }
        for n in 0..9 {
            assert!(!quick.count(now + WINDOW / 10 * n), "error {n}");
        }
        assert!(quick.count(now + WINDOW / 10 * 9));
    }
}
