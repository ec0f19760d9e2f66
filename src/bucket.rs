//! Token buckets: how often something may happen. They have no clock of their own.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// How near to a whole token is a whole token: repeated addition of fractions is not exact.
const ROUNDING: f64 = 1e-9;
/// Buckets looked at to find the one that is missed least.
const LOOKED_AT: usize = 16;

/// How often something may happen: `per_second` in the long run, `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Tokens gained a second; 0 = unlimited.
    pub per_second: f64,
    /// Tokens that a full bucket holds; at least one.
    pub burst: f64,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self { per_second: 0.0, burst: 1.0 };

    /// Whether anything may happen at any time.
    pub fn is_unlimited(self) -> bool {
        self.per_second <= 0.0
    }

    fn capacity(self) -> f64 {
        self.burst.max(1.0)
    }
}

/// A token bucket, full at first.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use ruang::bucket::Bucket;
///
/// let start = Instant::now();
/// let mut bucket = Bucket::new(4.0, 2.0, start);
/// assert!(bucket.take(start).is_ok() && bucket.take(start).is_ok());
/// let wait = bucket.take(start).expect_err("two at once, and no third");
/// assert!(wait <= Duration::from_millis(251) && bucket.take(start + wait).is_ok());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: Rate,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket. A rate of 0 is unlimited.
    pub fn new(rate_per_second: f64, burst: f64, now: Instant) -> Self {
        Self::full(Rate { per_second: rate_per_second, burst }, now)
    }

    fn full(rate: Rate, now: Instant) -> Self {
        Self { rate, tokens: rate.capacity(), at: now }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long until there is one, if there is none. Nothing is taken then.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        if self.rate.is_unlimited() {
            return Ok(());
        }
        self.tokens = self.level(now);
        self.at = self.at.max(now);
        if self.tokens + ROUNDING >= 1.0 {
            self.tokens = (self.tokens - 1.0).max(0.0);
            return Ok(());
        }
        let seconds = (1.0 - self.tokens) / self.rate.per_second;
        // Rounded up: whoever waits exactly that long passes.
        Err(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).saturating_add(Duration::from_nanos(1)))
    }

    fn level(&self, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.rate.per_second;
        (self.tokens + gained).min(self.rate.capacity())
    }

    fn is_full(&self, now: Instant) -> bool {
        self.level(now) + ROUNDING >= self.rate.capacity()
    }
}

/// A bucket for each key, for never more than a fixed number of keys.
///
/// A bucket that is full again says nothing, and is forgotten. If all places are taken by buckets that are not,
/// a fuller one than most gives way to the newcomer: so whoever behaves is never refused because of others, and
/// who is at their limit is the last to be forgotten.
#[derive(Debug)]
pub struct Buckets<K> {
    rate: Rate,
    most: usize,
    buckets: HashMap<K, Bucket>,
    swept: Option<Instant>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// No bucket yet; at most `most` (and at least one) at a time.
    pub fn new(rate: Rate, most: usize) -> Self {
        Self { rate, most: most.max(1), buckets: HashMap::new(), swept: None }
    }

    /// Takes a token from the bucket of `key`.
    ///
    /// # Errors
    /// How long until there is one, if there is none.
    pub fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        if self.rate.is_unlimited() {
            return Ok(());
        }
        if !self.buckets.contains_key(&key) && self.buckets.len() >= self.most {
            self.make_room(now);
        }
        self.buckets.entry(key).or_insert_with(|| Bucket::full(self.rate, now)).take(now)
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn make_room(&mut self, now: Instant) {
        if self.sweep_is_due(now) {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            self.swept = Some(now);
        }
        if self.buckets.len() >= self.most {
            let levels = self.buckets.iter().take(LOOKED_AT).map(|(key, bucket)| (key, bucket.level(now)));
            let fullest = levels.max_by(|one, other| one.1.total_cmp(&other.1)).map(|(key, _)| key.clone());
            fullest.and_then(|key| self.buckets.remove(&key));
        }
    }

