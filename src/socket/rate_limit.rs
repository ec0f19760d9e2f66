//! How much a session may send through all its sockets here, an address through all its sessions, and all together.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    backplane::SessionTag,
    rate::{KeyedLimiter, Limiter, Pace, Rate},
};

/// Addresses that are counted at a time.
const ADDRESSES_COUNTED: usize = 10_000;
/// Bytes of text per message that a session may send in the long run.
const BYTES_IN_THE_LONG_RUN: f64 = 2048.0;
/// Bytes of text per message that a session may send in a burst: as long as a text may be, in most scripts.
const BYTES_AT_ONCE: f64 = 8192.0;
/// Bytes of text per second that all sessions of this instance may send together, and at once.
const BYTES_OF_ALL: Rate = Rate { per_second: 1024.0 * 1024.0, burst: 4.0 * 1024.0 * 1024.0 };

/// The limits on messages. Each counts messages, and bytes of text as they go over the wire.
#[derive(Debug)]
pub(super) struct MessageLimits {
    sessions: Mutex<Counted<SessionTag>>,
    addresses: Mutex<Counted<IpAddr>>,
    all: Mutex<Limiter>,
    pace_of_all: Pace,
}

/// Messages and bytes of each key.
#[derive(Debug)]
struct Counted<K> {
    messages: KeyedLimiter<K>,
    bytes: KeyedLimiter<K>,
}

impl MessageLimits {
    /// `rate` for each of up to `sessions` sessions, `address_factor` times that for an address.
    pub(super) fn new(rate: Rate, address_factor: u32, sessions: usize) -> Self {
        let of_an_address = rate.times(f64::from(address_factor));
        Self {
            sessions: Mutex::new(Counted::new(rate, sessions)),
            addresses: Mutex::new(Counted::new(of_an_address, ADDRESSES_COUNTED)),
            all: Mutex::default(),
            pace_of_all: if rate.is_unlimited() { Rate::UNLIMITED } else { BYTES_OF_ALL }.pace(),
        }
    }

    /// Lets one message of `bytes` pass.
    ///
    /// # Errors
    /// How long until it may.
    pub(super) fn take(
        &self,
        session: &SessionTag,
        address: IpAddr,
        bytes: usize,
        now: Instant,
    ) -> Result<(), Duration> {
        let bytes = bytes as u64;
        self.sessions.lock().take(session.clone(), bytes, now)?;
        self.addresses.lock().take(address, bytes, now)?;
        self.all.lock().take_many(self.pace_of_all, bytes, now)
    }
}

impl<K: std::hash::Hash + Eq + Clone> Counted<K> {
    fn new(messages: Rate, capacity: usize) -> Self {
        let bytes = Rate {
            per_second: messages.per_second * BYTES_IN_THE_LONG_RUN,
            burst: messages.burst.max(1.0) * BYTES_AT_ONCE,
        };
        Self { messages: KeyedLimiter::new(messages, capacity), bytes: KeyedLimiter::new(bytes, capacity) }
    }

    fn take(&mut self, key: K, bytes: u64, now: Instant) -> Result<(), Duration> {
        self.messages.take(key.clone(), now)?;
        self.bytes.take_many(key, bytes, now)
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
        assert!(limits.take(&"a".into(), HOME, 1, now).is_ok());
        assert!(limits.take(&"a".into(), HOME, 1, now).is_err());
        assert!(limits.take(&"b".into(), HOME, 1, now).is_ok());
    }

    #[test]
    fn sessions_of_an_address_share_its_limit() {
        let (limits, now) = (MessageLimits::new(ONE, 10, 100), Instant::now());
        let passed = (0..20).filter(|n| limits.take(&format!("s{n}").as_str().into(), HOME, 1, now).is_ok());
        assert_eq!(passed.count(), 10);
        assert!(limits.take(&"x".into(), IpAddr::from([10, 0, 0, 1]), 1, now).is_ok());
    }

    #[test]
    fn long_texts_are_limited_by_their_bytes() {
        let (limits, start) = (MessageLimits::new(Rate { per_second: 5.0, burst: 10.0 }, 10, 100), Instant::now());
        let passed = |bytes: usize| {
            let session: SessionTag = bytes.to_string().as_str().into();
            let at = |tenth: u64| start + Duration::from_millis(tenth * 100);
            (0..600).filter(|tenth| limits.take(&session, HOME, bytes, at(*tenth)).is_ok()).count()
        };
        assert!(passed(200) >= 300, "short ones pass as often as messages may");
        assert!(passed(12_000) < 70, "60 s of them are bounded by bytes");
    }

    #[test]
    fn all_sessions_together_are_limited_by_bytes() {
        let (limits, now) = (MessageLimits::new(Rate { per_second: 5.0, burst: 10.0 }, 10, 10_000), Instant::now());
        let take = |n: u32| limits.take(&format!("s{n}").as_str().into(), IpAddr::from(n.to_be_bytes()), 8000, now);
        assert!((0..2000).filter(|n| take(*n).is_ok()).count() < 530);
    }
}
