//! Limits one person's messages. `redis/lua/publish.lua` is the same in Lua.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{
    address::AddressHash,
    backplane::{Person, SLOW_SHARE},
    name::NameKey,
    rate::{Pace, Rate},
};

/// Tolerance: messages that waited in a network arrive closer together than they were sent.
const SLACK_NS: u64 = 50_000_000;
/// Time between two removals of people who may send anyway.
const SWEEP_NS: u64 = 1_000_000_000;

/// When the next message of each person, and of each address in slow mode, is due, in nanoseconds since a start.
#[derive(Clone)]
pub(super) struct MessageRates {
    began: Instant,
    due: HashMap<NameKey, u64>,
    due_at: HashMap<AddressHash, u64>,
    swept: u64,
}

impl MessageRates {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, due: HashMap::new(), due_at: HashMap::new(), swept: 0 }
    }

    /// Admits a message.
    ///
    /// # Errors
    /// The time until it is admitted.
    pub(super) fn admit(&mut self, name_key: &NameKey, pace: Pace, now: Instant) -> Result<(), Duration> {
        if pace.every == 0 {
            // The time that a slower pace has set stays.
            return Ok(());
        }
        let now = self.sweep(now);
        let due = take(self.due.get(name_key), pace, now)?;
        self.due.insert(name_key.clone(), due);
        Ok(())
    }

    /// Admits a message at a person's pace, and at that which the people of an address `share`. It counts for both or for none.
    ///
    /// # Errors
    /// The time until it is admitted.
    pub(super) fn admit_person(
        &mut self,
        person: &Person,
        pace: Pace,
        shared: Option<Pace>,
        now: Instant,
    ) -> Result<(), Duration> {
        let Some((address, shared)) = person.address.as_ref().zip(shared) else {
            return self.admit(&person.name_key, pace, now);
        };
        let now = self.sweep(now);
        match (take(self.due.get(&person.name_key), pace, now), take(self.due_at.get(address), shared, now)) {
            (Ok(own), Ok(shared)) => {
                self.due.insert(person.name_key.clone(), own);
                self.due_at.insert(address.clone(), shared);
                Ok(())
            }
            (own, shared) => Err(own.err().max(shared.err()).unwrap_or_default()),
        }
    }

    /// Removes from time to time those who may send anyway. Returns the time since the start, in nanoseconds.
    fn sweep(&mut self, now: Instant) -> u64 {
        let now = u64::try_from(now.duration_since(self.began).as_nanos()).unwrap_or(u64::MAX);
        if now - self.swept >= SWEEP_NS {
            self.due.retain(|_, due| *due > now);
            self.due_at.retain(|_, due| *due > now);
            self.swept = now;
        }
        now
    }
}

/// Returns when the message after this one is due.
fn take(due: Option<&u64>, pace: Pace, now: u64) -> Result<u64, Duration> {
    let due = due.copied().unwrap_or_default();
    // Further ahead than this pace allows: the pace was slower when it was set, so it no longer counts.
    let due = if due > now + pace.every + pace.ahead { now } else { due };
    pace.take(due, now, 1)
}

/// Whether slow mode is slower than the limit.
pub(super) fn is_slow(limit: Rate, slow_ms: u64) -> bool {
    slow_ms.saturating_mul(1_000_000) > limit.pace().every
}

/// Returns the slower of a limit and one message per `slow_ms` milliseconds.
pub(super) fn pace(limit: Rate, slow_ms: u64) -> Pace {
    let (limit, slow) = (limit.pace(), Pace { every: slow_ms.saturating_mul(1_000_000), ahead: 0 });
    let pace = if slow.every > limit.every { slow } else { limit };
    Pace { ahead: pace.ahead + SLACK_NS.min(pace.every), ..pace }
}

/// Returns the pace of an address in slow mode, in which [`SLOW_SHARE`] people may send at once; none without slow mode.
pub(super) fn shared_pace(limit: Rate, slow_ms: u64) -> Option<Pace> {
    let every = slow_ms.saturating_mul(1_000_000) / SLOW_SHARE;
    is_slow(limit, slow_ms).then(|| Pace { every, ahead: every * (SLOW_SHARE - 1) + SLACK_NS.min(every) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Rate = Rate { per_second: 5.0, burst: 10.0 };
    const MS: Duration = Duration::from_millis(1);

    /// Sari's messages, and the time at which she begins.
    fn sari() -> (MessageRates, NameKey, Instant) {
        let now = Instant::now();
        (MessageRates::new(now), "sari".into(), now)
    }

    #[test]
    fn burst_is_admitted_at_once_then_the_rate_holds() {
        let (mut rates, sari, now) = sari();
        for _ in 0..10 {
            assert_eq!(rates.admit(&sari, pace(FIVE, 0), now), Ok(()));
        }
        assert_eq!(rates.admit(&sari, pace(FIVE, 0), now), Err(MS * 150), "200 ms less the tolerance");
        assert_eq!(rates.admit(&sari, pace(FIVE, 0), now + MS * 150), Ok(()));
    }

    #[test]
    fn limit_of_zero_admits_everything() {
        let (mut rates, sari, now) = sari();
        assert!((0..100).all(|_| rates.admit(&sari, pace(Rate::UNLIMITED, 0), now).is_ok()));
    }

    #[test]
    fn slow_mode_admits_one_per_interval_and_ends_at_once() {
        let (mut rates, sari, now) = sari();
        assert_eq!(rates.admit(&sari, pace(FIVE, 30_000), now), Ok(()));
        assert!(rates.admit(&sari, pace(FIVE, 30_000), now + MS * 29_000).is_err());
        assert_eq!(rates.admit(&sari, pace(FIVE, 30_000), now + MS * 30_000), Ok(()));
        assert_eq!(rates.admit(&sari, pace(FIVE, 0), now + MS * 30_000), Ok(()), "slow mode is over");
        assert_eq!(pace(FIVE, 100), pace(FIVE, 0), "the limit is slower");
    }

    #[test]
    fn slow_mode_admits_three_of_an_address_per_interval() {
        let (mut rates, _, now) = sari();
        let names: Vec<Person> = (0..20)
            .map(|n| {
                let person = Person::new(n.to_string().as_str().into(), n.to_string(), "a session".into());
                Person { address: Some("home".into()), ..person }
            })
            .collect();
        let mut admitted = |at: Instant| {
            let (own, shared) = (pace(FIVE, 30_000), shared_pace(FIVE, 30_000));
            names.iter().filter(|person| rates.admit_person(person, own, shared, at).is_ok()).count()
        };
        assert_eq!((admitted(now), admitted(now + MS * 10_000), admitted(now + MS * 10_100)), (3, 1, 0));
        assert_eq!(shared_pace(FIVE, 0), None, "without slow mode");
    }
}
