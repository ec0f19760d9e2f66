//! When each person may send their next message.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{backplane::Pace, name::NameKey};

/// Time between two removals of people who may send anyway.
const SWEEP_US: u64 = 1_000_000;

pub(super) struct MessageRates {
    began: Instant,
    /// In microseconds since then.
    due: HashMap<NameKey, u64>,
    swept: u64,
}

impl MessageRates {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, due: HashMap::new(), swept: 0 }
    }

    /// Admits a message.
    ///
    /// # Errors
    /// The time until it is admitted.
    pub(super) fn admit(&mut self, name_key: &NameKey, pace: Pace, now: Instant) -> Result<(), Duration> {
        let now = u64::try_from(now.duration_since(self.began).as_micros()).unwrap_or(u64::MAX);
        if now - self.swept >= SWEEP_US {
            self.due.retain(|_, due| *due > now);
            self.swept = now;
        }
        let due = pace.admit(self.due.get(name_key).copied().unwrap_or_default(), now)?;
        self.due.insert(name_key.to_owned(), due);
        Ok(())
    }
}
