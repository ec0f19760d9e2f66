//! How many sockets there may be, in all and from one address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Places for sockets.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    most: usize,
    most_per_address: u32,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Only addresses that have any.
    by_address: HashMap<IpAddr, u32>,
}

/// A place for one socket, given back when dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    connection_limit: Arc<ConnectionLimit>,
    address: IpAddr,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionRefusal {
    /// The instance has no more.
    Full,
    /// The address has as many as it may.
    TooMany,
}

impl ConnectionLimit {
    /// `most` in all and `most_per_address` from one; 0 of the latter is unlimited.
    pub(super) fn new(most: usize, most_per_address: u32) -> Self {
        Self { most, most_per_address, taken: Mutex::default() }
    }

    /// How many there are in all.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Takes a place for a socket from an address.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<ConnectionPermit, ConnectionRefusal> {
        let mut taken = self.lock();
        let here = taken.by_address.get(&address).copied().unwrap_or_default();
        if self.most_per_address > 0 && here >= self.most_per_address {
            return Err(ConnectionRefusal::TooMany);
        }
        if taken.all >= self.most {
            return Err(ConnectionRefusal::Full);
        }
        taken.all += 1;
        taken.by_address.insert(address, here + 1);
        drop(taken);
        Ok(ConnectionPermit { connection_limit: Arc::clone(self), address })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut taken = self.connection_limit.lock();
        taken.all -= 1;
        if let Some(here) = taken.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_run_out_and_come_back() {
        let connection_limit = Arc::new(ConnectionLimit::new(2, 0));
        let address = IpAddr::from([127, 0, 0, 1]);
        let first = connection_limit.take(address).unwrap();
        let _second = connection_limit.take(address).unwrap();
        assert_eq!(connection_limit.take(address).unwrap_err(), ConnectionRefusal::Full);
        drop(first);
        assert!(connection_limit.take(address).is_ok());
    }

    #[test]
    fn one_address_does_not_take_the_places_of_others() {
        let connection_limit = Arc::new(ConnectionLimit::new(9, 1));
        let one = connection_limit.take(IpAddr::from([10, 0, 0, 1])).unwrap();
        assert_eq!(connection_limit.take(IpAddr::from([10, 0, 0, 1])).unwrap_err(), ConnectionRefusal::TooMany);
        assert!(connection_limit.take(IpAddr::from([10, 0, 0, 2])).is_ok());
        drop(one);
        assert!(connection_limit.lock().by_address.is_empty());
    }
}
