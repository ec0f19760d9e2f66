//! Limits the open sockets of one address, and knows which address has the most.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

use super::{address_warnings::AddressWarnings, client_address::ClientAddress};

/// The open sockets of each address.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    per_address: u32,
    open: Mutex<OpenSockets>,
    warnings: AddressWarnings,
}

/// How open sockets are spread over addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AddressCounts {
    /// The most sockets of one address.
    pub(super) largest: u32,
    /// Sockets whose client's address is a trusted proxy's.
    pub(super) of_proxies: u32,
}

/// One socket of an address; releases its place when dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    connection_limit: Arc<ConnectionLimit>,
    address: ClientAddress,
}

#[derive(Debug, Default)]
struct OpenSockets {
    /// Only addresses that have any.
    by_address: HashMap<IpAddr, u32>,
    total: u32,
    of_proxies: u32,
}

impl ConnectionLimit {
    /// At most `per_address` sockets of one address; 0 = unlimited.
    pub(super) fn new(per_address: u32) -> Self {
        Self { per_address, open: Mutex::default(), warnings: AddressWarnings::default() }
    }

    /// Returns a permit for one more socket, or `None` if the address has as many as it may.
    pub(super) fn acquire(self: &Arc<Self>, address: ClientAddress) -> Option<ConnectionPermit> {
        let mut open = self.open.lock();
        let count = open.by_address.get(&address.key).copied().unwrap_or_default();
        if self.per_address > 0 && count >= self.per_address {
            return None;
        }
        open.by_address.insert(address.key, count + 1);
        open.total += 1;
        open.of_proxies += u32::from(address.is_proxy);
        let total = open.total;
        drop(open);
        self.warnings.check(address, count + 1, total);
        Some(ConnectionPermit { connection_limit: Arc::clone(self), address })
    }

    /// Returns how open sockets are spread over addresses.
    pub(super) fn counts(&self) -> AddressCounts {
        let open = self.open.lock();
        let largest = open.by_address.values().copied().max().unwrap_or_default();
        AddressCounts { largest, of_proxies: open.of_proxies }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.connection_limit.open.lock();
        open.total -= 1;
        open.of_proxies -= u32::from(self.address.is_proxy);
        if let Some(count) = open.by_address.get_mut(&self.address.key) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> ClientAddress {
        ClientAddress::new(IpAddr::from([10, 0, 0, last]), last == 1)
    }

    #[test]
    fn address_at_its_limit_leaves_other_addresses_alone() {
        let limit = Arc::new(ConnectionLimit::new(1));
        let permit = limit.acquire(address(1)).expect("the first");
        assert!(limit.acquire(address(1)).is_none());
        assert!(limit.acquire(address(2)).is_some());
        drop(permit);
        assert!(limit.open.lock().by_address.is_empty());
    }

    #[test]
    fn limit_of_zero_is_unlimited() {
        let limit = Arc::new(ConnectionLimit::new(0));
        let permits: Vec<_> = (0..1000).map_while(|_| limit.acquire(address(1))).collect();
        assert_eq!(permits.len(), 1000);
    }

    #[test]
    fn counts_follow_sockets_that_open_and_close() {
        let limit = Arc::new(ConnectionLimit::new(0));
        let permits = [1, 2, 2, 2].map(|last| limit.acquire(address(last)).expect("a place"));
        assert_eq!(limit.counts(), AddressCounts { largest: 3, of_proxies: 1 });
        drop(permits);
        assert_eq!(limit.counts(), AddressCounts::default());
    }
}
