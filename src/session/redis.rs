//! Records of sessions in Redis.

use std::{fmt, future::Future, sync::Arc, time::Instant};

use async_trait::async_trait;
use fred::{
    clients::Client,
    error::Error as FredError,
    interfaces::KeysInterface,
    types::{Expiration, SetOptions},
};
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::{Error, Result},
};

use crate::{redis::kind, telemetry::instruments};

/// One key a record, which expires with it. tower-sessions-redis-store names its keys by the bare id: two
/// installations that share a Redis would then take each other's cookies, and no ACL could tell sessions from other keys.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    prefix: Arc<str>,
}

impl Redis {
    pub(super) fn new(client: Client, namespace: &str) -> Self {
        Self { client, prefix: format!("{namespace}:session:").into() }
    }

    fn key(&self, id: &Id) -> String {
        format!("{}{id}", self.prefix)
    }

    /// Writes a record under a condition; answers whether it held.
    async fn set(&self, record: &Record, condition: SetOptions) -> Result<bool> {
        let body = serde_json::to_string(record).map_err(|error| Error::Encode(error.to_string()))?;
        let expire = Expiration::EXAT(record.expiry_date.unix_timestamp());
        let call = self.client.set(self.key(&record.id), body, Some(expire), Some(condition), false);
        let answer: Option<String> = timed("SET", call).await?;
        Ok(answer.is_some())
    }
}

#[async_trait]
impl SessionStore for Redis {
    async fn create(&self, record: &mut Record) -> Result<()> {
        while !self.set(record, SetOptions::NX).await? {
            record.id = Id::default();
        }
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.set(record, SetOptions::XX).await?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let body: Option<String> = timed("GET", self.client.get(self.key(id))).await?;
        body.map(|body| serde_json::from_str(&body).map_err(|error| Error::Decode(error.to_string()))).transpose()
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        timed("DEL", self.client.del(self.key(id))).await
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// A command, whose time is taken.
async fn timed<T>(command: &'static str, call: impl Future<Output = std::result::Result<T, FredError>>) -> Result<T> {
    let began = Instant::now();
    let answer = call.await;
    instruments().commanded_redis(command, began.elapsed(), answer.as_ref().err().map(kind));
    answer.map_err(|error| Error::Backend(error.to_string()))
}
