//! This instance's lease and its link to the backplane, as one state machine: when to send heartbeats and what the replies
//! mean, whether the subscription still receives events, when to read the room, which other instances are dead, and how to
//! drain.
//!
//! Plain and synchronous, without I/O or a clock: the hub passes in what happened and when, and carries out the returned
//! [`Action`]s in order.

mod failure_detector;
mod io;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;

use self::failure_detector::FailureDetector;
pub(super) use self::io::{Action, ReadOutcome, Reply, Signal, Status};
use crate::{
    backplane::{HeartbeatError, HeartbeatReply, IncarnationId, Unavailable},
    transition::Transition,
};

/// Heartbeats that may be missing in a row before the link counts as broken.
const MISSING_HEARTBEATS: u32 = 2;
/// How late a heartbeat's reply, or its event, may be.
const ROUND_TRIP: Duration = Duration::from_millis(500);
/// How long the first reply may take before an outage is logged.
const STARTUP: Duration = Duration::from_secs(3);
/// The pause after a failed read; it doubles with each failure up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Lease {
    duration: Duration,
    /// By which part this instance's pauses are longer, so that not all instances repeat their reads at once.
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
    /// The time of the last tick since boot: a suspended machine stands still too.
    ticked_at: Duration,
}

/// When heartbeats were last sent, accepted and received as events.
#[derive(Debug, Default)]
struct HeartbeatState {
    in_flight: bool,
    sent_at: Option<Instant>,
    accepted_at: Option<Instant>,
    /// When the event of an own heartbeat was last received, or could have been.
    echoed_at: Option<Instant>,
    /// Whether one was received since the subscription began.
    is_echoed: bool,
    /// When the first one after that was accepted.
    unechoed_since: Option<Instant>,
    /// Send the next one as soon as possible.
    is_due: bool,
}

/// How the instance stands to the room's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SyncState {
    /// The subscription is not confirmed yet.
    Unsubscribed { since: Instant },
    /// Events are missing: later ones wait until the room is read.
    CatchingUp { reading_since: Option<Instant>, not_before: Instant, failures: u32 },
    /// Every event up to now was received.
    Synced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DrainState {
    Serving,
    /// `announced`: a heartbeat has said so.
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

    /// Makes pauses between reads longer, by this part: each instance uses another one.
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
        if is_time || changed || self.heartbeat.is_due {
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
                // The events of heartbeats wait as well.
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

    fn on_heartbeat_reply(
        &mut self,
        now: Instant,
        incarnation: &IncarnationId,
        result: Result<HeartbeatReply, HeartbeatError>,
    ) -> Vec<Action> {
        self.heartbeat.in_flight = false;
        let mut actions = vec![];
        // A reply to a former incarnation means nothing for this one.
        if *incarnation == self.incarnation {
            match result {
                Ok(reply) => actions = self.accept(now, reply),
                Err(HeartbeatError::Gone { epoch }) if self.epoch == Some(epoch) => {
                    actions.push(self.start_over("this instance was declared dead"));
                }
                Err(HeartbeatError::Gone { .. }) => actions.push(self.reannounce()),
                Err(HeartbeatError::Stale | HeartbeatError::Unavailable(Unavailable)) => {}
            }
        }
        match self.drain {
            DrainState::Draining { announced: true } => {
                self.drain = DrainState::Drained;
                actions.push(Action::HandOver);
            }
            DrainState::Draining { announced: false } => actions.extend(self.send_heartbeat(now)),
            DrainState::Serving | DrainState::Drained => {}
        }
        actions
    }

    fn accept(&mut self, now: Instant, reply: HeartbeatReply) -> Vec<Action> {
        self.heartbeat.accepted_at = Some(now);
        self.heartbeat.unechoed_since.get_or_insert(now);
        self.peers.observe(&reply.leases, now);
        let mut actions: Vec<Action> = self.reap().into_iter().collect();
        match self.epoch {
            Some(epoch) if epoch != reply.position.epoch => actions.push(self.reannounce()),
            _ => {
                self.epoch = Some(reply.position.epoch);
                self.accepted = self.incarnation.clone();
                actions.push(Action::Confirm { refused: reply.refused });
            }
        }
        actions
    }

    fn on_read_reply(&mut self, now: Instant, outcome: ReadOutcome) -> Option<Action> {
        let SyncState::CatchingUp { reading_since: Some(began), failures, .. } = self.sync else { return None };
        if outcome != ReadOutcome::Failed && self.heartbeat.is_echoed {
            // Events were not taken meanwhile: theirs may be late by that time.
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

    fn send_heartbeat(&mut self, now: Instant) -> Option<Action> {
        let draining = match &mut self.drain {
            _ if self.heartbeat.in_flight => return None,
            DrainState::Serving => false,
            DrainState::Draining { announced: true } | DrainState::Drained => return None,
            DrainState::Draining { announced } => {
                *announced = true;
                true
            }
        };
        (self.heartbeat.in_flight, self.heartbeat.is_due, self.heartbeat.sent_at) = (true, false, Some(now));
        self.heartbeat_seq += 1;
        Some(Action::Heartbeat { incarnation: self.incarnation.clone(), heartbeat_seq: self.heartbeat_seq, draining })
    }

    fn note_echo(&mut self, at: Instant) {
        (self.heartbeat.echoed_at, self.heartbeat.unechoed_since) = (Some(at), None);
    }

    fn check_sync(&mut self, now: Instant) -> Option<Action> {
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

    fn check_link(&mut self, now: Instant) -> Option<Action> {
        let is_starting = self.heartbeat.accepted_at.is_none() && now.duration_since(self.started_at) < STARTUP;
        let link_up = is_starting || self.is_recent(self.heartbeat.accepted_at, now);
        self.link_up.observe(link_up).then(|| {
            let since = std::mem::replace(&mut self.link_changed_at, now);
            if link_up { Action::LogRecovery(now.duration_since(since)) } else { Action::LogOutage }
        })
    }

    fn fall_behind(&mut self, now: Instant) -> Option<Action> {
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

    fn resubscribe(&mut self, now: Instant) -> Action {
        self.sync = SyncState::Unsubscribed { since: now };
        Action::Resubscribe
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
