//! Everything that a connection does at certain times, with one timer.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::{protocol::HEARTBEAT, socket::STANDSTILL};

/// How long a client may take to join.
const JOIN: Duration = Duration::from_secs(10);
/// How much longer, if something that it sent in time was not read yet.
const LATE_JOIN: Duration = Duration::from_secs(1);
/// How long a client may send nothing at all.
const SILENCE: Duration = Duration::from_secs(60);

/// The times at which something is due.
#[derive(Debug)]
pub(super) struct Timers {
    ping: Instant,
    check: Instant,
    check_every: Duration,
    join: Instant,
    is_join_late: bool,
    silence: Instant,
    /// The time until which no input is read.
    paused: Option<Instant>,
}

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send a ping.
    Ping,
    /// Look up the session.
    Check,
    /// The client has not joined in time.
    Join,
    /// The client has sent nothing for too long.
    Silence,
    /// Nothing: a pause has ended, or the process stood still.
    Nothing,
}

impl Timers {
    /// For a connection that starts now, and looks up its session at this interval.
    pub(super) fn new(now: Instant, check_every: Duration) -> Self {
        Self {
            ping: now + HEARTBEAT,
            check: now + check_every,
            check_every,
            join: now + JOIN,
            is_join_late: false,
            silence: now + SILENCE,
            paused: None,
        }
    }

    /// Advances the next look-up of the session to `delay` from now.
    pub(super) fn check_within(&mut self, delay: Duration, now: Instant) {
        self.check = self.check.min(now + delay);
    }

    /// Notes a frame of the client.
    pub(super) fn note_frame(&mut self, now: Instant) {
        self.silence = now + SILENCE;
    }

    /// Gives the client its time to join again.
    pub(super) fn restart_join(&mut self, now: Instant) {
        self.join = now + JOIN;
    }

    /// Gives the client a little more time to join. Returns whether it does: only once.
    pub(super) fn extend_join(&mut self, now: Instant) -> bool {
        self.join = now + LATE_JOIN;
        !std::mem::replace(&mut self.is_join_late, true)
    }

    /// Pauses reading.
    pub(super) fn pause(&mut self, pause: Duration, now: Instant) {
        self.paused = Some(now + pause);
    }

    /// Whether reading is paused.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Waits for the next timer, that of a join only if one is expected. Cancel-safe.
    pub(super) async fn due(&mut self, expects_join: bool) -> Due {
        let (at, due) = self.next(expects_join);
        sleep_until(at.into()).await;
        self.fire(at, due, Instant::now())
    }

    fn next(&self, expects_join: bool) -> (Instant, Due) {
        let join = expects_join.then_some((self.join, Due::Join));
        let pause = self.paused.map(|until| (until, Due::Nothing));
        let others = [(self.ping, Due::Ping), (self.check, Due::Check)];
        let earlier = others.into_iter().chain(join).chain(pause).filter(|(at, _)| *at < self.silence);
        earlier.min_by_key(|(at, _)| *at).unwrap_or((self.silence, Due::Silence))
    }

    /// Restarts what repeats. If the timer is late because the process stood still, the client gets its time again: what it
    /// sent meanwhile is not read yet.
    fn fire(&mut self, at: Instant, due: Due, now: Instant) -> Due {
        let stood_still = now.duration_since(at) >= STANDSTILL;
        if stood_still {
            self.note_frame(now);
            self.restart_join(now);
        }
        match due {
            Due::Ping => self.ping = now + HEARTBEAT,
            Due::Check => self.check = now + self.check_every,
            Due::Nothing => self.paused = None,
            Due::Join | Due::Silence if stood_still => return Due::Nothing,
            Due::Join | Due::Silence => {}
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timers(start: Instant) -> Timers {
        Timers::new(start, SILENCE * 10)
    }

    /// Fires what is due up to `end`, each with a delay. Returns what the connection is told.
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
    fn silent_client_is_noticed_after_a_minute() {
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
    fn any_late_timer_gives_the_client_its_time_again() {
        let start = Instant::now();
        let mut timers = timers(start);
        // Frozen from before the first ping until a moment before the silence would be due.
        let woken = start + SILENCE - Duration::from_millis(1);
        assert_eq!(timers.fire(start + HEARTBEAT, Due::Ping, woken), Due::Ping);
        assert!(!fired(&mut timers, woken + SILENCE / 2, Duration::ZERO).contains(&Due::Silence));
        assert!(timers.join >= woken + JOIN);
    }

    #[test]
    fn time_to_join_is_extended_once() {
        let start = Instant::now();
        let mut timers = timers(start);
        assert_eq!(timers.next(true), (start + JOIN, Due::Join));
        assert!(timers.extend_join(start + JOIN));
        assert_eq!(timers.next(true), (start + JOIN + LATE_JOIN, Due::Join));
        assert!(!timers.extend_join(start + JOIN + LATE_JOIN));
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
