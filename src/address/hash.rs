//! Keyed hashes of addresses: they show whether two clients are behind the same address, and nothing else to a reader without
//! the key.

use std::{fmt, net::IpAddr, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::limit_key;

/// Bytes of a hash.
const HASH_BYTES: usize = 16;

/// The secret of the hashes, one per room. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct AddressKey([u8; 32]);

impl AddressKey {
    /// A new key.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// Reads a key as [`encode`](Self::encode) writes it.
    pub fn decode(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The key in base64url.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Returns the hash of an IPv4 address, or of the /64 of an IPv6 address: the first 16 bytes of an HMAC-SHA-256.
    ///
    /// ```
    /// use ruang::address::AddressKey;
    ///
    /// let key = AddressKey::random();
    /// let hash = |address: &str| key.hash(address.parse().expect("an address"));
    /// assert_eq!(hash("2001:db8:1:2::7"), hash("2001:db8:1:2:3:4:5:6"), "one household");
    /// assert_ne!(hash("203.0.113.7"), hash("203.0.113.8"));
    /// ```
    pub fn hash(&self, address: IpAddr) -> AddressHash {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC accepts keys of any length");
        let unit = match limit_key(address) {
            IpAddr::V4(address) => mac.chain_update(address.octets()),
            IpAddr::V6(address) => mac.chain_update(&address.octets()[..8]),
        };
        AddressHash(URL_SAFE_NO_PAD.encode(&unit.finalize().into_bytes()[..HASH_BYTES]).into())
    }
}

impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressKey(…)")
    }
}

/// The keyed hash of an address, in base64url. Not shown by `Debug`: it belongs in no log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressHash(Arc<str>);

impl AddressHash {
    /// The hash as stored in the backplane.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AddressHash {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for AddressHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: &AddressKey, address: &str) -> String {
        key.hash(address.parse().unwrap()).as_str().to_owned()
    }

    #[test]
    fn hash_is_one_for_an_ipv4_address_or_an_ipv6_network() {
        let key = AddressKey([7; 32]);
        for (one, other, is_same) in [
            ("203.0.113.7", "::ffff:203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("2001:db8:1:2::7", "2001:db8:1:2:3:4:5:6", true),
            ("2001:db8:1:2::7", "2001:db8:1:3::7", false),
        ] {
            assert_eq!(hash(&key, one) == hash(&key, other), is_same, "{one} {other}");
        }
        assert_eq!(hash(&key, "203.0.113.7").len(), 22, "16 bytes in base64url");
    }

    #[test]
    fn hash_depends_on_the_key_which_can_be_stored() {
        let (one, other) = (AddressKey::random(), AddressKey::random());
        assert_ne!(hash(&one, "203.0.113.7"), hash(&other, "203.0.113.7"));
        assert_eq!(AddressKey::decode(&one.encode()), Some(one));
        assert_eq!((AddressKey::decode(""), AddressKey::decode("AAAA")), (None, None));
    }

    #[test]
    fn debug_shows_neither_key_nor_hash() {
        let key = AddressKey([7; 32]);
        let hash = key.hash("203.0.113.7".parse().unwrap());
        assert_eq!(format!("{key:?} {hash:?}"), "AddressKey(…) AddressHash(…)");
    }
}
