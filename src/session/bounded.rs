//! Lifetimes of session records, and deadlines of the calls that read and write them.

use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use tower_sessions::{
    SessionStore,
    cookie::time::OffsetDateTime,
    session::{Id, Record},
    session_store::{Error, Result},
};

/// Deadline of every call of the store, including its wait for other calls.
const DEADLINE: Duration = Duration::from_secs(5);
/// The field of a record with the Unix second of its sign-in.
pub(super) const BEGUN: &str = "begun";
/// The field of a record whose person has joined the room.
pub(super) const JOINED: &str = "joined";
/// The field of a record with the Unix second by which it ends, if its sign-in set one.
pub(super) const UNTIL: &str = "until";
/// How long a session lives until its first join. Short: a flood of sign-ins must not fill the store.
const UNJOINED: Duration = Duration::from_secs(120);

/// Returns the time since 1970 by which records expire: the store's, where the store has a clock of its own.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A store whose saves set a record's expiry to the idle time from now, but never past its maximum age. Until its
/// person has joined the room, a session lives for two minutes from its sign-in.
#[derive(Clone)]
pub struct Bounded {
    store: Arc<dyn SessionStore>,
    clock: Clock,
    idle: Duration,
    max: Duration,
}

impl Bounded {
    pub(super) fn new(store: Arc<dyn SessionStore>, idle: Duration, max: Duration) -> Self {
        let clock = Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        Self { store, clock, idle, max }
    }

    pub(super) fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + (self.clock)()
    }

    fn expiry(&self, record: &Record, now: OffsetDateTime) -> OffsetDateTime {
        let begun = record.data.get(BEGUN).and_then(serde_json::Value::as_i64);
        let begun = begun.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok()).unwrap_or(now);
        let last = if record.data.contains_key(JOINED) { self.max } else { UNJOINED.min(self.max) };
        let until = record.data.get(UNTIL).and_then(serde_json::Value::as_i64);
        let until = until.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        let expiry = (now + self.idle).min(begun + last);
        until.map_or(expiry, |until| expiry.min(until))
    }
}

#[async_trait]
impl SessionStore for Bounded {
    async fn create(&self, record: &mut Record) -> Result<()> {
        let now = self.now();
        record.data.insert(BEGUN.to_owned(), now.unix_timestamp().into());
        record.expiry_date = self.expiry(record, now);
        within(self.store.create(record)).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let mut record = record.clone();
        record.expiry_date = self.expiry(&record, self.now());
        within(self.store.save(&record)).await
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        within(self.store.load(id)).await
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        within(self.store.delete(id)).await
    }
}

impl fmt::Debug for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded").field("idle", &self.idle).field("max", &self.max).finish_non_exhaustive()
    }
}

/// Marks a session as one whose person has joined the room.
pub(super) fn mark_joined(record: &mut Record) {
    record.data.insert(JOINED.to_owned(), true.into());
}

/// Bounds a call by the [`DEADLINE`].
async fn within<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(result) => result,
        Err(_) => Err(Error::Backend(format!("no answer within {DEADLINE:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::MemorySessionStore, *};

    #[test]
    fn expiry_is_the_idle_time_capped_by_the_maximum_age() {
        let bounded =
            Bounded::new(Arc::new(MemorySessionStore::default()), Duration::from_secs(100), Duration::from_secs(250));
        let begun = OffsetDateTime::from_unix_timestamp(1_764_000_000).unwrap();
        let mut record = Record { id: Id::default(), data: std::collections::HashMap::default(), expiry_date: begun };
        record.data.insert(BEGUN.to_owned(), begun.unix_timestamp().into());
        let after = |seconds| begun + Duration::from_secs(seconds);
        mark_joined(&mut record);
        assert_eq!(bounded.expiry(&record, after(0)), after(100));
        assert_eq!(bounded.expiry(&record, after(120)), after(220));
        assert_eq!(bounded.expiry(&record, after(200)), after(250));
        record.data.insert(UNTIL.to_owned(), (begun.unix_timestamp() + 150).into());
        assert_eq!(bounded.expiry(&record, after(0)), after(100));
        assert_eq!(bounded.expiry(&record, after(120)), after(150));
    }

    #[test]
    fn expiry_is_two_minutes_after_sign_in_until_the_first_join() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let bounded = Bounded::new(Arc::new(MemorySessionStore::default()), hours(12), hours(24));
        let begun = OffsetDateTime::from_unix_timestamp(1_764_000_000).unwrap();
        let mut record = Record { id: Id::default(), data: std::collections::HashMap::default(), expiry_date: begun };
        record.data.insert(BEGUN.to_owned(), begun.unix_timestamp().into());
        assert_eq!(bounded.expiry(&record, begun), begun + UNJOINED);
        assert_eq!(bounded.expiry(&record, begun + UNJOINED / 2), begun + UNJOINED, "use alone does not extend it");
        mark_joined(&mut record);
        assert_eq!(bounded.expiry(&record, begun + UNJOINED / 2), begun + UNJOINED / 2 + hours(12));
    }

    #[tokio::test(start_paused = true)]
    async fn hanging_store_fails_after_the_deadline() {
        let before = tokio::time::Instant::now();
        assert!(within(std::future::pending::<Result<()>>()).await.is_err());
        assert_eq!(before.elapsed(), DEADLINE);
    }
}
