use proptest::prelude::*;

use super::*;

const SLOW: Rate = Rate { per_second: 0.5, burst: 2.0 };

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A moment that leaves room for earlier ones.
fn start() -> Instant {
    Instant::now() + seconds(3600.0)
}

#[test]
fn burst_passes_at_once_then_the_rate_holds() {
    let (pace, start) = (Rate { per_second: 5.0, burst: 10.0 }.pace(), start());
    let mut limiter = Limiter::default();
    assert!((0..10).all(|_| limiter.take(pace, start).is_ok()));
    assert_eq!(limiter.take(pace, start), Err(seconds(0.2)));
    assert_eq!(limiter.take(pace, start + seconds(0.2)), Ok(()));
    assert!(limiter.take(pace, start + seconds(0.2)).is_err());
    let later = start + seconds(3600.0);
    assert_eq!((0..100).filter(|_| limiter.take(pace, later).is_ok()).count(), 10);
}

#[test]
fn rate_of_zero_is_unlimited() {
    let now = start();
    let (pace, mut limiter) = (Rate { per_second: 0.0, burst: 0.0 }.pace(), Limiter::default());
    assert!((0..10_000).all(|_| limiter.take(pace, now).is_ok()));
    let mut keyed = KeyedLimiter::new(Rate::UNLIMITED, 1);
    assert!((0..10_000).all(|key| keyed.take(key, now).is_ok()));
    assert!(keyed.is_empty());
}

#[test]
fn burst_below_one_still_lets_one_pass() {
    let (pace, now, mut limiter) = (Rate { per_second: 1.0, burst: 0.0 }.pace(), start(), Limiter::default());
    assert_eq!(limiter.take(pace, now), Ok(()));
    assert_eq!(limiter.take(pace, now), Err(seconds(1.0)));
}

#[test]
fn clock_that_goes_back_gives_nothing() {
    let (pace, start, mut limiter) = (Rate { per_second: 1.0, burst: 1.0 }.pace(), start(), Limiter::default());
    assert_eq!(limiter.take(pace, start), Ok(()));
    assert!(limiter.take(pace, start - seconds(30.0)).is_err());
    assert!(limiter.take(pace, start + seconds(0.5)).is_err());
}

#[test]
fn charge_beyond_the_burst_returns_the_pause_it_takes() {
    let (pace, now, mut limiter) = (Rate { per_second: 100.0, burst: 50.0 }.pace(), start(), Limiter::default());
    assert_eq!(limiter.charge(pace, 49, now), None);
    assert_eq!(limiter.charge(pace, 101, now), Some(seconds(1.01)));
    assert_eq!(limiter.charge(pace, 0, now + seconds(1.01)), None);
}

#[test]
fn each_key_has_its_own_limit() {
    let now = start();
    let mut keyed = KeyedLimiter::new(SLOW, 10);
    assert_eq!((0..5).filter(|_| keyed.take("a", now).is_ok()).count(), 2);
    assert_eq!(keyed.take("b", now), Ok(()));
    assert_eq!(keyed.take("a", now + seconds(2.0)), Ok(()));
}

#[test]
fn unused_keys_are_dropped_when_room_is_needed() {
    let now = start();
    let mut keyed = KeyedLimiter::new(SLOW, 100);
    for key in 0..100 {
        assert_eq!(keyed.take(key, now), Ok(()));
    }
    assert_eq!(keyed.take(100, now + seconds(2.0)), Ok(()));
    assert_eq!(keyed.len(), 1);
}

#[test]
fn flood_of_keys_stays_bounded_and_keeps_the_key_at_its_limit() {
    let now = start();
    let mut keyed = KeyedLimiter::new(SLOW, 8);
    assert_eq!((0..3).filter(|_| keyed.take(0, now).is_ok()).count(), 2);
    for key in 1..10_000 {
        assert_eq!(keyed.take(key, now), Ok(()));
        assert!(keyed.len() <= 8);
    }
    assert!(keyed.take(0, now).is_err());
}

proptest! {
    #[test]
    fn no_window_lets_more_pass_than_burst_and_rate(
        rate in 0.01_f64..50.0, burst in 1.0_f64..20.0, gaps in prop::collection::vec(0_u64..2_000, 1..200),
    ) {
        let (pace, mut now, mut limiter) = (Rate { per_second: rate, burst }.pace(), start(), Limiter::default());
        let mut passed = Vec::new();
        for gap in gaps {
            now += Duration::from_millis(gap);
            if limiter.take(pace, now).is_ok() { passed.push(now) }
        }
        for first in 0..passed.len() {
            for last in first..passed.len() {
                let window = passed[last].duration_since(passed[first]).as_secs_f64();
                prop_assert!((last - first + 1) as f64 <= burst + rate * window + 1e-6);
            }
        }
    }

    #[test]
    fn waiting_as_long_as_told_lets_the_event_pass(
        rate in 0.01_f64..50.0, burst in 1.0_f64..5.0, takes in 1_usize..50,
    ) {
        let (pace, mut now, mut limiter) = (Rate { per_second: rate, burst }.pace(), start(), Limiter::default());
        for _ in 0..takes {
            if let Err(wait) = limiter.take(pace, now) {
                now += wait;
                prop_assert_eq!(limiter.take(pace, now), Ok(()));
            }
        }
    }
}

#[test]
fn unlimited_rate_refuses_no_call_with_an_earlier_time() {
    let (pace, now) = (Rate::UNLIMITED.pace(), Instant::now());
    let (mut limiter, later) = (Limiter::default(), now + Duration::from_millis(1));
    assert_eq!(limiter.take(pace, later), Ok(()));
    assert_eq!(limiter.take(pace, now), Ok(()));
    assert_eq!((limiter.charge(pace, 1, later), limiter.charge(pace, 1, now)), (None, None));
}
