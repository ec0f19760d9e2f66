//! How often a session may speak, through all its sockets here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use crate::{
    backplane::SessionTag,
    bucket::{Bucket, Rate},
};

/// The allowances of all sessions that have a socket here.
#[derive(Debug)]
pub(super) struct Allowances {
    rate: Rate,
    sessions: Mutex<HashMap<SessionTag, Weak<Mutex<Bucket>>>>,
}

/// One session's allowance, shared by its sockets.
#[derive(Debug)]
pub(super) struct Allowance {
    all: Arc<Allowances>,
    session: SessionTag,
    bucket: Arc<Mutex<Bucket>>,
}

impl Allowances {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, sessions: Mutex::default() }
    }

    /// The allowance of a session: the same for all its sockets.
    pub(super) fn of(self: &Arc<Self>, session: &SessionTag, now: Instant) -> Allowance {
        let mut sessions = self.lock();
        let known = sessions.get(session).and_then(Weak::upgrade);
        let bucket = known.unwrap_or_else(|| {
            let bucket = Bucket::new(self.rate.per_second, self.rate.burst, now);
            let bucket = Arc::new(Mutex::new(bucket));
            sessions.insert(session.clone(), Arc::downgrade(&bucket));
            bucket
        });
        Allowance { all: Arc::clone(self), session: session.clone(), bucket }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionTag, Weak<Mutex<Bucket>>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Allowance {
    /// Takes one message's worth.
    ///
    /// # Errors
    /// How long until there is one.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }
}

impl Drop for Allowance {
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

    #[test]
    fn the_sockets_of_a_session_share_and_those_of_others_do_not() {
        let all = Arc::new(Allowances::new(Rate { per_second: 1.0, burst: 1.0 }));
        let now = Instant::now();
        let (one, two, other) = (all.of(&"a".into(), now), all.of(&"a".into(), now), all.of(&"b".into(), now));
        assert!(one.take(now).is_ok());
        assert!(two.take(now).is_err());
        assert!(other.take(now).is_ok());
        drop((one, two, other));
        assert!(all.lock().is_empty());
    }
}
