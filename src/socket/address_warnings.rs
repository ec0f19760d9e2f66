//! Warns once when clients seem to share an address that is not theirs: a proxy's, or that of address translation.

use super::client_address::ClientAddress;
use crate::transition::Transition;

/// Sockets of an instance from which on their spread over addresses shows something.
const MANY: u32 = 50;

/// The warnings that were logged. Each is logged once in the life of the process.
#[derive(Debug)]
pub(super) struct AddressWarnings {
    is_proxy: Transition,
    is_majority: Transition,
}

impl Default for AddressWarnings {
    fn default() -> Self {
        Self { is_proxy: Transition::new(false), is_majority: Transition::new(false) }
    }
}

impl AddressWarnings {
    /// Checks a new socket: its address now has `of_address` of all `total` sockets.
    pub(super) fn check(&self, address: ClientAddress, of_address: u32, total: u32) {
        if address.is_proxy && self.is_proxy.observe(true) {
            tracing::warn!(
                address = %address.key,
                "a client's address is a trusted proxy's, so limits per address count its clients as one: set \
                 RUANG_TRUSTED_PROXIES to the proxies only, and let each of them send X-Forwarded-For"
            );
        }
        if is_majority(of_address, total) && self.is_majority.observe(true) {
            tracing::warn!(
                address = %address.key,
                of_address,
                total,
                "more than half of the sockets have one address, and share its limits: if it is a proxy's, set \
                 RUANG_TRUSTED_PROXIES; if many people are behind it, raise RUANG_CONNECTIONS_PER_ADDRESS, \
                 RUANG_SENDERS_PER_ADDRESS and RUANG_SIGN_INS_PER_MINUTE"
            );
        }
    }
}

/// Whether one address has more than half of many sockets.
fn is_majority(of_address: u32, total: u32) -> bool {
    total >= MANY && of_address > total / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majority_is_more_than_half_of_many() {
        assert!(is_majority(26, 50) && is_majority(50, 50) && is_majority(501, 1000));
        assert!(!is_majority(25, 50) && !is_majority(49, 49) && !is_majority(500, 1000));
        assert!(is_majority(26, 51) && !is_majority(25, 51));
    }
}
