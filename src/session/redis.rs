//! Session records in Redis: tower-sessions-redis-store, under ids that are not the cookies'.

use std::{future::Future, sync::Arc, time::Instant};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use fred::clients::Client;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::{Error, Result},
};
use tower_sessions_redis_store::RedisStore;

use crate::telemetry::instruments;

/// Bytes of a stored id that name the installation; base64url makes [`PREFIX_CHARS`] characters of them.
const PREFIX_BYTES: usize = 6;
const PREFIX_CHARS: usize = 8;
/// Fills up a namespace shorter than the prefix.
const PADDING: char = '-';
/// Commands in flight at a time: enough to fill the pipeline, and far fewer than the client's buffer takes before it
/// refuses more. Further calls wait for their turn.
const IN_FLIGHT: usize = 256;

/// Keeps session records in Redis, one key per record, which expires with it.
///
/// A burst of calls waits in order instead of failing. Its waiters are requests, which the server bounds.
///
/// The store's key is the base64url form of an id's 16 bytes. Here six of these bytes are the same for all sessions of
/// a namespace, so its keys share a prefix (see [`session_key_prefix`]). The other ten are of a SHA-256 over the
/// namespace and the cookie's id: neither a key nor a record reveals the cookie.
#[derive(Clone, Debug)]
pub struct RedisSessionStore {
    store: RedisStore<Client>,
    namespace: String,
    prefix: [u8; PREFIX_BYTES],
    turns: Arc<Semaphore>,
}

impl RedisSessionStore {
    /// Keeps the sessions of a namespace through `client`.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            store: RedisStore::new(client),
            namespace: namespace.to_owned(),
            prefix: prefix_bytes(namespace),
            turns: Arc::new(Semaphore::new(IN_FLIGHT)),
        }
    }

    /// The id under which the record of a cookie's id is stored.
    fn stored_id(&self, id: Id) -> Id {
        let mut hash = Sha256::new_with_prefix(&self.namespace);
        hash.update([0]);
        hash.update(id.0.to_le_bytes());
        let mut bytes = [0; 16];
        let (prefix, rest) = bytes.split_at_mut(PREFIX_BYTES);
        prefix.copy_from_slice(&self.prefix);
        rest.copy_from_slice(&hash.finalize()[..16 - PREFIX_BYTES]);
        Id(i128::from_le_bytes(bytes))
    }

    fn stored(&self, record: &Record) -> Record {
        Record { id: self.stored_id(record.id), ..record.clone() }
    }

    /// Runs a command when it has its turn, and measures it. The caller bounds the wait.
    async fn run<T>(&self, command: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        let _turn = self.turns.acquire().await.map_err(|closed| Error::Backend(closed.to_string()))?;
        let began = Instant::now();
        let result = call.await;
        instruments().commanded_redis(command, began.elapsed(), result.as_ref().err().and_then(error_kind));
        result
    }
}

#[async_trait]
impl SessionStore for RedisSessionStore {
    async fn create(&self, record: &mut Record) -> Result<()> {
        loop {
            let Err(error) = self.run("SET", self.store.create(&mut self.stored(record))).await else { return Ok(()) };
            // `SET NX` refuses an id that is in use. The store reports this as an error: nil is no bool.
            if error_kind(&error).is_some() || self.load(&record.id).await?.is_none() {
                return Err(error);
            }
            record.id = Id::default();
        }
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let Err(error) = self.run("SET", self.store.save(&self.stored(record))).await else { return Ok(()) };
        // `SET XX` refuses a record that was deleted: then the session has ended, and there is nothing to save.
        if error_kind(&error).is_some() || self.load(&record.id).await?.is_some() { Err(error) } else { Ok(()) }
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let stored = self.run("GET", self.store.load(&self.stored_id(*id))).await?;
        Ok(stored.map(|record| Record { id: *id, ..record }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.run("DEL", self.store.delete(&self.stored_id(*id))).await
    }
}

/// The eight characters that every session key of a namespace begins with: the namespace padded with `-`, or where
/// that is too long or ambiguous, the beginning of its SHA-256 in base64url.
pub fn session_key_prefix(namespace: &str) -> String {
    URL_SAFE_NO_PAD.encode(prefix_bytes(namespace))
}

fn prefix_bytes(namespace: &str) -> [u8; PREFIX_BYTES] {
    let mut bytes = [0; PREFIX_BYTES];
    let padded = format!("{namespace:-<PREFIX_CHARS$}");
    let is_ambiguous = namespace.ends_with(PADDING);
    if is_ambiguous || URL_SAFE_NO_PAD.decode_slice(&padded, &mut bytes) != Ok(PREFIX_BYTES) {
        bytes.copy_from_slice(&Sha256::digest(namespace)[..PREFIX_BYTES]);
    }
    bytes
}

/// The kind of a failure for metrics, as [`crate::redis::kind`] names it; `None` for a reply that is no bool. The
/// store keeps only fred's text.
fn error_kind(error: &Error) -> Option<&'static str> {
    let Error::Backend(text) = error else { return Some("refused") };
    match text.split(':').next() {
        Some("Parse Error") => None,
        Some("Timeout Error") => Some("timeout"),
        Some("IO Error" | "Canceled" | "Cluster Error" | "Sentinel Error") => Some("connection"),
        Some("Backpressure") => Some("backpressure"),
        _ => Some("refused"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use fred::error::{Error as FredError, ErrorKind};

    use super::*;

    fn store(namespace: &str) -> RedisSessionStore {
        RedisSessionStore::new(Client::default(), namespace)
    }

    #[test]
    fn key_prefix_is_readable_where_the_namespace_allows_it() {
        assert_eq!(session_key_prefix("ruang"), "ruang---");
        assert_eq!(session_key_prefix("chat_one"), "chat_one");
    }

    #[test]
    fn key_prefixes_of_different_namespaces_differ() {
        let namespaces = ["a", "a-", "a--", "a.b", "a_b", "12345678", "123456789", "a-much-longer-namespace"];
        let prefixes: HashSet<String> = namespaces.map(session_key_prefix).into();
        assert_eq!(prefixes.len(), namespaces.len());
        assert!(prefixes.iter().all(|prefix| prefix.len() == PREFIX_CHARS), "{prefixes:?}");
    }

    #[test]
    fn stored_id_begins_with_the_prefix_and_hides_the_cookie() {
        let id = Id::default();
        let stored = store("ruang").stored_id(id).to_string();
        assert!(stored.starts_with("ruang---") && stored.len() == 22, "{stored}");
        assert_ne!(stored[8..], id.to_string()[8..]);
        assert_ne!(stored[8..], store("other").stored_id(id).to_string()[8..], "the namespace is hashed, too");
    }

    #[test]
    fn error_kinds_are_those_of_other_redis_commands() {
        for kind in [
            ErrorKind::Timeout,
            ErrorKind::IO,
            ErrorKind::Canceled,
            ErrorKind::Cluster,
            ErrorKind::Sentinel,
            ErrorKind::Backpressure,
            ErrorKind::Unknown,
            ErrorKind::Auth,
        ] {
            let error = FredError::new(kind, "NOPERM: no");
            let named = error_kind(&Error::Backend(error.to_string()));
            assert_eq!(named, Some(crate::redis::kind(&error)), "{error}");
        }
    }
}