    /// A sweep looks at every bucket: not more often than a token is gained, since it would find little.
    fn sweep_is_due(&self, now: Instant) -> bool {
        let token = Duration::try_from_secs_f64(1.0 / self.rate.per_second).unwrap_or(Duration::MAX);
        self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= token)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TICK: Duration = Duration::from_nanos(1);
    const SLOW: Rate = Rate { per_second: 0.5, burst: 2.0 };

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = Bucket::new(5.0, 10.0, start);
        assert!((0..10).all(|_| bucket.take(start).is_ok()));
        assert_eq!(bucket.take(start), Err(seconds(0.2) + TICK));
        assert_eq!(bucket.take(start + seconds(0.2)), Ok(()));
        assert!(bucket.take(start + seconds(0.2)).is_err());
        let later = start + seconds(3600.0);
        assert_eq!((0..100).filter(|_| bucket.take(later).is_ok()).count(), 10);
    }

    #[test]
    fn a_rate_of_zero_is_unlimited() {
        let now = Instant::now();
        let mut bucket = Bucket::new(0.0, 0.0, now);
        assert!((0..10_000).all(|_| bucket.take(now).is_ok()));
        let mut buckets = Buckets::new(Rate { per_second: 0.0, burst: 1.0 }, 1);
        assert!((0..10_000).all(|key| buckets.take(key, now).is_ok()));
        assert!(buckets.is_empty());
    }

    #[test]
    fn a_burst_below_one_still_lets_one_pass() {
        let now = Instant::now();
        let mut bucket = Bucket::new(1.0, 0.0, now);
        assert_eq!(bucket.take(now), Ok(()));
        assert_eq!(bucket.take(now), Err(seconds(1.0) + TICK));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let start = Instant::now() + seconds(60.0);
        let mut bucket = Bucket::new(1.0, 1.0, start);
        assert_eq!(bucket.take(start), Ok(()));
        assert!(bucket.take(start - seconds(30.0)).is_err());
        assert!(bucket.take(start + seconds(0.5)).is_err());
    }

    #[test]
    fn each_key_has_its_own_bucket() {
        let now = Instant::now();
        let mut buckets = Buckets::new(SLOW, 10);
        assert_eq!((0..5).filter(|_| buckets.take("a", now).is_ok()).count(), 2);
        assert_eq!(buckets.take("b", now), Ok(()));
        assert_eq!(buckets.take("a", now + seconds(2.0)), Ok(()));
    }

    #[test]
    fn buckets_that_are_full_again_are_forgotten_when_room_is_needed() {
        let now = Instant::now();
        let mut buckets = Buckets::new(SLOW, 100);
        for key in 0..100 {
            assert_eq!(buckets.take(key, now), Ok(()));
        }
        assert_eq!(buckets.take(100, now + seconds(2.0)), Ok(()));
        assert_eq!(buckets.len(), 1);
    }

    #[test]
    fn a_flood_of_keys_stays_bounded_refuses_no_newcomer_and_keeps_who_is_at_the_limit() {
        let now = Instant::now();
        let mut buckets = Buckets::new(SLOW, 8);
        assert_eq!((0..3).filter(|_| buckets.take(0, now).is_ok()).count(), 2);
        for key in 1..10_000 {
            assert_eq!(buckets.take(key, now), Ok(()));
            assert!(buckets.len() <= 8);
        }
        assert!(buckets.take(0, now).is_err());
    }

    proptest! {
        #[test]
        fn no_window_lets_more_pass_than_the_burst_and_what_is_gained_in_it(
            rate in 0.01_f64..50.0, burst in 1.0_f64..20.0, gaps in prop::collection::vec(0_u64..2_000, 1..200),
        ) {
            let start = Instant::now();
            let mut bucket = Bucket::new(rate, burst, start);
            let mut now = start;
            let mut passed = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                if bucket.take(now).is_ok() { passed.push(now) }
            }
            for first in 0..passed.len() {
                for last in first..passed.len() {
                    let window = passed[last].duration_since(passed[first]).as_secs_f64();
                    prop_assert!((last - first + 1) as f64 <= burst + rate * window + 1e-6);
                }
            }
        }

        #[test]
        fn who_waits_as_long_as_told_passes(rate in 0.01_f64..50.0, burst in 1.0_f64..5.0, takes in 1_usize..50) {
            let mut now = Instant::now();
            let mut bucket = Bucket::new(rate, burst, now);
            for _ in 0..takes {
                if let Err(wait) = bucket.take(now) {
                    now += wait;
                    prop_assert_eq!(bucket.take(now), Ok(()));
                }
            }
        }
    }
}
