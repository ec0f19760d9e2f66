//! How often something may happen: the generic cell rate algorithm (ITU-T I.371). Plain: the time is passed in.
//!
//! Instead of a bucket's level, one moment is kept: when the next event is due if all keep exactly to the rate. An event
//! may be early by the burst. Times are nanoseconds since any fixed moment.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::LazyLock,
    time::{Duration, Instant},
};

/// Limiters looked at to find one to evict.
const EVICTION_SAMPLE: usize = 16;

/// How often something may happen: `per_second` in the long run, `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Events per second; 0 = unlimited.
    pub per_second: f64,
    /// Events that may happen at once; at least one.
    pub burst: f64,
}

/// A rate as its two times, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two events, in the long run; 0 = unlimited.
    pub every: u64,
    /// How early an event may be.
    pub ahead: u64,
}

/// One subject's limiter, in eight bytes; a new one has its whole burst.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use ruang::rate::{Limiter, Rate};
///
/// let (pace, start) = (Rate { per_second: 4.0, burst: 2.0 }.pace(), Instant::now());
/// let mut limiter = Limiter::default();
/// assert!(limiter.take(pace, start).is_ok() && limiter.take(pace, start).is_ok());
/// let wait = limiter.take(pace, start).expect_err("two at once, and no third");
/// assert!(wait <= Duration::from_millis(250) && limiter.take(pace, start + wait).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Limiter {
    due: u64,
}

/// A limiter for each key, for never more than a fixed number of keys.
///
/// A limiter that has its whole burst again is the same as none, and is dropped when room is needed. If all are in use, one
/// of the least used of a sample is evicted: a newcomer is never refused because of others, and a key at its limit is the
/// last to be evicted.
#[derive(Debug)]
pub struct KeyedLimiter<K> {
    pace: Pace,
    capacity: usize,
    limiters: HashMap<K, Limiter>,
    swept: Option<Instant>,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self { per_second: 0.0, burst: 1.0 };

    /// Whether there is no limit.
    pub fn is_unlimited(self) -> bool {
        self.per_second <= 0.0
    }

    /// The rate as times.
    pub fn pace(self) -> Pace {
        if self.is_unlimited() {
            return Pace { every: 0, ahead: 0 };
        }
        let every = 1e9 / self.per_second;
        // Casts saturate: a rate of one event in 500 years is as good as any that is slower.
        Pace { every: (every.ceil() as u64).max(1), ahead: (every * (self.burst.max(1.0) - 1.0)) as u64 }
    }

    /// The rate of `n` subjects together.
    #[must_use]
    pub fn times(self, n: f64) -> Self {
        Self { per_second: self.per_second * n, burst: self.burst * n }
    }
}

impl Pace {
    /// Admits `cost` events at `now`, for a subject whose next event is due at `due`. Returns when the one after them
    /// is due.
    ///
    /// # Errors
    /// How long until they may happen; nothing has changed then.
    pub fn take(self, due: u64, now: u64, cost: u64) -> Result<u64, Duration> {
        // Callers' times may be out of order by a moment: without a limit that must not matter.
        if self.every == 0 {
            return Ok(due);
        }
        let due = due.max(now);
        let last = due.saturating_add(self.every.saturating_mul(cost.saturating_sub(1)));
        match last.saturating_sub(now.saturating_add(self.ahead)) {
            0 => Ok(last.saturating_add(self.every)),
            wait => Err(Duration::from_nanos(wait)),
        }
    }
}

impl Limiter {
    /// Lets one event happen.
    ///
    /// # Errors
    /// How long until it may.
    pub fn take(&mut self, pace: Pace, now: Instant) -> Result<(), Duration> {
        self.take_many(pace, 1, now)
    }

    /// Lets `cost` events happen, or none.
    ///
    /// # Errors
    /// How long until they may.
    pub fn take_many(&mut self, pace: Pace, cost: u64, now: Instant) -> Result<(), Duration> {
        self.due = pace.take(self.due, nanos(now), cost)?;
        Ok(())
    }

    /// Takes one event back.
    pub fn refund(&mut self, pace: Pace) {
        self.due = self.due.saturating_sub(pace.every);
    }

    /// Counts `cost` events that have happened already. Returns how long until another may, if that is not now.
    pub fn charge(&mut self, pace: Pace, cost: u64, now: Instant) -> Option<Duration> {
        if pace.every == 0 {
            return None;
        }
        let now = nanos(now);
        self.due = self.due.max(now).saturating_add(pace.every.saturating_mul(cost));
        let wait = self.due.saturating_sub(now.saturating_add(pace.ahead));
        (wait > 0).then(|| Duration::from_nanos(wait))
    }

    /// Whether it has its whole burst.
    fn is_unused(self, now: Instant) -> bool {
        self.due <= nanos(now)
    }
}

impl<K: Hash + Eq + Clone> KeyedLimiter<K> {
    /// No key yet; at most `capacity` (and at least one) at a time.
    pub fn new(rate: Rate, capacity: usize) -> Self {
        Self { pace: rate.pace(), capacity: capacity.max(1), limiters: HashMap::new(), swept: None }
    }

    /// Lets one event of `key` happen.
    ///
    /// # Errors
    /// How long until it may.
    pub fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        self.take_many(key, 1, now)
    }

    /// Lets `cost` events of `key` happen, or none.
    ///
    /// # Errors
    /// How long until they may.
    pub fn take_many(&mut self, key: K, cost: u64, now: Instant) -> Result<(), Duration> {
        if self.pace.every == 0 {
            return Ok(());
        }
        if !self.limiters.contains_key(&key) && self.limiters.len() >= self.capacity {
            self.make_room(now);
        }
        self.limiters.entry(key).or_default().take_many(self.pace, cost, now)
    }

    /// Whether `cost` events of `key` may happen, without counting them.
    ///
    /// # Errors
    /// How long until they may.
    pub fn check(&self, key: &K, cost: u64, now: Instant) -> Result<(), Duration> {
        self.limiters.get(key).copied().unwrap_or_default().take_many(self.pace, cost, now)
    }

    /// Takes one event of `key` back.
    pub fn refund(&mut self, key: &K) {
        if let Some(limiter) = self.limiters.get_mut(key) {
            limiter.refund(self.pace);
        }
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.limiters.len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.limiters.is_empty()
    }

    fn make_room(&mut self, now: Instant) {
        if self.sweep_is_due(now) {
            self.limiters.retain(|_, limiter| !limiter.is_unused(now));
            self.swept = Some(now);
        }
        if self.limiters.len() >= self.capacity {
            let sample = self.limiters.iter().take(EVICTION_SAMPLE);
            let least_used = sample.min_by_key(|(_, limiter)| limiter.due).map(|(key, _)| key.clone());
            least_used.and_then(|key| self.limiters.remove(&key));
        }
    }

    /// A sweep looks at every limiter: not more often than one event becomes due, since it would find little.
    fn sweep_is_due(&self, now: Instant) -> bool {
        let every = Duration::from_nanos(self.pace.every);
        self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= every)
    }
}

/// Nanoseconds since some time before this process first asked.
fn nanos(now: Instant) -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(|| {
        let now = Instant::now();
        now.checked_sub(Duration::from_secs(3600)).unwrap_or(now)
    });
    u64::try_from(now.saturating_duration_since(*START).as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
