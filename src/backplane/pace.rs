//! How often one person may speak, through all instances together.
//!
//! The generic cell rate algorithm (ITU-T I.371): instead of a bucket, the moment at which the next message is due is
//! kept. `redis/lua/publish.lua` does the same.

use std::time::Duration;

use crate::rate::Rate;

/// How much too early is not too early: what waits in networks comes closer together than it was sent.
const SLACK_US: u64 = 50_000;

/// A pace, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two messages, in the long run; 0 = unlimited.
    pub every: u64,
    /// How far messages may be ahead of that.
    pub ahead: u64,
}

impl Pace {
    /// The pace of a limit on messages.
    pub fn of(rate: Rate) -> Self {
        if rate.is_unlimited() {
            return Self { every: 0, ahead: 0 };
        }
        let every = Duration::try_from_secs_f64(1.0 / rate.per_second).unwrap_or(Duration::from_secs(3600));
        let ahead = every.mul_f64((rate.burst - 1.0).clamp(0.0, 1e6));
        Self { every: micros(every), ahead: micros(ahead) }
    }

    /// The slower of this pace and one message every so many milliseconds.
    pub fn slowed(self, interval_ms: u64) -> Self {
        let every = interval_ms.saturating_mul(1000);
        if every > self.every { Self { every, ahead: 0 } } else { self }
    }

    /// Takes one message's worth from somebody whose next message is due at `due`: when the one after it is.
    ///
    /// # Errors
    /// How long until they may speak.
    pub fn take(self, due: u64, now: u64) -> Result<u64, Duration> {
        let early = self.ahead + SLACK_US.min(self.every);
        // Further ahead than this pace lets anybody be: it was slower until now, which is forgotten.
        let due = if due > now + self.every + early { now } else { due.max(now) };
        match due.checked_sub(now + early).filter(|wait| *wait > 0) {
            Some(wait) => Err(Duration::from_micros(wait)),
            None => Ok(due + self.every),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIVE: Rate = Rate { per_second: 5.0, burst: 10.0 };
    const START: u64 = 1_764_000_000_000_000;

    /// How many messages pass at once.
    fn at_once(pace: Pace, mut due: u64, now: u64) -> usize {
        (0..100)
            .take_while(|_| match pace.take(due, now) {
                Ok(next) => {
                    due = next;
                    true
                }
                Err(_) => false,
            })
            .count()
    }

    #[test]
    fn a_burst_passes_at_once_and_then_the_rate_holds() {
        let pace = Pace::of(FIVE);
        assert_eq!(at_once(pace, 0, START), 10);
        let due = (0..10).fold(0, |due, _| pace.take(due, START).unwrap());
        assert_eq!(pace.take(due, START), Err(Duration::from_millis(150)), "but for the slack");
        assert!(pace.take(due, START + 200_000).is_ok());
    }

    #[test]
    fn no_limit_is_no_limit() {
        assert_eq!(at_once(Pace::of(Rate { per_second: 0.0, burst: 0.0 }), 0, START), 100);
    }

    #[test]
    fn slow_mode_lets_one_through_in_its_time_and_is_forgotten_at_once() {
        let slow = Pace::of(FIVE).slowed(30_000);
        let due = slow.take(0, START).unwrap();
        assert!(slow.take(due, START + 29_000_000).is_err());
        assert!(slow.take(due, START + 30_000_000).is_ok());
        assert!(Pace::of(FIVE).take(due, START).is_ok(), "it is over: nobody waits for it");
        assert_eq!(Pace::of(FIVE).slowed(100), Pace::of(FIVE), "the limit is slower");
    }

    proptest! {
        #[test]
        fn who_waits_as_long_as_told_passes(rate in 0.1_f64..50.0, burst in 1.0_f64..20.0, takes in 1_usize..60) {
            let pace = Pace::of(Rate { per_second: rate, burst });
            let (mut due, mut now) = (0, START);
            for _ in 0..takes {
                due = match pace.take(due, now) {
                    Ok(next) => next,
                    Err(wait) => {
                        now += u64::try_from(wait.as_micros()).unwrap();
                        pace.take(due, now).map_err(|_| TestCaseError::fail("told to wait for too short"))?
                    }
                };
            }
        }
    }
}
