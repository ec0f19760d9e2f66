//! Whether the instance has received every event, and when it reads the room because events are missing.

use std::time::{Duration, Instant};

use super::{Action, Lease, ROUND_TRIP, ReadOutcome};

/// The pause after a failed read; it doubles with each failure up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// Whether the instance has received the room's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyncState {
    /// The subscription is not confirmed yet.
    Unsubscribed { since: Instant },
    /// Events are missing: later ones wait until the room is read.
    CatchingUp { reading_since: Option<Instant>, not_before: Instant, failures: u32 },
    /// Every event up to now was received.
    Synced,
}

impl Lease {
    pub(super) fn on_read_reply(&mut self, now: Instant, outcome: ReadOutcome) -> Option<Action> {
        let SyncState::CatchingUp { reading_since: Some(began), failures, .. } = self.sync else { return None };
        if outcome != ReadOutcome::Failed && self.heartbeat.is_echoed {
            // The hub took no events during the read: echoes may be late by its duration.
            let lasted = now.duration_since(began);
            for at in [&mut self.heartbeat.echoed_at, &mut self.heartbeat.unechoed_since] {
                *at = at.map(|at| at + lasted);
            }
        }
        match outcome {
            ReadOutcome::Complete => {
                self.sync = SyncState::Synced;
                if !self.heartbeat.is_echoed {
                    self.note_echo(now);
                }
                return if self.heartbeat.is_due { self.send_heartbeat(now) } else { None };
            }
            ReadOutcome::Partial => {
                self.sync = SyncState::CatchingUp { reading_since: None, not_before: now, failures: 0 };
                return self.read_if_due(now);
            }
            ReadOutcome::Failed => {}
        }
        let pause = PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE).mul_f64(1.0 + self.spread);
        let failures = failures.saturating_add(1);
        self.sync = SyncState::CatchingUp { reading_since: None, not_before: now + pause, failures };
        None
    }

    pub(super) fn check_sync(&mut self, now: Instant) -> Option<Action> {
        let link_up = self.is_recent(self.heartbeat.accepted_at, now);
        match self.sync {
            SyncState::Synced => {
                // After an outage the first event may be a little later than the first reply.
                let is_late = self.heartbeat.unechoed_since.is_some_and(|at| now.duration_since(at) > ROUND_TRIP);
                let is_deaf = link_up && is_late && !self.is_recent(self.heartbeat.echoed_at, now);
                is_deaf.then(|| self.resubscribe(now))
            }
            SyncState::CatchingUp { .. } => self.read_if_due(now),
            // The subscription is not confirmed although Redis replies.
            SyncState::Unsubscribed { since } => {
                (link_up && now.duration_since(since) >= self.duration).then(|| self.resubscribe(now))
            }
        }
    }

    pub(super) fn fall_behind(&mut self, now: Instant) -> Option<Action> {
        if self.receives_events() {
            self.sync = SyncState::CatchingUp { reading_since: None, not_before: now, failures: 0 };
        }
        self.read_if_due(now)
    }

    fn read_if_due(&mut self, now: Instant) -> Option<Action> {
        let SyncState::CatchingUp { reading_since, not_before, .. } = &mut self.sync else { return None };
        if reading_since.is_some() || now < *not_before {
            return None;
        }
        *reading_since = Some(now);
        Some(Action::Read)
    }

    pub(super) fn resubscribe(&mut self, now: Instant) -> Action {
        self.sync = SyncState::Unsubscribed { since: now };
        Action::Resubscribe
    }
}
