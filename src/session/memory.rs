//! Records of sessions in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tower_sessions::{
    SessionStore,
    cookie::time::OffsetDateTime,
    session::{Id, Record},
    session_store::Result,
};

/// The records by id. tower-sessions' own memory store keeps expired records for ever, and its save revives a
/// record deleted meanwhile: here the expired are swept, and a save is for what exists.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Records>>);

#[derive(Debug, Default)]
struct Records {
    by_id: HashMap<Id, Record>,
    /// The size at which the expired are swept next: twice what the last sweep left, so that a sweep costs each
    /// new record a constant share.
    sweep_at: usize,
}

const FEWEST_TO_SWEEP: usize = 64;

impl Memory {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn sweep(&mut self) {
        if self.by_id.len() >= self.sweep_at.max(FEWEST_TO_SWEEP) {
            let now = OffsetDateTime::now_utc();
            self.by_id.retain(|_, record| record.expiry_date > now);
            self.sweep_at = self.by_id.len() * 2;
        }
    }
}

#[async_trait]
impl SessionStore for Memory {
    async fn create(&self, record: &mut Record) -> Result<()> {
        let mut records = self.records();
        records.sweep();
        while records.by_id.contains_key(&record.id) {
            record.id = Id::default();
        }
        records.by_id.insert(record.id, record.clone());
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        if let Some(kept) = self.records().by_id.get_mut(&record.id) {
            *kept = record.clone();
        }
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let now = OffsetDateTime::now_utc();
        Ok(self.records().by_id.get(id).filter(|record| record.expiry_date > now).cloned())
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.records().by_id.remove(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tower_sessions::cookie::time::Duration;

    use super::*;

    fn record(lives: Duration) -> Record {
        Record { id: Id::default(), data: HashMap::default(), expiry_date: OffsetDateTime::now_utc() + lives }
    }

    #[tokio::test]
    async fn a_save_does_not_revive_a_deleted_record() {
        let memory = Memory::default();
        let mut record = record(Duration::HOUR);
        memory.create(&mut record).await.unwrap();
        memory.delete(&record.id).await.unwrap();
        memory.save(&record).await.unwrap();
        assert_eq!(memory.load(&record.id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn expired_records_are_not_found_and_do_not_pile_up() {
        let memory = Memory::default();
        for _ in 0..10_000 {
            let mut record = record(-Duration::SECOND);
            memory.create(&mut record).await.unwrap();
            assert_eq!(memory.load(&record.id).await.unwrap(), None);
        }
        assert!(memory.records().by_id.len() <= FEWEST_TO_SWEEP);
    }
}
