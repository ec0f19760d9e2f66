//! The address of a client, as limits count it.

use std::net::IpAddr;

use crate::address::limit_key;

/// The address of a client, as the server sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientAddress {
    /// The unit that limits count.
    pub(super) key: IpAddr,
    /// It belongs to a trusted proxy: the clients behind that proxy share it.
    pub(super) is_proxy: bool,
}

impl ClientAddress {
    pub(super) fn new(address: IpAddr, is_proxy: bool) -> Self {
        Self { key: limit_key(address), is_proxy }
    }
}
