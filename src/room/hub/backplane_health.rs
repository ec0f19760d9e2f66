//! Whether the backplane answers, as news: once when that ends, once when it begins again.

use std::time::{Duration, Instant};

/// How long it may take to answer at all, in the beginning.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was last known, and told.
#[derive(Debug)]
pub(super) struct BackplaneHealth {
    state: State,
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Answers,
    Silent,
}

/// Something to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HealthTransition {
    /// It does not answer.
    Silent,
    /// It answers again, after so long.
    Answers(Duration),
}

impl BackplaneHealth {
    pub(super) fn new(now: Instant) -> Self {
        Self { state: State::Unknown, since: now }
    }

    /// What there is to tell, now that it answers, or does not.
    pub(super) fn observe(&mut self, calls: bool, now: Instant) -> Option<HealthTransition> {
        let lasted = now.saturating_duration_since(self.since);
        match (self.state, calls) {
            (State::Unknown, false) if lasted < PATIENCE => None,
            (State::Unknown | State::Answers, false) => {
                self.becomes(State::Silent, now, Some(HealthTransition::Silent))
            }
            (State::Silent, true) => self.becomes(State::Answers, now, Some(HealthTransition::Answers(lasted))),
            (State::Unknown, true) => self.becomes(State::Answers, now, None),
            (State::Answers, true) | (State::Silent, false) => None,
        }
    }

    fn becomes(&mut self, state: State, now: Instant, observe: Option<HealthTransition>) -> Option<HealthTransition> {
        *self = Self { state, since: now };
        observe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut health = BackplaneHealth::new(start);
        assert_eq!(health.observe(true, at(0)), None);
        assert_eq!(health.observe(false, at(10)), Some(HealthTransition::Silent));
        assert_eq!(health.observe(false, at(20)), None);
        assert_eq!(health.observe(true, at(40)), Some(HealthTransition::Answers(Duration::from_secs(30))));
        assert_eq!(health.observe(true, at(41)), None);
    }

    #[test]
    fn one_that_never_answered_is_given_time_and_then_told_of() {
        let start = Instant::now();
        let mut health = BackplaneHealth::new(start);
        assert_eq!(health.observe(false, start + Duration::from_secs(1)), None);
        assert_eq!(health.observe(false, start + PATIENCE), Some(HealthTransition::Silent));
        assert_eq!(health.observe(false, start + PATIENCE * 2), None);
    }
}
