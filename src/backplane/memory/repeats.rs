//! Counts texts that are sent again. `redis/lua/sending.lua` is the same in Lua.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{
    automod::{REPEAT_WINDOW, REPEATS, RuleKind, RuleViolation},
    backplane::PublishError,
};

/// Time between two removals of texts that count no longer.
const SWEEP: Duration = Duration::from_secs(1);

/// When each text was sent lately, oldest first, by what identifies it.
#[derive(Clone)]
pub(super) struct Repeats {
    sent: HashMap<String, Vec<Instant>>,
    swept: Instant,
}

impl Repeats {
    pub(super) fn new(now: Instant) -> Self {
        Self { sent: HashMap::new(), swept: now }
    }

    /// Checks whether a text may be sent once more.
    ///
    /// # Errors
    /// The time until it may.
    pub(super) fn check(&self, id: Option<&str>, now: Instant) -> Result<(), PublishError> {
        let Some(times) = id.and_then(|id| self.sent.get(id)) else { return Ok(()) };
        let Some(first) = times.len().checked_sub(REPEATS).map(|at| times[at]) else { return Ok(()) };
        match (first + REPEAT_WINDOW).checked_duration_since(now).filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(PublishError::Refused(RuleViolation { rule: RuleKind::Repeat, retry_after: Some(wait) })),
            None => Ok(()),
        }
    }

    /// Notes a text that was sent.
    pub(super) fn note(&mut self, id: Option<&str>, now: Instant) {
        if now.duration_since(self.swept) >= SWEEP {
            self.sent.retain(|_, times| times.last().is_some_and(|last| *last + REPEAT_WINDOW > now));
            self.swept = now;
        }
        let Some(id) = id else { return };
        let times = self.sent.entry(id.to_owned()).or_default();
        times.push(now);
        if times.len() > REPEATS {
            times.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fourth_time_within_a_minute_is_refused() {
        let now = Instant::now();
        let mut repeats = Repeats::new(now);
        let mut send = |after: u64| {
            let at = now + Duration::from_secs(after);
            let checked = repeats.check(Some("a"), at);
            if checked.is_ok() {
                repeats.note(Some("a"), at);
            }
            checked.is_ok()
        };
        assert_eq!([0, 20, 40, 59].map(&mut send), [true, true, true, false]);
        assert_eq!([60, 61, 80, 100].map(&mut send), [true, false, true, true]);
        assert!(repeats.check(Some("b"), now).is_ok() && repeats.check(None, now).is_ok());
    }

    #[test]
    fn text_of_a_minute_ago_is_forgotten() {
        let now = Instant::now();
        let mut repeats = Repeats::new(now);
        repeats.note(Some("a"), now);
        repeats.note(None, now + REPEAT_WINDOW);
        assert!(repeats.sent.is_empty());
    }
}
