//! Limits one person's messages, through all instances together.
//!
//! The generic cell rate algorithm (ITU-T I.371): the state is the time at which the next message is due.
//! `redis/lua/publish.lua` is the same in Lua.

use std::time::Duration;

use crate::rate::Rate;

/// Tolerance: messages that waited in a network arrive closer together than they were sent.
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

    /// Admits a message at `now` from a person whose next message is due at `due`. Returns when the one after it is due.
    ///
    /// # Errors
    /// The time until the message is admitted.
    pub fn admit(self, due: u64, now: u64) -> Result<u64, Duration> {
        let early = self.ahead + SLACK_US.min(self.every);
        // Further ahead than this pace allows: the pace was slower when `due` was set, so it no longer counts.
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

    /// How many messages are admitted at once.
    fn at_once(pace: Pace, mut due: u64, now: u64) -> usize {
        (0..100)
            .take_while(|_| match pace.admit(due, now) {
                Ok(next) => {
                    due = next;
                    true
                }
                Err(_) => false,
            })
            .count()
    }

    #[test]
    fn burst_is_admitted_at_once_then_the_rate_holds() {
        let pace = Pace::of(FIVE);
        assert_eq!(at_once(pace, 0, START), 10);
        let due = (0..10).fold(0, |due, _| pace.admit(due, START).unwrap());
        assert_eq!(pace.admit(due, START), Err(Duration::from_millis(150)), "but for the slack");
        assert!(pace.admit(due, START + 200_000).is_ok());
    }

    #[test]
    fn pace_unlimited_admits_everything() {
        assert_eq!(at_once(Pace::of(Rate { per_second: 0.0, burst: 0.0 }), 0, START), 100);
    }

    #[test]
    fn slow_mode_admits_one_per_interval_and_ends_at_once() {
        let slow = Pace::of(FIVE).slowed(30_000);
        let due = slow.admit(0, START).unwrap();
        assert!(slow.admit(due, START + 29_000_000).is_err());
        assert!(slow.admit(due, START + 30_000_000).is_ok());
        assert!(Pace::of(FIVE).admit(due, START).is_ok(), "slow mode is over");
        assert_eq!(Pace::of(FIVE).slowed(100), Pace::of(FIVE), "the limit is slower");
    }

    proptest! {
        #[test]
        fn message_after_the_wait_is_admitted(rate in 0.1_f64..50.0, burst in 1.0_f64..20.0, takes in 1_usize..60) {
            let pace = Pace::of(Rate { per_second: rate, burst });
            let (mut due, mut now) = (0, START);
            for _ in 0..takes {
                due = match pace.admit(due, now) {
                    Ok(next) => next,
                    Err(wait) => {
                        now += u64::try_from(wait.as_micros()).unwrap();
                        pace.admit(due, now).map_err(|_| TestCaseError::fail("the wait was too short"))?
                    }
                };
            }
        }
    }
}
