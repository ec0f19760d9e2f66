//! What a connection does by the clock: one timer for all of it.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::protocol::HEARTBEAT;

/// How long a client may take to join.
const JOIN: Duration = Duration::from_secs(10);
/// How long a client may say nothing at all.
const SILENCE: Duration = Duration::from_secs(60);
/// A timer that fires later than this was held up: the whole process stood still, and input may wait unread.
const STANDSTILL: Duration = Duration::from_secs(1);

/// When what is due.
#[derive(Debug)]
pub(super) struct Timers {
    ping: Instant,
    check: Instant,
    check_every: Duration,
    join: Instant,
    silence: Instant,
    /// Until when no input is read.
    paused: Option<Instant>,
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
    /// Nothing: a pause has ended, or the process stood still.
    Nothing,
}

impl Timers {
    /// For a connection that begins now, whose session is to be looked up at `check`, and so often from then on.
    pub(super) fn new(now: Instant, check: Instant, check_every: Duration) -> Self {
        Self { ping: now + HEARTBEAT, check, check_every, join: now + JOIN, silence: now + SILENCE, paused: None }
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

    /// Reads no input for a time.
    pub(super) fn pause(&mut self, time: Duration, now: Instant) {
        self.paused = Some(now + time);
    }

    /// Whether no input is read at the moment.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Waits for what is due next; a join only if one is awaited. What repeats is set anew.
    pub(super) async fn due(&mut self, awaits_join: bool) -> Due {
        let (at, due) = self.next(awaits_join);
        sleep_until(at.into()).await;
        self.fire(at, due, Instant::now())
    }

    fn next(&self, awaits_join: bool) -> (Instant, Due) {
        let join = awaits_join.then_some((self.join, Due::Join));
        let pause = self.paused.map(|until| (until, Due::Nothing));
        let all = [(self.silence, Due::Silence), (self.ping, Due::Ping), (self.check, Due::Check)];
        let next = all.into_iter().chain(join).chain(pause).min_by_key(|(at, _)| *at);
        next.unwrap_or((self.silence, Due::Silence))
    }

    /// Sets anew what repeats. If the timer is very late, the client is given its time again: what it sent meanwhile is not
    /// read yet.
    fn fire(&mut self, at: Instant, due: Due, now: Instant) -> Due {
        let stood_still = now.duration_since(at) >= STANDSTILL;
        match due {
            Due::Ping => self.ping = now + HEARTBEAT,
            Due::Check => self.check = now + self.check_every,
            Due::Nothing => self.paused = None,
            Due::Silence if stood_still => {
                self.note_heard(now);
                return Due::Nothing;
            }
            Due::Join if stood_still => {
                self.expect_join(now);
                return Due::Nothing;
            }
            Due::Join | Due::Silence => {}
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timers(start: Instant) -> Timers {
        Timers::new(start, start + SILENCE * 10, SILENCE * 10)
    }

    /// Fires what is due up to `end`, each with a delay. Returns what the connection is told of.
    fn fired(timers: &mut Timers, end: Instant, late: Duration) -> Vec<Due> {
        let mut fired = vec![];
        while let (at, due) = timers.next(false)
            && at <= end
        {
            let due = timers.fire(at, due, at + late);
            fired.push(due);
            if due == Due::Silence {
                break;
            }
        }
        fired
    }

    #[test]
    fn silent_client_is_found_after_a_minute() {
        let start = Instant::now();
        assert_eq!(fired(&mut timers(start), start + SILENCE, Duration::ZERO).last(), Some(&Due::Silence));
        assert!(!fired(&mut timers(start), start + SILENCE / 2, Duration::ZERO).contains(&Due::Silence));
    }

    #[test]
    fn standstill_of_the_process_is_no_silence() {
        let (start, frozen) = (Instant::now(), Duration::from_secs(65));
        let mut timers = timers(start);
        assert!(!fired(&mut timers, start + SILENCE, frozen).contains(&Due::Silence));
        let woken = start + SILENCE + frozen;
        assert_eq!(fired(&mut timers, woken + SILENCE * 2, Duration::ZERO).last(), Some(&Due::Silence));
    }

    #[test]
    fn pause_ends_by_itself() {
        let start = Instant::now();
        let mut timers = timers(start);
        timers.pause(Duration::from_secs(2), start);
        assert!(timers.is_paused());
        fired(&mut timers, start + Duration::from_secs(2), Duration::ZERO);
        assert!(!timers.is_paused());
    }
}
