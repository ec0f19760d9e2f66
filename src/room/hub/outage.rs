//! Whether the backplane answers, as news: once when that ends, once when it begins again.

use std::time::{Duration, Instant};

/// How long it may take to answer at all, in the beginning.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was last known, and told.
#[derive(Debug)]
pub(super) struct Outage {
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
pub(super) enum News {
    /// It does not answer.
    Silent,
    /// It answers again, after so long.
    Answers(Duration),
}

impl Outage {
    pub(super) fn new(now: Instant) -> Self {
        Self { state: State::Unknown, since: now }
    }

    /// What there is to tell, now that it answers, or does not.
    pub(super) fn news(&mut self, answers: bool, now: Instant) -> Option<News> {
        let lasted = now.saturating_duration_since(self.since);
        match (self.state, answers) {
            (State::Unknown, false) if lasted < PATIENCE => None,
            (State::Unknown | State::Answers, false) => self.becomes(State::Silent, now, Some(News::Silent)),
            (State::Silent, true) => self.becomes(State::Answers, now, Some(News::Answers(lasted))),
            (State::Unknown, true) => self.becomes(State::Answers, now, None),
            (State::Answers, true) | (State::Silent, false) => None,
        }
    }

    fn becomes(&mut self, state: State, now: Instant, news: Option<News>) -> Option<News> {
        *self = Self { state, since: now };
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut outage = Outage::new(start);
        assert_eq!(outage.news(true, at(0)), None);
        assert_eq!(outage.news(false, at(10)), Some(News::Silent));
        assert_eq!(outage.news(false, at(20)), None);
        assert_eq!(outage.news(true, at(40)), Some(News::Answers(Duration::from_secs(30))));
        assert_eq!(outage.news(true, at(41)), None);
    }

    #[test]
    fn one_that_never_answered_is_given_time_and_then_told_of() {
        let start = Instant::now();
        let mut outage = Outage::new(start);
        assert_eq!(outage.news(false, start + Duration::from_secs(1)), None);
        assert_eq!(outage.news(false, start + PATIENCE), Some(News::Silent));
        assert_eq!(outage.news(false, start + PATIENCE * 2), None);
    }
}
