//! A store whose records live as long as they may, and whose calls take as long as they may.

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use tower_sessions::{
    SessionStore,
    cookie::time::OffsetDateTime,
    session::{Id, Record},
    session_store::{Error, Result},
};

use super::Store;

/// The longest that any call of the store may take.
const DEADLINE: Duration = Duration::from_secs(2);
/// Where a record holds the Unix second of its sign-in.
const BEGUN: &str = "begun";

/// Keeps the lifetimes: every save sets a record's end to the idle time from now, and never past its end of life.
#[derive(Clone, Debug)]
pub struct Bounded {
    store: Store,
    idle: Duration,
    max: Duration,
}

impl Bounded {
    pub(super) fn new(store: Store, idle: Duration, max: Duration) -> Self {
        Self { store, idle, max }
    }

    fn end(&self, record: &Record, now: OffsetDateTime) -> OffsetDateTime {
        let begun = record.data.get(BEGUN).and_then(serde_json::Value::as_i64);
        let begun = begun.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok()).unwrap_or(now);
        (now + self.idle).min(begun + self.max)
    }
}

#[async_trait]
impl SessionStore for Bounded {
    async fn create(&self, record: &mut Record) -> Result<()> {
        let now = OffsetDateTime::now_utc();
        record.data.insert(BEGUN.to_owned(), now.unix_timestamp().into());
        record.expiry_date = self.end(record, now);
        within(self.store.create(record)).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let mut record = record.clone();
        record.expiry_date = self.end(&record, OffsetDateTime::now_utc());
        within(self.store.save(&record)).await
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        within(self.store.load(id)).await
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        within(self.store.delete(id)).await
    }
}

async fn within<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Backend(format!("no answer within {DEADLINE:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_ends_with_its_idle_time_or_its_life_whichever_is_first() {
        let bounded = Bounded::new(Store::memory(), Duration::from_secs(100), Duration::from_secs(250));
        let begun = OffsetDateTime::from_unix_timestamp(1_764_000_000).unwrap();
        let mut record = Record { id: Id::default(), data: std::collections::HashMap::default(), expiry_date: begun };
        record.data.insert(BEGUN.to_owned(), begun.unix_timestamp().into());
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(bounded.end(&record, after(0)), after(100));
        assert_eq!(bounded.end(&record, after(120)), after(220));
        assert_eq!(bounded.end(&record, after(200)), after(250));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_hangs_is_an_error_after_two_seconds() {
        let before = tokio::time::Instant::now();
        assert!(within(std::future::pending::<Result<()>>()).await.is_err());
        assert_eq!(before.elapsed(), DEADLINE);
    }
}
