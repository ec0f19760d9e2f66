//! Session records in this process.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;
use tower_sessions::{
    SessionStore,
    cookie::time::OffsetDateTime,
    session::{Id, Record},
    session_store::Result,
};

/// Keeps session records in memory: they end with the process.
///
/// Unlike tower-sessions' own memory store it drops expired records, and a save does not revive a deleted one.
#[derive(Clone, Debug, Default)]
pub struct MemorySessionStore(Arc<Mutex<Records>>);

#[derive(Debug, Default)]
struct Records {
    by_id: HashMap<Id, Record>,
    /// The number of records at which the next sweep runs: twice what the last one left, so that a sweep costs each
    /// new record a constant share.
    sweep_at: usize,
}

/// The smallest number of records that is worth a sweep.
const MIN_SWEEP: usize = 64;

impl Records {
    /// Drops expired records, if it is time.
    fn sweep(&mut self) {
        if self.by_id.len() >= self.sweep_at.max(MIN_SWEEP) {
            let now = OffsetDateTime::now_utc();
            self.by_id.retain(|_, record| record.expiry_date > now);
            self.sweep_at = self.by_id.len() * 2;
        }
    }
}

#[async_trait]
impl SessionStore for MemorySessionStore {
    async fn create(&self, record: &mut Record) -> Result<()> {
        let mut records = self.0.lock();
        records.sweep();
        while records.by_id.contains_key(&record.id) {
            record.id = Id::default();
        }
        records.by_id.insert(record.id, record.clone());
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        if let Some(stored) = self.0.lock().by_id.get_mut(&record.id) {
            *stored = record.clone();
        }
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let now = OffsetDateTime::now_utc();
        Ok(self.0.lock().by_id.get(id).filter(|record| record.expiry_date > now).cloned())
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.lock().by_id.remove(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tower_sessions::cookie::time::Duration;

    use super::*;

    #[tokio::test]
    async fn expired_records_are_not_found_and_do_not_accumulate() {
        let store = MemorySessionStore::default();
        for _ in 0..10_000 {
            let expiry_date = OffsetDateTime::now_utc() - Duration::SECOND;
            let mut record = Record { id: Id::default(), data: HashMap::default(), expiry_date };
            store.create(&mut record).await.unwrap();
            assert_eq!(store.load(&record.id).await.unwrap(), None);
        }
        assert!(store.0.lock().by_id.len() <= MIN_SWEEP);
    }
}
