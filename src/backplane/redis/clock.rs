//! The room's time: the clock of Redis, learned from the replies to heartbeats. Messages carry the time of Redis, and
//! this machine's clock may differ from it by any amount.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// Age at which any newer measurement replaces a more exact one: clocks drift.
const MAX_AGE: Duration = Duration::from_secs(60);

/// How far the clock of Redis is ahead of ours.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<Option<Sample>>);

/// One measurement.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Redis' time less ours, in microseconds.
    ahead: i64,
    /// The largest error of that, in microseconds.
    error: i64,
    taken: Instant,
}

impl Clock {
    /// The time since 1970 by the clock of Redis.
    pub(super) fn now(&self) -> Duration {
        let ahead = self.sample().map_or(0, |sample| sample.ahead);
        Duration::from_micros(u64::try_from(micros(wall()) + ahead).unwrap_or(0))
    }

    /// Learns from a reply: the clock of Redis was at `theirs` between `asked` (by our wall clock) and `took` later.
    pub(super) fn learn(&self, theirs: Duration, asked: Duration, took: Duration, now: Instant) {
        let error = micros(took) / 2;
        let sample = Sample { ahead: micros(theirs) - micros(asked) - error, error, taken: now };
        let mut known = self.0.lock();
        if known.is_none_or(|known| sample.replaces(&known)) {
            *known = Some(sample);
        }
    }

    fn sample(&self) -> Option<Sample> {
        *self.0.lock()
    }
}

impl Sample {
    /// Whether it is more exact than the known sample, or that one is outdated: old, or contradicted since a clock jumped.
    fn replaces(&self, known: &Self) -> bool {
        let is_old = self.taken.saturating_duration_since(known.taken) > MAX_AGE;
        let disagrees = (self.ahead - known.ahead).abs() > self.error + known.error;
        self.error <= known.error || is_old || disagrees
    }
}

/// The time since 1970 by the clock of this machine.
pub(super) fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn ahead(clock: &Clock) -> i64 {
        clock.sample().expect("a sample").ahead
    }

    #[test]
    fn sample_most_exact_counts_until_it_is_old() {
        let (clock, now) = (Clock::default(), Instant::now());
        clock.learn(MS * 1_010, MS * 1_000, MS * 20, now);
        assert_eq!(ahead(&clock), 0);
        clock.learn(MS * 1_004, MS * 1_000, MS * 2, now);
        assert_eq!(ahead(&clock), 3_000);
        clock.learn(MS * 1_010, MS * 1_000, MS * 20, now);
        assert_eq!(ahead(&clock), 3_000);
        clock.learn(MS * 1_010, MS * 1_000, MS * 20, now + MAX_AGE * 2);
        assert_eq!(ahead(&clock), 0);
    }

    #[test]
    fn clock_that_jumped_replaces_sample_at_once() {
        let (clock, now) = (Clock::default(), Instant::now());
        clock.learn(MS * 1_000, MS * 1_000, MS, now);
        clock.learn(MS * 1_000, MS * 3_601_000, MS * 40, now);
        assert_eq!(ahead(&clock), -3_600_020_000);
    }

    proptest! {
        #[test]
        fn sample_any_delays_errs_within_its_bound(
            truth in -10_000_000_i64..10_000_000,
            ways in prop::collection::vec((0_u64..50_000, 0_u64..50_000), 1..20),
        ) {
            let (clock, now) = (Clock::default(), Instant::now());
            for (there, back) in ways {
                let asked = Duration::from_secs(1000);
                let theirs = i64::try_from(there).unwrap() + micros(asked) + truth;
                let theirs = Duration::from_micros(u64::try_from(theirs).unwrap());
                clock.learn(theirs, asked, Duration::from_micros(there + back), now);
            }
            let known = clock.sample().unwrap();
            prop_assert!((known.ahead - truth).abs() <= known.error + 1, "{known:?}");
        }
    }
}
