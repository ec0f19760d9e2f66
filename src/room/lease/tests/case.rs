//! A lease, the inputs that it gets in tests, and the actions that it returns.

use std::time::{Duration, Instant};

use rand::{SeedableRng, rngs::StdRng};

use super::{EPOCH, LEASE};
use crate::{
    backplane::{
        HeartbeatError, HeartbeatReply, IncarnationId, Lease as PeerLease, Position, ReapOutcome, Unavailable,
    },
    protocol::Id,
    room::lease::{Action, Lease, ReadOutcome, Reply, Signal},
};

/// An input of the lease in a test.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    Tick,
    /// A tick while local members have changes.
    TickChanged,
    Signal(Signal),
    Accepted,
    /// Accepted in another epoch.
    AcceptedIn(u64),
    Gone(u64),
    Unavailable,
    Read(ReadOutcome),
    Reaped,
}
pub(super) use Input::{Accepted, AcceptedIn, Gone, Read, Reaped, Tick, TickChanged, Unavailable as Lost};

/// A lease, and the world around it.
pub(super) struct Case {
    pub(super) lease: Lease,
    start: Instant,
    /// The incarnation of the heartbeat in flight.
    pub(super) in_flight: Option<IncarnationId>,
    pub(super) peers: Vec<PeerLease>,
    /// The incarnation of the reap in flight.
    pub(super) reaping: Option<IncarnationId>,
}

impl Case {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        let lease = Lease::new(LEASE, IncarnationId::random(), StdRng::seed_from_u64(1), start, Duration::ZERO);
        Self { lease, start, in_flight: None, peers: vec![], reaping: None }
    }

    /// A lease whose heartbeat was accepted and echoed, and that has read the room; at 100 ms.
    pub(super) fn synced() -> Self {
        let mut case = Self::new();
        case.run(&[
            (0, Input::Signal(Signal::Subscribed), &["read"]),
            (10, Tick, &["heartbeat 1"]),
            (20, Accepted, &["confirm"]),
            (30, Read(ReadOutcome::Complete), &[]),
            (40, Input::Signal(Signal::Echo), &[]),
            (100, TickChanged, &["heartbeat 2"]),
            (100, Accepted, &["confirm"]),
        ]);
        assert!(case.lease.status(case.at(100)).ready);
        case
    }

    pub(super) fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    pub(super) fn apply(&mut self, ms: u64, input: Input) -> Vec<Action> {
        let (now, since_boot) = (self.at(ms), Duration::from_millis(ms));
        let reply = |epoch| HeartbeatReply {
            position: Position { epoch, head: Id::new(epoch, 1), version: 1 },
            leases: self.peers.clone(),
            refused: vec![],
        };
        let result = match input {
            Tick => return self.note(|lease| lease.on_tick(now, since_boot, false)),
            TickChanged => return self.note(|lease| lease.on_tick(now, since_boot, true)),
            Input::Signal(signal) => return self.note(|lease| lease.on_signal(now, signal)),
            Read(outcome) => return self.note(|lease| lease.on_reply(now, Reply::Read(outcome))),
            Reaped => {
                let incarnation = self.reaping.take().expect("a reap is in flight");
                return self.note(|lease| lease.on_reply(now, Reply::Reap(incarnation, Ok(ReapOutcome::Done))));
            }
            Accepted => Ok(reply(EPOCH)),
            AcceptedIn(epoch) => Ok(reply(epoch)),
            Gone(epoch) => Err(HeartbeatError::Gone { epoch }),
            Lost => Err(HeartbeatError::Unavailable(Unavailable)),
        };
        let incarnation = self.in_flight.take().expect("a heartbeat is in flight");
        self.note(|lease| lease.on_reply(now, Reply::Heartbeat(incarnation, result)))
    }

    /// Whether the heartbeat in flight can have this reply: it changes nothing in another epoch than its own.
    pub(super) fn is_accepted_in(&self, reply: Input) -> bool {
        let epoch = if let AcceptedIn(epoch) = reply { epoch } else { EPOCH };
        let is_own = self.in_flight.as_ref().is_some_and(|incarnation| self.lease.is_own(incarnation));
        !is_own || self.lease.epoch.is_none_or(|own| own == epoch)
    }

    fn note(&mut self, act: impl FnOnce(&mut Lease) -> Vec<Action>) -> Vec<Action> {
        let actions = act(&mut self.lease);
        for action in &actions {
            match action {
                Action::Heartbeat { incarnation, .. } => {
                    assert_eq!(self.in_flight.replace(incarnation.clone()), None, "two heartbeats in flight");
                }
                Action::Reap { incarnation, .. } => {
                    assert_eq!(self.reaping.replace(incarnation.clone()), None, "two reaps in flight");
                }
                _ => {}
            }
        }
        actions
    }

    #[track_caller]
    pub(super) fn run(&mut self, steps: &[(u64, Input, &[&str])]) {
        for (ms, input, expected) in steps {
            let actions: Vec<String> = self.apply(*ms, *input).iter().map(name).collect();
            assert_eq!(actions, *expected, "{input:?} at {ms} ms");
        }
    }

    /// One second of a healthy link: heartbeat, reply and, if the subscription works, its event.
    pub(super) fn second(&mut self, ms: u64, is_echoed: bool) -> Vec<String> {
        let mut actions = self.apply(ms, Tick);
        if self.in_flight.is_some() {
            actions.extend(self.apply(ms + 10, Accepted));
        }
        if is_echoed {
            actions.extend(self.apply(ms + 20, Input::Signal(Signal::Echo)));
        }
        actions.iter().map(name).filter(|name| !name.starts_with("heartbeat") && name != "confirm").collect()
    }
}

fn name(action: &Action) -> String {
    match action {
        Action::Heartbeat { heartbeat_seq, draining: false, .. } => format!("heartbeat {heartbeat_seq}"),
        Action::Heartbeat { .. } => "farewell".to_owned(),
        Action::Confirm { .. } => "confirm".to_owned(),
        Action::Reap { .. } => "reap".to_owned(),
        Action::Read => "read".to_owned(),
        Action::Resubscribe => "resubscribe".to_owned(),
        Action::Reannounce => "reannounce".to_owned(),
        Action::StartOver(_) => "start over".to_owned(),
        Action::HandOver => "hand over".to_owned(),
        Action::LogOutage => "outage".to_owned(),
        Action::LogRecovery(_) => "recovery".to_owned(),
    }
}
