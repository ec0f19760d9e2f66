//! How often a session may speak through all its sockets here, and an address through all its sessions.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use crate::{
    backplane::SessionTag,
    bucket::{Bucket, Buckets, Rate},
};

/// As often as so many sessions may an address: a school behind one is not to notice.
const SESSIONS_OF_AN_ADDRESS: f64 = 10.0;
/// Addresses that are counted at a time.
const ADDRESSES_COUNTED: usize = 10_000;

/// The allowances of all sessions that have a socket here.
#[derive(Debug)]
pub(super) struct MessageLimits {
    rate: Rate,
    sessions: Mutex<HashMap<SessionTag, Weak<Mutex<Bucket>>>>,
    addresses: Mutex<Buckets<IpAddr>>,
}

/// One session's allowance, shared by its sockets.
#[derive(Debug)]
pub(super) struct MessageLimit {
    all: Arc<MessageLimits>,
    session: SessionTag,
    address: IpAddr,
    bucket: Arc<Mutex<Bucket>>,
}

impl MessageLimits {
    pub(super) fn new(rate: Rate) -> Self {
        let Rate { per_second, burst } = rate;
        let of_an_address =
            Rate { per_second: per_second * SESSIONS_OF_AN_ADDRESS, burst: burst * SESSIONS_OF_AN_ADDRESS };
        let addresses = Mutex::new(Buckets::new(of_an_address, ADDRESSES_COUNTED));
        Self { rate, sessions: Mutex::default(), addresses }
    }

    /// The allowance of a session at an address: the same for all its sockets.
    pub(super) fn of(self: &Arc<Self>, session: &SessionTag, address: IpAddr, now: Instant) -> MessageLimit {
        let mut sessions = self.lock();
        let known = sessions.get(session).and_then(Weak::upgrade);
        let bucket = known.unwrap_or_else(|| {
            let bucket = Bucket::new(self.rate.per_second, self.rate.burst, now);
            let bucket = Arc::new(Mutex::new(bucket));
            sessions.insert(session.clone(), Arc::downgrade(&bucket));
            bucket
        });
        MessageLimit { all: Arc::clone(self), session: session.clone(), address, bucket }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionTag, Weak<Mutex<Bucket>>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MessageLimit {
    /// Takes one message's worth.
    ///
    /// # Errors
    /// How long until there is one.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now)?;
        self.all.addresses.lock().unwrap_or_else(PoisonError::into_inner).take(self.address, now)
    }
}

impl Drop for MessageLimit {
    fn drop(&mut self) {
        let mut sessions = self.all.lock();
        // This one, and nobody else's: the last socket takes the entry along.
        if Arc::strong_count(&self.bucket) == 1 {
            sessions.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_sockets_of_a_session_share_and_those_of_others_do_not() {
        let all = Arc::new(MessageLimits::new(Rate { per_second: 1.0, burst: 1.0 }));
        let now = Instant::now();
        let of = |session: &str| all.of(&session.into(), HOME, now);
        let (one, two, other) = (of("a"), of("a"), of("b"));
        assert!(one.take(now).is_ok());
        assert!(two.take(now).is_err());
        assert!(other.take(now).is_ok());
        drop((one, two, other));
        assert!(all.lock().is_empty());
    }

    #[test]
    fn an_address_has_one_allowance_however_many_sessions_it_makes() {
        let all = Arc::new(MessageLimits::new(Rate { per_second: 1.0, burst: 1.0 }));
        let now = Instant::now();
        let sessions: Vec<_> = (0..20).map(|n| all.of(&format!("s{n}").as_str().into(), HOME, now)).collect();
        assert_eq!(sessions.iter().filter(|session| session.take(now).is_ok()).count(), 10);
        let elsewhere = all.of(&"x".into(), IpAddr::from([10, 0, 0, 1]), now);
        assert!(elsewhere.take(now).is_ok());
    }
}
