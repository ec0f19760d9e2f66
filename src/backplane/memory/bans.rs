//! Banned or muted names.

use std::{collections::BTreeMap, time::Duration};

use crate::{backplane::Ban, name::NameKey};

#[derive(Clone, Default)]
pub(super) struct Bans(BTreeMap<NameKey, Ban>);

impl Bans {
    /// Returns how long a name stays banned; none if it is not. `now` in Unix milliseconds.
    pub(super) fn left(&self, name_key: &NameKey, now: u64) -> Option<Duration> {
        let left = self.0.get(name_key)?.until.checked_sub(now).filter(|left| *left > 0)?;
        Some(Duration::from_millis(left))
    }

    pub(super) fn add(&mut self, ban: Ban, now: u64) {
        self.0.retain(|_, ban| ban.until > now);
        self.0.insert(ban.name_key.clone(), ban);
    }

    /// Lifts a ban. Returns false if there was none.
    pub(super) fn lift(&mut self, name_key: &NameKey, now: u64) -> bool {
        self.0.remove(name_key).is_some_and(|ban| ban.until > now)
    }

    pub(super) fn in_force(&self, now: u64) -> Vec<Ban> {
        self.0.values().filter(|ban| ban.until > now).cloned().collect()
    }
}
