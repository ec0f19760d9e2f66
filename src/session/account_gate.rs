//! The state of sign-in tokens that instances share: the used ones, and the owners of names.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use fred::{
    clients::Client,
    interfaces::KeysInterface,
    types::{Expiration, SetOptions},
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::Unreadable;
use crate::{backplane::SessionTag, name::NameKey, redis::Keys};

/// Deadline of a command.
const DEADLINE: Duration = Duration::from_secs(2);
/// Entries at which expired ones are removed, without Redis.
const SWEEP_AT: usize = 10_000;

/// Remembers used tokens and owners of names; cheap to clone.
#[derive(Clone)]
pub struct AccountGate(Arc<Memory>);

enum Memory {
    /// For a room in this process.
    Local(Mutex<Entries>),
    /// For a room in Redis.
    Shared { client: Client, keys: Keys },
}

/// Values by key, each until its time.
#[derive(Default)]
struct Entries {
    by_key: HashMap<String, (String, Instant)>,
    sweep_at: usize,
}

impl AccountGate {
    /// A gate for a single process.
    pub fn local() -> Self {
        Self(Arc::new(Memory::Local(Mutex::default())))
    }

    /// A gate for all instances that use the same Redis and namespace.
    pub fn shared(client: Client, namespace: &str) -> Self {
        Self(Arc::new(Memory::Shared { client, keys: Keys::new(namespace) }))
    }

    /// Uses a token up. Returns whether it was new.
    ///
    /// # Errors
    /// [`Unreadable`] if Redis does not answer: the token may be used up.
    pub async fn spend(&self, token: &str, replayable_for: Duration) -> Result<bool, Unreadable> {
        // The signature is part of it: another token has another digest.
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
        self.set_new(&format!("token:{digest}"), "", replayable_for).await
    }

    /// Makes an account the owner of a name for some time, unless another one is. Returns whether it is the owner.
    ///
    /// # Errors
    /// [`Unreadable`] if Redis does not answer.
    pub async fn own(&self, name_key: &NameKey, account: &SessionTag, time: Duration) -> Result<bool, Unreadable> {
        let key = owner_key(name_key);
        if self.set_new(&key, account.as_str(), time).await? {
            return Ok(true);
        }
        let is_owner = self.get(&key).await?.as_deref() == Some(account.as_str());
        if is_owner {
            self.renew(&key, account.as_str(), time).await?;
        }
        Ok(is_owner)
    }

    /// Whether a name belongs to an account.
    ///
    /// # Errors
    /// [`Unreadable`] if Redis does not answer.
    pub async fn is_owned(&self, name_key: &NameKey) -> Result<bool, Unreadable> {
        Ok(self.get(&owner_key(name_key)).await?.is_some())
    }

    async fn set_new(&self, key: &str, value: &str, time: Duration) -> Result<bool, Unreadable> {
        match &*self.0 {
            Memory::Local(entries) => Ok(entries.lock().set_new(key, value, time, Instant::now())),
            Memory::Shared { client, keys } => {
                let (expiry, options) = (expiration(time), Some(SetOptions::NX));
                let set = client.set::<Option<String>, _, _>(keys.sign_ins(key), value, expiry, options, false);
                Ok(within(set).await?.is_some())
            }
        }
    }

    async fn renew(&self, key: &str, value: &str, time: Duration) -> Result<(), Unreadable> {
        match &*self.0 {
            Memory::Local(entries) => {
                entries.lock().by_key.insert(key.to_owned(), (value.to_owned(), Instant::now() + time));
                Ok(())
            }
            Memory::Shared { client, keys } => {
                let set = client.set::<Option<String>, _, _>(keys.sign_ins(key), value, expiration(time), None, false);
                within(set).await.map(drop)
            }
        }
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Unreadable> {
        match &*self.0 {
            Memory::Local(entries) => Ok(entries.lock().get(key, Instant::now())),
            Memory::Shared { client, keys } => within(client.get(keys.sign_ins(key))).await,
        }
    }
}

impl Entries {
    fn get(&self, key: &str, now: Instant) -> Option<String> {
        self.by_key.get(key).filter(|(_, until)| now < *until).map(|(value, _)| value.clone())
    }

    fn set_new(&mut self, key: &str, value: &str, time: Duration, now: Instant) -> bool {
        if self.get(key, now).is_some() {
            return false;
        }
        if self.by_key.len() >= self.sweep_at.max(SWEEP_AT) {
            self.by_key.retain(|_, (_, until)| now < *until);
            self.sweep_at = self.by_key.len() * 2;
        }
        self.by_key.insert(key.to_owned(), (value.to_owned(), now + time));
        true
    }
}

impl Default for AccountGate {
    fn default() -> Self {
        Self::local()
    }
}

fn owner_key(name_key: &NameKey) -> String {
    format!("owner:{name_key}")
}

fn expiration(time: Duration) -> Option<Expiration> {
    Some(Expiration::EX(i64::try_from(time.as_secs().max(1)).unwrap_or(i64::MAX)))
}

async fn within<T>(call: impl Future<Output = Result<T, fred::error::Error>>) -> Result<T, Unreadable> {
    timeout(DEADLINE, call).await.map_err(|_| Unreadable)?.map_err(|_| Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn token_is_new_once() {
        let gate = AccountGate::local();
        assert_eq!(gate.spend("a", Duration::from_secs(60)).await, Ok(true));
        assert_eq!(gate.spend("a", Duration::from_secs(60)).await, Ok(false));
        assert_eq!(gate.spend("b", Duration::from_secs(60)).await, Ok(true));
    }

    #[tokio::test]
    async fn name_belongs_to_its_first_account_for_its_time() {
        let (gate, name) = (AccountGate::local(), NameKey::from("sari"));
        let [first, second] = ["1", "2"].map(SessionTag::of_account);
        let day = Duration::from_secs(86_400);
        assert_eq!(gate.own(&name, &first, day).await, Ok(true));
        assert_eq!(gate.own(&name, &first, day).await, Ok(true));
        assert_eq!(gate.own(&name, &second, day).await, Ok(false));
        assert_eq!(gate.is_owned(&name).await, Ok(true));
        assert_eq!(gate.own(&"adi".into(), &first, Duration::ZERO).await, Ok(true));
        assert_eq!(gate.is_owned(&"adi".into()).await, Ok(false));
    }

    #[test]
    fn expired_entries_do_not_accumulate() {
        let (mut entries, now) = (Entries::default(), Instant::now());
        for n in 0..100_000 {
            assert!(entries.set_new(&n.to_string(), "", Duration::ZERO, now));
        }
        assert!(entries.by_key.len() <= SWEEP_AT);
    }
}
