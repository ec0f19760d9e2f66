//! Sessions of moderators: records under random ids that all instances share, each with a lifetime.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use fred::{
    clients::Client,
    error::Error,
    interfaces::KeysInterface,
    types::{Expiration, SetOptions},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::Unreadable;
use crate::{
    redis::{Keys, kind},
    telemetry::instruments,
};

/// How long a session lives.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Deadline of a command.
const DEADLINE: Duration = Duration::from_secs(5);
/// Most sessions of a room without Redis; the oldest makes room.
const MAX_LOCAL: usize = 1000;

/// The record of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeratorSession {
    /// The moderator's name.
    pub name: String,
    /// Derived from the session's id and the moderator's token: shows that the token has not changed since.
    pub proof: String,
}

/// All sessions of moderators; cheap to clone.
#[derive(Clone)]
pub struct ModeratorSessions(Arc<Store>);

enum Store {
    /// For a room in this process.
    Local(Mutex<HashMap<String, (Instant, ModeratorSession)>>),
    /// For a room in Redis.
    Shared { client: Client, keys: Keys },
}

impl ModeratorSessions {
    /// How long a session lives.
    pub const LIFETIME: Duration = LIFETIME;

    /// Sessions of a single process.
    pub fn local() -> Self {
        Self(Arc::new(Store::Local(Mutex::default())))
    }

    /// Sessions of all instances that use the same Redis and namespace.
    pub fn shared(client: Client, namespace: &str) -> Self {
        Self(Arc::new(Store::Shared { client, keys: Keys::new(namespace) }))
    }

    /// Returns a new random id.
    pub fn new_id() -> String {
        URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
    }

    /// Stores a session under `id`.
    ///
    /// # Errors
    /// [`Unreadable`] if it could not be stored.
    pub async fn begin(&self, id: &str, session: ModeratorSession) -> Result<(), Unreadable> {
        match &*self.0 {
            Store::Local(sessions) => {
                insert(&mut sessions.lock(), hashed(id), session, Instant::now());
                Ok(())
            }
            Store::Shared { client, keys } => {
                let key = keys.moderator(&hashed(id));
                // Strings: serialising cannot fail.
                let record = serde_json::to_string(&session).unwrap_or_default();
                let expiry = Expiration::EX(i64::try_from(LIFETIME.as_secs()).unwrap_or(i64::MAX));
                run("SET", client.set(key, record, Some(expiry), None::<SetOptions>, false)).await
            }
        }
    }

    /// Returns the session of an id, if it exists.
    ///
    /// # Errors
    /// [`Unreadable`] if that is unknown.
    pub async fn find(&self, id: &str) -> Result<Option<ModeratorSession>, Unreadable> {
        match &*self.0 {
            Store::Local(sessions) => Ok(sessions
                .lock()
                .get(&hashed(id))
                .filter(|(until, _)| *until > Instant::now())
                .map(|(_, session)| session.clone())),
            Store::Shared { client, keys } => {
                let record: Option<String> = run("GET", client.get(keys.moderator(&hashed(id)))).await?;
                Ok(record.and_then(|record| serde_json::from_str(&record).ok()))
            }
        }
    }

    /// Ends a session on every instance.
    ///
    /// # Errors
    /// [`Unreadable`] if it may still exist.
    pub async fn end(&self, id: &str) -> Result<(), Unreadable> {
        match &*self.0 {
            Store::Local(sessions) => drop(sessions.lock().remove(&hashed(id))),
            Store::Shared { client, keys } => run("DEL", client.del(keys.moderator(&hashed(id)))).await?,
        }
        Ok(())
    }
}

impl Default for ModeratorSessions {
    fn default() -> Self {
        Self::local()
    }
}

fn insert(
    sessions: &mut HashMap<String, (Instant, ModeratorSession)>,
    key: String,
    session: ModeratorSession,
    now: Instant,
) {
    sessions.retain(|_, (until, _)| *until > now);
    if sessions.len() >= MAX_LOCAL {
        let oldest = sessions.iter().min_by_key(|(_, (until, _))| *until).map(|(key, _)| key.clone());
        oldest.and_then(|key| sessions.remove(&key));
    }
    sessions.insert(key, (now + LIFETIME, session));
}

/// An id as a part of a key, from which the id cannot be derived.
fn hashed(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(id))
}

async fn run<T>(command: &'static str, call: impl Future<Output = Result<T, Error>>) -> Result<T, Unreadable> {
    let began = Instant::now();
    let result = timeout(DEADLINE, call).await.map_err(|_| Unreadable)?;
    instruments().commanded_redis(command, began.elapsed(), result.as_ref().err().map(kind));
    result.map_err(|_| Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: &str) -> ModeratorSession {
        ModeratorSession { name: name.to_owned(), proof: "a proof".to_owned() }
    }

    #[tokio::test]
    async fn session_is_found_until_it_ends() {
        let (sessions, id) = (ModeratorSessions::local(), ModeratorSessions::new_id());
        assert_eq!(sessions.find(&id).await, Ok(None));
        sessions.begin(&id, session("sari")).await.unwrap();
        assert_eq!(sessions.find(&id).await, Ok(Some(session("sari"))));
        assert_eq!(sessions.find(&ModeratorSessions::new_id()).await, Ok(None));
        sessions.end(&id).await.unwrap();
        assert_eq!(sessions.find(&id).await, Ok(None));
    }

    #[test]
    fn local_sessions_are_bounded_and_expire() {
        let (mut sessions, now) = (HashMap::new(), Instant::now());
        for n in 0..MAX_LOCAL + 5 {
            insert(&mut sessions, n.to_string(), session("sari"), now + Duration::from_millis(n as u64));
        }
        assert!(sessions.len() == MAX_LOCAL && !sessions.contains_key("4") && sessions.contains_key("5"));
        insert(&mut sessions, "later".into(), session("sari"), now + LIFETIME * 2);
        assert_eq!(sessions.len(), 1);
    }
}
