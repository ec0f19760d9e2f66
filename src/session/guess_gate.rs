//! A limit on guesses of the operator's secrets: per address and per IPv6 site, over all instances.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use fred::clients::Client;
use parking_lot::Mutex;

use super::{
    Unreadable,
    shared_rate::{Limits, SharedRate, hashed},
};
use crate::{
    address::{limit_key, site_key},
    rate::{KeyedLimiter, Rate},
    redis::Keys,
};

/// Guesses of one address: ten at once, and ten per minute.
const RATE: Rate = Rate { per_second: 10.0 / 60.0, burst: 10.0 };
/// Guesses of one IPv6 site (a /48), in guesses of one address.
const SITE_FACTOR: f64 = 10.0;
/// The largest number of addresses, and of sites, that are counted without Redis.
const COUNTED: usize = 10_000;

/// Why a secret is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuessDenied {
    /// There were too many; this long until the next.
    TooMany(Duration),
    /// Redis does not answer.
    Unavailable,
}

impl From<Unreadable> for GuessDenied {
    fn from(Unreadable: Unreadable) -> Self {
        Self::Unavailable
    }
}

/// Counts guesses; cheap to clone.
#[derive(Clone)]
pub struct GuessGate(Arc<Gate>);

enum Gate {
    /// For a room in this process.
    Local(Mutex<LocalLimits>),
    /// For a room in Redis.
    Shared { rate: SharedRate, keys: Keys },
}

struct LocalLimits {
    addresses: KeyedLimiter<IpAddr>,
    sites: KeyedLimiter<IpAddr>,
}

impl GuessGate {
    /// A gate for a single process.
    pub fn local() -> Self {
        let addresses = KeyedLimiter::new(RATE, COUNTED);
        let sites = KeyedLimiter::new(RATE.times(SITE_FACTOR), COUNTED);
        Self(Arc::new(Gate::Local(Mutex::new(LocalLimits { addresses, sites }))))
    }

    /// A gate whose limits hold over all instances that use the same Redis and namespace.
    pub fn shared(client: Client, namespace: &str) -> Self {
        Self(Arc::new(Gate::Shared { rate: SharedRate::new(client, "guess"), keys: Keys::new(namespace) }))
    }

    /// Counts a secret that a client at `address` presents, before it is compared. If it proves right, call
    /// [`refund`](Self::refund).
    ///
    /// # Errors
    /// See [`GuessDenied`]; the secret must not be compared then.
    pub async fn count(&self, address: IpAddr) -> Result<(), GuessDenied> {
        match &*self.0 {
            Gate::Local(limits) => limits.lock().count(address, Instant::now()).map_err(GuessDenied::TooMany),
            Gate::Shared { rate, keys } => match rate.take(limits_of(keys, address)).await? {
                Duration::ZERO => Ok(()),
                wait => Err(GuessDenied::TooMany(wait)),
            },
        }
    }

    /// Takes a counted guess back: it was no guess.
    pub async fn refund(&self, address: IpAddr) {
        match &*self.0 {
            Gate::Local(limits) => limits.lock().refund(address),
            // If it fails, the limit recovers by itself.
            Gate::Shared { rate, keys } => drop(rate.refund(limits_of(keys, address)).await),
        }
    }
}

impl Default for GuessGate {
    fn default() -> Self {
        Self::local()
    }
}

impl LocalLimits {
    fn count(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.addresses.take(limit_key(address), now)?;
        site_key(address).map_or(Ok(()), |site| self.sites.take(site, now))
    }

    fn refund(&mut self, address: IpAddr) {
        self.addresses.refund(&limit_key(address));
        if let Some(site) = site_key(address) {
            self.sites.refund(&site);
        }
    }
}

/// The key and the pace of each limit that a guess counts against.
fn limits_of(keys: &Keys, address: IpAddr) -> Limits {
    let one = (format!("guesses:address:{}", hashed(limit_key(address))), RATE);
    let site = site_key(address).map(|site| (format!("guesses:site:{}", hashed(site)), RATE.times(SITE_FACTOR)));
    [one].into_iter().chain(site).map(|(name, rate)| (keys.sign_ins(&name), rate.pace())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn guesses_of_an_address_are_limited_and_refunded() {
        let (gate, here) = (GuessGate::local(), IpAddr::from([192, 0, 2, 1]));
        for _ in 0..100 {
            assert_eq!(gate.count(here).await, Ok(()));
            gate.refund(here).await;
        }
        for _ in 0..10 {
            assert_eq!(gate.count(here).await, Ok(()));
        }
        assert!(matches!(gate.count(here).await, Err(GuessDenied::TooMany(wait)) if wait > Duration::ZERO));
        assert_eq!(gate.count(IpAddr::from([192, 0, 2, 2])).await, Ok(()));
    }

    #[tokio::test]
    async fn guesses_of_an_ipv6_site_are_limited() {
        let gate = GuessGate::local();
        let address = |net: u16| IpAddr::from([0x2001, 0xdb8, 1, net, 0, 0, 0, 1]);
        for net in 0..100 {
            assert_eq!(gate.count(address(net)).await, Ok(()));
        }
        assert!(gate.count(address(100)).await.is_err());
    }
}
