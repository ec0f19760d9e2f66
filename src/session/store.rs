//! Where records of sessions are kept: one of two engines.

use async_trait::async_trait;
use fred::clients::Client;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::Result,
};

use super::{memory::Memory, redis::Redis};

/// An engine that keeps records of sessions; cheap to clone. A record that was deleted is never revived by a save.
#[derive(Clone, Debug)]
pub enum Store {
    #[doc(hidden)]
    Memory(Memory),
    #[doc(hidden)]
    Redis(Redis),
}

impl Store {
    /// Keeps sessions in this process: they end with it.
    pub fn memory() -> Self {
        Self::Memory(Memory::default())
    }

    /// Keeps sessions in Redis, under `<namespace>:session:<id>`.
    pub fn redis(client: Client, namespace: &str) -> Self {
        Self::Redis(Redis::new(client, namespace))
    }
}

#[async_trait]
impl SessionStore for Store {
    async fn create(&self, record: &mut Record) -> Result<()> {
        match self {
            Self::Memory(memory) => memory.create(record).await,
            Self::Redis(redis) => redis.create(record).await,
        }
    }

    async fn save(&self, record: &Record) -> Result<()> {
        match self {
            Self::Memory(memory) => memory.save(record).await,
            Self::Redis(redis) => redis.save(record).await,
        }
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        match self {
            Self::Memory(memory) => memory.load(id).await,
            Self::Redis(redis) => redis.load(id).await,
        }
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        match self {
            Self::Memory(memory) => memory.delete(id).await,
            Self::Redis(redis) => redis.delete(id).await,
        }
    }
}
