//! This instance's lease and its link to the backplane, as one state machine: when to send heartbeats and what the replies
//! mean, whether the subscription still receives events, when to read the room, which other instances are dead, and how to
//! drain.
//!
//! Plain and synchronous, without I/O or a clock: the hub passes in signals, replies and the time, and carries out the returned
//! [`Action`]s in order. (`backplane::Lease` is the record of a lease that other instances observe.)

mod failure_detector;
mod heartbeat;
mod io;
mod sync;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;

pub(super) use self::io::{Action, ReadOutcome, Reply, Signal, Status};
use self::{failure_detector::FailureDetector, heartbeat::HeartbeatState, sync::SyncState};
use crate::{backplane::IncarnationId, transition::Transition};

/// Heartbeats that may be missing in a row before the link counts as broken.
const MISSING_HEARTBEATS: u32 = 2;
/// How late a heartbeat's reply, or its event, may be.
const ROUND_TRIP: Duration = Duration::from_millis(500);
/// How long the first reply may take before an outage is logged.
const STARTUP: Duration = Duration::from_secs(3);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Lease {
    duration: Duration,
    /// The fraction by which this instance's pauses are longer, so that not all instances repeat their reads at once.
    spread: f64,
    /// Draws the ids of incarnations.
    rng: StdRng,
    incarnation: IncarnationId,
    /// The counter of the last heartbeat sent.
    heartbeat_seq: u64,
    /// The epoch in which the incarnation has a lease; none before its first heartbeat was accepted.
    epoch: Option<u64>,
    /// The last incarnation that was accepted: messages are published under it.
    accepted: IncarnationId,
    heartbeat: HeartbeatState,
    sync: SyncState,
    drain: DrainState,
    peers: FailureDetector,
    /// A reap is in flight.
    reaping: bool,
    link_up: Transition,
    link_changed_at: Instant,
    started_at: Instant,
    /// The time since boot at the last tick: it counts the time of a suspended machine too.
    ticked_at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DrainState {
    Serving,
    /// `announced`: a heartbeat with the mark `draining` was sent.
    Draining {
        announced: bool,
    },
    Drained,
}

impl Lease {
    /// An incarnation that has yet to send its first heartbeat, at this time since boot.
    pub(super) fn new(
        duration: Duration,
        incarnation: IncarnationId,
        rng: StdRng,
        now: Instant,
        since_boot: Duration,
    ) -> Self {
        Self {
            duration,
            spread: 0.0,
            rng,
            accepted: incarnation.clone(),
            incarnation,
            heartbeat_seq: 0,
            epoch: None,
            heartbeat: HeartbeatState::default(),
            sync: SyncState::Unsubscribed { since: now },
            drain: DrainState::Serving,
            peers: FailureDetector::new(duration),
            reaping: false,
            link_up: Transition::new(true),
            link_changed_at: now,
            started_at: now,
            ticked_at: since_boot,
        }
    }

    /// Makes pauses between reads longer by this fraction: each instance uses another one.
    pub(super) fn with_spread(self, spread: f64) -> Self {
        Self { spread, ..self }
    }

    /// Time has passed. `changed`: local members have changes to send.
    pub(super) fn on_tick(&mut self, now: Instant, since_boot: Duration, changed: bool) -> Vec<Action> {
        if self.is_drained() {
            return vec![];
        }
        let mut actions = vec![];
        let stood_still = since_boot.saturating_sub(std::mem::replace(&mut self.ticked_at, since_boot));
        if stood_still >= self.duration {
            actions.push(self.start_over("this instance stood still for longer than its lease"));
        }
        let is_time = self.heartbeat.sent_at.is_none_or(|at| now.duration_since(at) >= self.interval());
        let may_reap = self.peers.needs_observation(&self.incarnation, now);
        if is_time || changed || self.heartbeat.is_due || may_reap {
            actions.extend(self.send_heartbeat(now));
        }
        actions.extend(self.check_sync(now));
        actions.extend(self.check_link(now));
        actions
    }

    /// Something happened.
    pub(super) fn on_signal(&mut self, now: Instant, signal: Signal) -> Vec<Action> {
        if self.is_drained() {
            return vec![];
        }
        let action = match signal {
            Signal::Subscribed => {
                (self.heartbeat.is_echoed, self.heartbeat.is_due) = (false, true);
                self.fall_behind(now)
            }
            Signal::Missing => self.fall_behind(now),
            Signal::Unsubscribed => Some(self.resubscribe(now)),
            Signal::Echo => {
                self.note_echo(now);
                self.heartbeat.is_echoed = true;
                None
            }
            Signal::Congested => {
                // The hub takes no events now, so no echo is received: a working subscription is assumed to work on.
                if self.heartbeat.is_echoed {
                    self.note_echo(now);
                }
                None
            }
            Signal::Changed => self.send_heartbeat(now),
            Signal::Drain => {
                if self.drain == DrainState::Serving {
                    self.drain = DrainState::Draining { announced: false };
                }
                self.send_heartbeat(now)
            }
        };
        action.into_iter().collect()
    }

    /// A call has returned.
    pub(super) fn on_reply(&mut self, now: Instant, reply: Reply) -> Vec<Action> {
        if self.is_drained() {
            return vec![];
        }
        match reply {
            Reply::Heartbeat(incarnation, result) => self.on_heartbeat_reply(now, &incarnation, result),
            Reply::Reap(incarnation, result) => {
                self.reaping = false;
                if result.is_err() {
                    return vec![];
                }
                self.peers.forget(&incarnation);
                self.reap().into_iter().collect()
            }
            Reply::Read(outcome) => self.on_read_reply(now, outcome).into_iter().collect(),
        }
    }

    /// Whether events must be taken from the subscription now.
    pub(super) fn receives_events(&self) -> bool {
        !matches!(self.sync, SyncState::CatchingUp { .. })
    }

    /// Whether a subscription is confirmed: events before that mean nothing.
    pub(super) fn is_subscribed(&self) -> bool {
        !matches!(self.sync, SyncState::Unsubscribed { .. })
    }

    pub(super) fn is_synced(&self) -> bool {
        self.sync == SyncState::Synced
    }

    pub(super) fn is_draining(&self) -> bool {
        self.drain != DrainState::Serving
    }

    pub(super) fn is_drained(&self) -> bool {
        self.drain == DrainState::Drained
    }

    /// The incarnation, if it has a lease in this epoch.
    pub(super) fn incarnation_in(&self, epoch: u64) -> Option<&IncarnationId> {
        Some(&self.incarnation).filter(|_| self.epoch == Some(epoch))
    }

    /// Whether an event's incarnation is this one.
    pub(super) fn is_own(&self, incarnation: &IncarnationId) -> bool {
        self.incarnation == *incarnation
    }

    pub(super) fn status(&self, now: Instant) -> Status {
        let (synced, link_up) = (self.is_synced(), self.is_recent(self.heartbeat.accepted_at, now));
        let is_proven = self.heartbeat.is_echoed && self.is_recent(self.heartbeat.echoed_at, now);
        Status {
            incarnation: self.accepted.clone(),
            synced,
            link_up,
            ready: synced && link_up && is_proven && !self.is_draining(),
            accepted_at: self.heartbeat.accepted_at,
        }
    }

    fn check_link(&mut self, now: Instant) -> Option<Action> {
        let is_starting = self.heartbeat.accepted_at.is_none() && now.duration_since(self.started_at) < STARTUP;
        let link_up = is_starting || self.is_recent(self.heartbeat.accepted_at, now);
        self.link_up.observe(link_up).then(|| {
            let since = std::mem::replace(&mut self.link_changed_at, now);
            if link_up { Action::LogRecovery(now.duration_since(since)) } else { Action::LogOutage }
        })
    }

    /// Reaps one dead incarnation at a time.
    fn reap(&mut self) -> Option<Action> {
        if self.reaping || self.is_draining() {
            return None;
        }
        let (incarnation, heartbeat_seq) = self.peers.dead(&self.incarnation)?;
        self.reaping = true;
        Some(Action::Reap { incarnation, heartbeat_seq })
    }

    fn reannounce(&mut self) -> Action {
        self.begin_incarnation();
        self.peers.begin_epoch();
        Action::Reannounce
    }

    fn start_over(&mut self, reason: &'static str) -> Action {
        self.begin_incarnation();
        Action::StartOver(reason)
    }

    fn begin_incarnation(&mut self) {
        (self.incarnation, self.heartbeat_seq, self.epoch) = (IncarnationId::draw(&mut self.rng), 0, None);
        self.heartbeat.is_due = true;
    }

    fn interval(&self) -> Duration {
        self.duration / 5
    }

    fn is_recent(&self, last: Option<Instant>, now: Instant) -> bool {
        last.is_some_and(|last| {
            now.saturating_duration_since(last) <= self.interval() * MISSING_HEARTBEATS + ROUND_TRIP
        })
    }
}

#[cfg(test)]
mod tests;
