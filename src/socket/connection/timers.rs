//! What a connection does by the clock: one timer for all of it.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::protocol::HEARTBEAT;

/// How long a client may take to join.
const JOIN: Duration = Duration::from_secs(10);
/// How long a client may say nothing at all.
const SILENCE: Duration = Duration::from_secs(60);
/// How often it is checked that the session still exists, and its life extended.
const CHECK: Duration = Duration::from_secs(60);

/// How long after a join the next is let through.
const JOIN_PAUSE: Duration = Duration::from_secs(1);
/// How long after a client said that its person types it is let through again.
const TYPING_PAUSE: Duration = Duration::from_secs(3);

/// When what is due.
#[derive(Debug)]
pub(super) struct Timers {
    ping: Instant,
    check: Instant,
    join: Instant,
    silence: Instant,
    /// The last join, after the first, that was let through.
    rejoined: Option<Instant>,
    /// When the person was last said to type; none once they were said to have stopped.
    typing: Option<Instant>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Ask the client whether it is there.
    Ping,
    /// Ask whether the session is.
    Check,
    /// No join came in time.
    Join,
    /// Nothing came for too long.
    Silence,
}

impl Timers {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            ping: now + HEARTBEAT,
            check: now + CHECK,
            join: now + JOIN,
            silence: now + SILENCE,
            rejoined: None,
            typing: None,
        }
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
        let is_news = match self.typing {
            Some(last) => !active || now.duration_since(last) >= TYPING_PAUSE,
            None => active,
        };
        if is_news {
            self.typing = active.then_some(now);
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
            Due::Check => self.check = now + CHECK,
            Due::Join | Due::Silence => {}
        }
        due
    }
}
