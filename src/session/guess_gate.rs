//! A limit on guesses of the operator's secrets: per address and per IPv6 site, over all instances.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use fred::clients::Client;
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

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
/// Turns of all addresses together: those of several addresses may be one.
const TURNS: usize = 256;
/// How long a secret waits for its turn.
const TURN_DEADLINE: Duration = Duration::from_secs(2);
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
pub struct GuessGate(Arc<State>);

struct State {
    gate: Gate,
    /// One secret of an address is looked at at a time: right ones that come together would be counted together, and refused.
    turns: [Semaphore; TURNS],
}

/// A secret that is counted. Until it is dropped, no other one of its address is looked at.
pub struct CountedGuess<'a> {
    gate: &'a Gate,
    address: IpAddr,
    _turn: SemaphorePermit<'a>,
}

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
        Self::new(Gate::Local(Mutex::new(LocalLimits { addresses, sites })))
    }

    /// A gate whose limits hold over all instances that use the same Redis and namespace.
    pub fn shared(client: Client, namespace: &str) -> Self {
        Self::new(Gate::Shared { rate: SharedRate::new(client, "guess"), keys: Keys::new(namespace) })
    }

    fn new(gate: Gate) -> Self {
        Self(Arc::new(State { gate, turns: std::array::from_fn(|_| Semaphore::new(1)) }))
    }

    /// Counts a secret that a client at `address` presents, before it is compared. If it proves right, call
    /// [`refund`](CountedGuess::refund).
    ///
    /// # Errors
    /// See [`GuessDenied`]; the secret must not be compared then.
    pub async fn count(&self, address: IpAddr) -> Result<CountedGuess<'_>, GuessDenied> {
        let State { gate, turns } = &*self.0;
        let turn = timeout(TURN_DEADLINE, turns[turn_of(address)].acquire()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(GuessDenied::Unavailable)?;
        match gate {
            Gate::Local(limits) => limits.lock().count(address, Instant::now()).map_err(GuessDenied::TooMany)?,
            Gate::Shared { rate, keys } => match rate.take(limits_of(keys, address)).await? {
                Duration::ZERO => {}
                wait => return Err(GuessDenied::TooMany(wait)),
            },
        }
        Ok(CountedGuess { gate, address, _turn: turn })
    }
}

impl CountedGuess<'_> {
    /// Takes the guess back: it was none.
    pub async fn refund(self) {
        match self.gate {
            Gate::Local(limits) => limits.lock().refund(self.address),
            // If it fails, the limit recovers by itself.
            Gate::Shared { rate, keys } => drop(rate.refund(limits_of(keys, self.address)).await),
        }
    }
}

/// The turn of an address.
fn turn_of(address: IpAddr) -> usize {
    let mut hasher = DefaultHasher::new();
    limit_key(address).hash(&mut hasher);
    usize::try_from(hasher.finish() % TURNS as u64).unwrap_or_default()
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
            gate.count(here).await.unwrap().refund().await;
        }
        for _ in 0..10 {
            assert!(gate.count(here).await.is_ok());
        }
        let denied = gate.count(here).await.err();
        assert!(matches!(denied, Some(GuessDenied::TooMany(wait)) if wait > Duration::ZERO));
        assert!(gate.count(IpAddr::from([192, 0, 2, 2])).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn secrets_of_an_address_are_looked_at_in_turn() {
        let (gate, here) = (GuessGate::local(), IpAddr::from([192, 0, 2, 1]));
        let present = async || {
            let guess = gate.count(here).await?;
            tokio::time::sleep(Duration::from_millis(1)).await;
            guess.refund().await;
            Ok::<_, GuessDenied>(())
        };
        let right = futures_util::future::join_all((0..50).map(|_| present())).await;
        assert_eq!(right, vec![Ok(()); 50]);
        let _held = gate.count(here).await.unwrap();
        assert_eq!(gate.count(here).await.err(), Some(GuessDenied::Unavailable), "it does not wait for long");
    }

    #[tokio::test]
    async fn guesses_of_an_ipv6_site_are_limited() {
        let gate = GuessGate::local();
        let address = |net: u16| IpAddr::from([0x2001, 0xdb8, 1, net, 0, 0, 0, 1]);
        for net in 0..100 {
            assert!(gate.count(address(net)).await.is_ok());
        }
        assert!(gate.count(address(100)).await.is_err());
    }
}
