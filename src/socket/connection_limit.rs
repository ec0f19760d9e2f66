//! Limits the open sockets of one address.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

/// The open sockets of each address.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    per_address: u32,
    /// Only addresses that have any.
    open: Mutex<HashMap<IpAddr, u32>>,
}

/// One socket of an address; releases its place when dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    connection_limit: Arc<ConnectionLimit>,
    address: IpAddr,
}

impl ConnectionLimit {
    /// At most `per_address` sockets of one address; 0 = unlimited.
    pub(super) fn new(per_address: u32) -> Self {
        Self { per_address, open: Mutex::default() }
    }

    /// Returns a permit for one more socket, or `None` if the address has as many as it may.
    pub(super) fn acquire(self: &Arc<Self>, address: IpAddr) -> Option<ConnectionPermit> {
        let mut open = self.open.lock();
        let count = open.get(&address).copied().unwrap_or_default();
        if self.per_address > 0 && count >= self.per_address {
            return None;
        }
        open.insert(address, count + 1);
        drop(open);
        Some(ConnectionPermit { connection_limit: Arc::clone(self), address })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.connection_limit.open.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_at_its_limit_leaves_other_addresses_alone() {
        let limit = Arc::new(ConnectionLimit::new(1));
        let permit = limit.acquire(IpAddr::from([10, 0, 0, 1])).expect("the first");
        assert!(limit.acquire(IpAddr::from([10, 0, 0, 1])).is_none());
        assert!(limit.acquire(IpAddr::from([10, 0, 0, 2])).is_some());
        drop(permit);
        assert!(limit.open.lock().is_empty());
    }

    #[test]
    fn limit_of_zero_is_unlimited() {
        let limit = Arc::new(ConnectionLimit::new(0));
        let permits: Vec<_> = (0..1000).map_while(|_| limit.acquire(IpAddr::from([10, 0, 0, 1]))).collect();
        assert_eq!(permits.len(), 1000);
    }
}
