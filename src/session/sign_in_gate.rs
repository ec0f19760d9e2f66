//! Limits on sign-ins: per address, per IPv6 site and for all, shared by all instances; and none while Redis is nearly
//! full, so that messages still have room.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use fred::clients::Client;
use parking_lot::Mutex;

use super::shared_rate::{Limits, SharedRate, hashed};
use crate::{
    address::{limit_key, site_key},
    rate::{KeyedLimiter, Rate},
    redis::{Keys, MemoryMonitor},
};

/// Sign-ins of one IPv6 site (a /48), in sign-ins of one address.
const SITE_FACTOR: f64 = 10.0;
/// The share of `maxmemory` from which on sign-ins are refused, in per cent.
const NEARLY_FULL: u64 = 80;
/// The largest number of sites that are counted without Redis.
const MAX_SITES: usize = 10_000;

/// How often people may sign in.
#[derive(Clone, Copy, Debug)]
pub struct SignInRates {
    /// From one address (IPv6: one /64).
    pub per_address: Rate,
    /// In all.
    pub total: Rate,
}

/// Why a sign-in is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInDenied {
    /// There were too many; this long until the next.
    TooMany(Duration),
    /// Redis is nearly full.
    Full,
    /// Redis does not answer.
    Unavailable,
}

/// Admits sign-ins; cheap to clone.
#[derive(Clone)]
pub struct SignInGate(Arc<Gate>);

enum Gate {
    /// For a room in this process.
    Local(Mutex<LocalLimits>),
    /// For a room in Redis.
    Shared(SharedLimits),
}

/// The limits that one address alone does not reach: those of a single address are counted before the gate.
struct LocalLimits {
    sites: KeyedLimiter<IpAddr>,
    total: KeyedLimiter<()>,
}

struct SharedLimits {
    rate: SharedRate,
    keys: Keys,
    rates: SignInRates,
    memory: MemoryMonitor,
}

impl SignInGate {
    /// A gate for a single process.
    pub fn local(rates: SignInRates) -> Self {
        let sites = KeyedLimiter::new(rates.per_address.times(SITE_FACTOR), MAX_SITES);
        Self(Arc::new(Gate::Local(Mutex::new(LocalLimits { sites, total: KeyedLimiter::new(rates.total, 1) }))))
    }

    /// A gate whose limits hold over all instances that use the same Redis and namespace.
    pub fn shared(rates: SignInRates, client: Client, namespace: &str, memory: MemoryMonitor) -> Self {
        let (keys, rate) = (Keys::new(namespace), SharedRate::new(client, "sign_in"));
        Self(Arc::new(Gate::Shared(SharedLimits { rate, keys, rates, memory })))
    }

    /// Admits one sign-in of a client at `address`.
    ///
    /// # Errors
    /// See [`SignInDenied`]; a refused sign-in does not count.
    pub async fn admit(&self, address: IpAddr) -> Result<(), SignInDenied> {
        match &*self.0 {
            Gate::Local(limits) => limits.lock().admit(address, Instant::now()).map_err(SignInDenied::TooMany),
            Gate::Shared(limits) => limits.admit(address).await,
        }
    }
}

impl Default for SignInGate {
    /// A gate that is always open.
    fn default() -> Self {
        Self::local(SignInRates { per_address: Rate::UNLIMITED, total: Rate::UNLIMITED })
    }
}

impl LocalLimits {
    fn admit(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        if let Some(site) = site_key(address) {
            self.sites.take(site, now)?;
        }
        self.total.take((), now)
    }
}

impl SharedLimits {
    async fn admit(&self, address: IpAddr) -> Result<(), SignInDenied> {
        if self.is_nearly_full() {
            return Err(SignInDenied::Full);
        }
        match self.rate.take(self.limits_of(address)).await {
            Ok(Duration::ZERO) => Ok(()),
            Ok(wait) => Err(SignInDenied::TooMany(wait)),
            Err(_) => Err(SignInDenied::Unavailable),
        }
    }

    /// The key and the pace of each limit that a sign-in counts against.
    fn limits_of(&self, address: IpAddr) -> Limits {
        let of_site = self.rates.per_address.times(SITE_FACTOR);
        let site = site_key(address).map(|site| (format!("site:{}", hashed(site)), of_site));
        let one = (format!("address:{}", hashed(limit_key(address))), self.rates.per_address);
        let limits = [one, ("all".to_owned(), self.rates.total)];
        let limits = limits.into_iter().chain(site).filter(|(_, rate)| !rate.is_unlimited());
        limits.map(|(name, rate)| (self.keys.sign_ins(&name), rate.pace())).collect()
    }

    fn is_nearly_full(&self) -> bool {
        let usage = self.memory.latest();
        usage.is_some_and(|usage| usage.limit.is_some_and(|limit| usage.used / NEARLY_FULL >= limit / 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_minute(n: f64) -> Rate {
        Rate { per_second: n / 60.0, burst: n }
    }

    /// An address in the /64 number `net` of the site.
    fn in_site(net: u16) -> IpAddr {
        IpAddr::from([0x2001, 0xdb8, 1, net, 0, 0, 0, 1])
    }

    #[tokio::test]
    async fn site_of_many_networks_has_a_limit() {
        let gate = SignInGate::local(SignInRates { per_address: per_minute(3.0), total: Rate::UNLIMITED });
        for net in 0..30 {
            assert_eq!(gate.admit(in_site(net)).await, Ok(()));
        }
        assert!(matches!(gate.admit(in_site(30)).await, Err(SignInDenied::TooMany(wait)) if wait > Duration::ZERO));
        assert_eq!(gate.admit(IpAddr::from([0x2001, 0xdb8, 2, 0, 0, 0, 0, 1])).await, Ok(()));
        assert_eq!(gate.admit(IpAddr::from([192, 0, 2, 1])).await, Ok(()));
    }

    #[tokio::test]
    async fn all_addresses_together_have_a_limit() {
        let gate = SignInGate::local(SignInRates { per_address: Rate::UNLIMITED, total: per_minute(2.0) });
        let admitted = |n: u8| gate.admit(IpAddr::from([192, 0, 2, n]));
        assert_eq!((admitted(1).await, admitted(2).await), (Ok(()), Ok(())));
        assert!(matches!(admitted(3).await, Err(SignInDenied::TooMany(_))));
    }
}
