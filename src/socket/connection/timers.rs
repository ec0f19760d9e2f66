//! What a connection does by the clock: one timer for all of it.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::protocol::HEARTBEAT;

/// How long a client may take to join.
const JOIN: Duration = Duration::from_secs(10);
/// How long a client may say nothing at all.
const SILENCE: Duration = Duration::from_secs(60);

/// How long after a join the next is let through.
const JOIN_PAUSE: Duration = Duration::from_secs(1);
/// How long after a client said that its person types it is let through again.
const TYPING_PAUSE: Duration = Duration::from_secs(3);

/// When what is due.
#[derive(Debug)]
pub(super) struct Timers {
    ping: Instant,
    check: Instant,
    check_every: Duration,
    join: Instant,
    silence: Instant,
    /// The last join, after the first, that was let through.
    rejoined: Option<Instant>,
    /// When the person was last said to type, and whether that still holds.
    typing: Option<(Instant, bool)>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Ask the client whether it is there.
    Ping,
    /// Ask whether the session is there.
    Check,
    /// No join came in time.
    Join,
    /// Nothing came for too long.
    Silence,
}

impl Timers {
    /// For a connection that begins now, whose session is to be looked up at `check`, and so often from then on.
    pub(super) fn new(now: Instant, check: Instant, check_every: Duration) -> Self {
        Self {
            ping: now + HEARTBEAT,
            check,
            check_every,
            join: now + JOIN,
            silence: now + SILENCE,
            rejoined: None,
            typing: None,
        }
    }

    /// Has the session looked up within a time.
    pub(super) fn check_within(&mut self, time: Duration, now: Instant) {
        self.check = self.check.min(now + time);
    }

    /// When the session is to be looked up next.
    pub(super) fn next_check(&self) -> Instant {
        self.check
    }

    /// Something was heard.
    pub(super) fn note_heard(&mut self, now: Instant) {
        self.silence = now + SILENCE;
    }

    /// A join may take as long again from now on.
    pub(super) fn expect_join(&mut self, now: Instant) {
        self.join = now + JOIN;
    }

    /// How long the client has to wait before it may join once more, if at all. If it may, it does so now.
    pub(super) fn next_rejoin(&mut self, now: Instant) -> Option<Duration> {
        let wait = self.rejoined.and_then(|last| (last + JOIN_PAUSE).checked_duration_since(now));
        let wait = wait.filter(|wait| !wait.is_zero());
        if wait.is_none() {
            self.rejoined = Some(now);
        }
        wait
    }

    /// Whether what the client says of its typing says something new.
    pub(super) fn may_type(&mut self, active: bool, now: Instant) -> bool {
        let began = self.typing.map(|(began, _)| began);
        let is_news = if active {
            began.is_none_or(|began| now.duration_since(began) >= TYPING_PAUSE)
        } else {
            self.typing.is_some_and(|(_, active)| active)
        };
        if is_news {
            self.typing = Some((if active { now } else { began.unwrap_or(now) }, active));
        }
        is_news
    }

    /// Waits for what is due next; a join only if one is awaited. What repeats is set anew.
    pub(super) async fn due(&mut self, awaits_join: bool) -> Due {
        let join = awaits_join.then_some((self.join, Due::Join));
        let all = [(self.silence, Due::Silence), (self.ping, Due::Ping), (self.check, Due::Check)];
        let next = all.into_iter().chain(join).min_by_key(|(at, _)| *at);
        let (at, due) = next.unwrap_or((self.silence, Due::Silence));
        sleep_until(at.into()).await;
        let now = Instant::now();
        match due {
            Due::Ping => self.ping = now + HEARTBEAT,
            Due::Check => self.check = now + self.check_every,
            Due::Join | Due::Silence => {}
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_who_starts_and_stops_again_and_again_is_heard_of_once_in_a_pause() {
        let start = Instant::now();
        let mut timers = Timers::new(start, start + HEARTBEAT, HEARTBEAT);
        let mut told = 0;
        for n in 0..300 {
            told += usize::from(timers.may_type(n % 2 == 0, start + Duration::from_millis(n * 10)));
        }
        assert_eq!(told, 2);
        assert!(timers.may_type(true, start + TYPING_PAUSE));
    }

    #[test]
    fn a_second_join_may_follow_at_once_and_a_third_a_second_later() {
        let start = Instant::now();
        let mut timers = Timers::new(start, start + HEARTBEAT, HEARTBEAT);
        assert_eq!(timers.next_rejoin(start), None);
        assert_eq!(timers.next_rejoin(start + JOIN_PAUSE / 2), Some(JOIN_PAUSE / 2));
        assert_eq!(timers.next_rejoin(start + JOIN_PAUSE), None);
    }
}
