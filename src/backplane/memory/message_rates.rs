//! When each person who spoke lately may speak again.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{backplane::Pace, name::NameKey};

pub(super) struct MessageRates {
    began: Instant,
    /// In microseconds since then.
    due: HashMap<NameKey, u64>,
    swept: u64,
}

/// How often those are forgotten who may speak anyway.
const SWEEP_US: u64 = 1_000_000;

impl MessageRates {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, due: HashMap::new(), swept: 0 }
    }

    /// Takes one message's worth.
    ///
    /// # Errors
    /// How long until there is one.
    pub(super) fn take(&mut self, name_key: &NameKey, pace: Pace, now: Instant) -> Result<(), Duration> {
        let now = u64::try_from(now.duration_since(self.began).as_micros()).unwrap_or(u64::MAX);
        if now - self.swept >= SWEEP_US {
            self.due.retain(|_, due| *due > now);
            self.swept = now;
        }
        let due = pace.take(self.due.get(name_key).copied().unwrap_or_default(), now)?;
        self.due.insert(name_key.to_owned(), due);
        Ok(())
    }
}
