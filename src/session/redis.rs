//! Records of sessions in Redis.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use fred::{
    clients::Client,
    interfaces::KeysInterface,
    types::{Expiration, SetOptions},
};
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::{Error, Result},
};

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
        let answer: Option<String> =
            self.client.set(self.key(&record.id), body, Some(expire), Some(condition), false).await.map_err(backend)?;
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
        let body: Option<String> = self.client.get(self.key(id)).await.map_err(backend)?;
        body.map(|body| serde_json::from_str(&body).map_err(|error| Error::Decode(error.to_string()))).transpose()
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.client.del(self.key(id)).await.map_err(backend)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

fn backend(error: fred::error::Error) -> Error {
    Error::Backend(error.to_string())
}
