//! Limits the messages and bytes that a session, an address, and all sessions of this instance may send.

use std::{
    hash::Hash,
    net::IpAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    backplane::SessionTag,
    rate::{KeyedLimiter, Limiter, Pace, Rate},
};

/// The largest number of addresses that are counted.
const ADDRESSES: usize = 10_000;
/// Bytes of text per message that a session may send in the long run.
const BYTES_IN_THE_LONG_RUN: f64 = 2048.0;
/// Bytes of text per message that a session may send in a burst: the longest text in most scripts.
const BYTES_AT_ONCE: f64 = 8192.0;
/// Bytes of text that all sessions of this instance may send together.
const BYTES_OF_ALL: Rate = Rate { per_second: 1024.0 * 1024.0, burst: 4.0 * 1024.0 * 1024.0 };

/// The limits on messages. A message passes all of them or counts for none. Bytes are those of a text as clients receive it.
#[derive(Debug)]
pub(super) struct MessageLimits(Mutex<State>);

#[derive(Debug)]
struct State {
    sessions: Limits<SessionTag>,
    addresses: Limits<IpAddr>,
    all: Limiter,
    pace_of_all: Pace,
}

/// The limits of each key.
#[derive(Debug)]
struct Limits<K> {
    messages: KeyedLimiter<K>,
    bytes: KeyedLimiter<K>,
}

impl MessageLimits {
    /// Limits each of up to `sessions` sessions to `rate`, and an address to the messages of `senders_per_address`
    /// sessions; 0 of these is unlimited.
    pub(super) fn new(rate: Rate, senders_per_address: u32, sessions: usize) -> Self {
        let of_all = if rate.is_unlimited() { Rate::UNLIMITED } else { BYTES_OF_ALL };
        Self(Mutex::new(State {
            sessions: Limits::new(rate, sessions),
            addresses: Limits::new(rate.times(f64::from(senders_per_address)), ADDRESSES),
            all: Limiter::default(),
            pace_of_all: of_all.pace(),
        }))
    }

    /// Admits one message of `bytes`.
    ///
    /// # Errors
    /// The time until it may be admitted.
    pub(super) fn admit(
        &self,
        session: &SessionTag,
        address: IpAddr,
        bytes: usize,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut state = self.0.lock();
        let (bytes, pace_of_all, mut all) = (bytes as u64, state.pace_of_all, state.all);
        state.sessions.check(session, bytes, now)?;
        state.addresses.check(&address, bytes, now)?;
        all.take_many(pace_of_all, bytes, now)?;
        state.all = all;
        state.sessions.take(session, bytes, now)?;
        state.addresses.take(&address, bytes, now)
    }
}

impl<K: Hash + Eq + Clone> Limits<K> {
    fn new(messages: Rate, keys: usize) -> Self {
        let bytes = Rate {
            per_second: messages.per_second * BYTES_IN_THE_LONG_RUN,
            burst: messages.burst.max(1.0) * BYTES_AT_ONCE,
        };
        Self { messages: KeyedLimiter::new(messages, keys), bytes: KeyedLimiter::new(bytes, keys) }
    }

    fn check(&self, key: &K, bytes: u64, now: Instant) -> Result<(), Duration> {
        self.messages.check(key, 1, now)?;
        self.bytes.check(key, bytes, now)
    }

    fn take(&mut self, key: &K, bytes: u64, now: Instant) -> Result<(), Duration> {
        self.messages.take(key.clone(), now)?;
        self.bytes.take_many(key.clone(), bytes, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const ONE: Rate = Rate { per_second: 1.0, burst: 1.0 };

    #[test]
    fn sockets_of_a_session_share_its_limit() {
        let (limits, now) = (MessageLimits::new(ONE, 10, 100), Instant::now());
        assert!(limits.admit(&"a".into(), HOME, 1, now).is_ok());
        assert!(limits.admit(&"a".into(), HOME, 1, now).is_err());
        assert!(limits.admit(&"b".into(), HOME, 1, now).is_ok());
    }

    #[test]
    fn sessions_of_an_address_share_its_limit() {
        let (limits, now) = (MessageLimits::new(ONE, 10, 100), Instant::now());
        let passed = (0..20).filter(|n| limits.admit(&format!("s{n}").as_str().into(), HOME, 1, now).is_ok());
        assert_eq!(passed.count(), 10);
        assert!(limits.admit(&"x".into(), IpAddr::from([10, 0, 0, 1]), 1, now).is_ok());
    }

    #[test]
    fn zero_senders_per_address_is_unlimited() {
        let (limits, now) = (MessageLimits::new(ONE, 0, 100), Instant::now());
        assert!((0..100).all(|n| limits.admit(&format!("s{n}").as_str().into(), HOME, 1, now).is_ok()));
    }

    #[test]
    fn refused_message_counts_for_no_limit() {
        let (limits, now) = (MessageLimits::new(Rate { per_second: 1.0, burst: 2.0 }, 1, 100), Instant::now());
        let admit = |session: &str, address| limits.admit(&session.into(), address, 1, now);
        assert!(admit("a", HOME).is_ok() && admit("b", HOME).is_ok());
        assert!((0..9).all(|_| admit("c", HOME).is_err()), "the address is at its limit");
        let elsewhere = IpAddr::from([10, 0, 0, 1]);
        assert!(admit("c", elsewhere).is_ok() && admit("c", elsewhere).is_ok());
    }

    #[test]
    fn long_texts_are_limited_by_their_bytes() {
        let (limits, start) = (MessageLimits::new(Rate { per_second: 5.0, burst: 10.0 }, 10, 100), Instant::now());
        let passed = |bytes: usize| {
            let session: SessionTag = bytes.to_string().as_str().into();
            let at = |tenth: u64| start + Duration::from_millis(tenth * 100);
            (0..600).filter(|tenth| limits.admit(&session, HOME, bytes, at(*tenth)).is_ok()).count()
        };
        assert!(passed(200) >= 300, "short ones pass as often as messages may");
        assert!(passed(12_000) < 70, "60 s of them are bounded by bytes");
    }

    #[test]
    fn all_sessions_together_are_limited_by_bytes() {
        let (limits, now) = (MessageLimits::new(Rate { per_second: 5.0, burst: 10.0 }, 10, 10_000), Instant::now());
        let take = |n: u32| limits.admit(&format!("s{n}").as_str().into(), IpAddr::from(n.to_be_bytes()), 8000, now);
        assert!((0..2000).filter(|n| take(*n).is_ok()).count() < 530);
    }
}
