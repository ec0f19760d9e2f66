//! The address of a client behind trusted proxies, and its keyed hash.

mod hash;

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use http::HeaderMap;
use ipnet::IpNet;
use thiserror::Error;

pub use self::hash::{AddressHash, AddressKey};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies whose `X-Forwarded-…` headers are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(pub Vec<IpNet>);

/// A part of a list that is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is neither an address nor a network like 10.0.0.0/8")]
pub struct NotANetwork(String);

impl TrustedProxies {
    /// The address of the client: the rightmost hop of `X-Forwarded-For` that is not a trusted proxy.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use ruang::address::TrustedProxies;
    ///
    /// let proxies: TrustedProxies = "10.0.0.0/8".parse()?;
    /// let mut headers = HeaderMap::new();
    /// // The client claimed to be 192.0.2.1; the proxy saw 203.0.113.7.
    /// headers.insert("x-forwarded-for", "192.0.2.1, 203.0.113.7".parse()?);
    /// assert_eq!(proxies.client("10.1.2.3".parse()?, &headers).to_string(), "203.0.113.7");
    /// // The header of an untrusted peer is ignored.
    /// assert_eq!(proxies.client("198.51.100.9".parse()?, &headers).to_string(), "198.51.100.9");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The header counts only if `peer` itself is trusted, because any client can send one. Each proxy appends the
    /// address it saw, so entries left of the first untrusted address are unverified. An entry that is no address ends
    /// the chain at the last valid one.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        let mut hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.trusts(client) {
            let Some(hop) = hops.next().and_then(address) else { break };
            client = hop;
        }
        client
    }

    /// Whether an address belongs to a trusted proxy.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    /// Parses networks and addresses, separated by commas.
    fn from_str(list: &str) -> Result<Self, NotANetwork> {
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(network).collect::<Result<_, _>>().map(Self)
    }
}

/// The unit that limits per address count: an IPv4 address, or the /64 of an IPv6 address, which is one household or
/// machine.
pub fn limit_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

/// The /48 of an IPv6 address, which is one site of many networks; none for an IPv4 address.
pub fn site_key(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Some(IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)))
        }
        IpAddr::V4(_) => None,
    }
}

/// The network of an address, as it is put on record: the /24 of an IPv4 address, the /48 of an IPv6 address.
pub fn prefix(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        address => site_key(address).map(|site| format!("{site}/48")).unwrap_or_default(),
    }
}

fn network(part: &str) -> Result<IpNet, NotANetwork> {
    let address = part.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    address.or_else(|_| part.parse()).map_err(|_| NotANetwork(part.to_owned()))
}

/// Parses a hop: an address, with a port if the proxy adds one.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip())).ok()?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PROXIES: &str = "10.0.0.0/8, 192.168.1.7,fd00::/8";

    fn client(peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).expect("a header value"));
        }
        let proxies: TrustedProxies = PROXIES.parse().expect("a list of networks");
        proxies.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn client_is_the_rightmost_untrusted_hop() {
        for (peer, lines, expected) in [
            ("203.0.113.5", &[][..], "203.0.113.5"),
            ("203.0.113.5", &["1.2.3.4"], "203.0.113.5"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4, 192.168.1.7,10.9.9.9"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6", "1.2.3.4", "10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4", "10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("192.168.1.8", &["1.2.3.4"], "192.168.1.8"),
            ("::ffff:10.0.0.1", &["::ffff:1.2.3.4"], "1.2.3.4"),
            ("::ffff:203.0.113.5", &["1.2.3.4"], "203.0.113.5"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            ("10.0.0.1", &["1.2.3.4:5678"], "1.2.3.4"),
            ("10.0.0.1", &["[2001:db8::7]:5678"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
        ] {
            assert_eq!(client(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn invalid_hop_ends_the_chain_at_the_last_valid_one() {
        for (lines, expected) in [
            (&["1.2.3.4, unknown"][..], "10.0.0.1"),
            (&["1.2.3.4, _hidden, 10.0.0.2"], "10.0.0.2"),
            (&["1.2.3.4", ""], "10.0.0.1"),
            (&["1.2.3.4,"], "10.0.0.1"),
            (&["1.2.3.4", "\u{fc}"], "10.0.0.1"),
            (&["garbage, 1.2.3.4"], "1.2.3.4"),
        ] {
            assert_eq!(client("10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn proxy_list_takes_networks_and_addresses() {
        assert_eq!("".parse(), Ok(TrustedProxies::default()));
        let proxies: TrustedProxies = "::ffff:10.1.2.3".parse().expect("a mapped address");
        assert!(proxies.trusts("10.1.2.3".parse().expect("an address")));
        for wrong in ["10.0.0.0/33", "proxy.example", "10.0.0.0-10.0.0.9", "10.0.0.1;10.0.0.2"] {
            let error = wrong.parse::<TrustedProxies>().expect_err(wrong);
            assert!(error.to_string().contains(wrong));
        }
    }

    #[test]
    fn limit_key_is_one_for_an_ipv6_network() {
        for (address, key) in [
            ("1.2.3.4", "1.2.3.4"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ] {
            assert_eq!(limit_key(address.parse().expect("an address")).to_string(), key);
        }
    }

    #[test]
    fn site_key_is_one_for_many_ipv6_networks() {
        let key = |address: &str| site_key(address.parse().expect("an address")).map(|key| key.to_string());
        assert_eq!(key("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1::"));
        assert_eq!(key("2001:db8:1:ffff::1").as_deref(), Some("2001:db8:1::"));
        assert_eq!((key("1.2.3.4"), key("::ffff:1.2.3.4")), (None, None));
    }

    #[test]
    fn prefix_hides_the_host() {
        for (address, shown) in [
            ("203.0.113.7", "203.0.113.0/24"),
            ("::ffff:203.0.113.7", "203.0.113.0/24"),
            ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ] {
            assert_eq!(prefix(address.parse().expect("an address")), shown);
        }
    }
}
