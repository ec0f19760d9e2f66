//! What the hub asks of the backplane, one of each kind at a time, and what comes back.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{super::local_members::Sent, Hub, SyncState};
use crate::{
    backplane::{
        Heartbeat, HeartbeatError, HeartbeatReply, IncarnationId, Position, ReapOutcome, Snapshot, Unavailable,
    },
    protocol::Id,
    telemetry::instruments,
};

/// How long the hub waits for any answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long after a failed reading the next one is tried.
const PAUSE: Duration = Duration::from_millis(100);

/// An answer of the backplane, with what it was about.
pub(super) enum CallResult {
    /// A look at the room, from where we were when it was asked for, and what had been acknowledged by then.
    Read { from: Option<Position>, acknowledged: Vec<Id>, result: Result<Snapshot, Unavailable> },
    /// A beat.
    Heartbeat { incarnation: IncarnationId, sent: Sent, result: Result<HeartbeatReply, HeartbeatError> },
    /// A declaration of death.
    Reap { incarnation: IncarnationId, result: Result<ReapOutcome, Unavailable> },
}

impl Hub {
    pub(super) fn take(&mut self, answer: CallResult, now: Instant) {
        match answer {
            CallResult::Read { from, acknowledged, result: Ok(snapshot) } if from == self.gap_detector.position() => {
                self.take_reading(&snapshot, &acknowledged, now);
            }
            // It failed, or another subscription has moved us on meanwhile: taken now, it would be told twice.
            CallResult::Read { .. } => {
                self.hearing = SyncState::CatchingUp { snapshot: false, not_before: now + PAUSE }
            }
            CallResult::Heartbeat { incarnation, sent, result } => self.take_beat(&incarnation, &sent, result, now),
            CallResult::Reap { incarnation, result } => self.take_reap(&incarnation, result),
        }
    }

    /// Something is missing: the room is to be read from where we are.
    pub(super) fn fall_behind(&mut self, now: Instant) {
        if !matches!(self.hearing, SyncState::CatchingUp { .. }) {
            self.hearing = SyncState::CatchingUp { snapshot: false, not_before: now };
            self.shared.set_synced(false);
            if self.gap_detector.position().is_some() {
                instruments().gap_found();
            }
        }
        self.read_if_due(now);
    }

    pub(super) fn read_if_due(&mut self, now: Instant) {
        let SyncState::CatchingUp { snapshot: false, not_before } = self.hearing else { return };
        if now < not_before {
            return;
        }
        self.hearing = SyncState::CatchingUp { snapshot: true, not_before };
        let backplane = self.backplane.clone();
        let (from, acknowledged) = (self.gap_detector.position(), self.shared.acknowledged());
        self.calls.push(Box::pin(async move {
            let snapshot = timeout(PATIENCE, backplane.read(from.map(|position| position.head))).await;
            CallResult::Read { from, acknowledged, result: snapshot.unwrap_or(Err(Unavailable)) }
        }));
    }

    pub(super) fn send_beat(&mut self, beat: Heartbeat) {
        let backplane = self.backplane.clone();
        self.calls.push(Box::pin(async move {
            let incarnation = beat.incarnation.clone();
            let sent = Sent { adds: beat.adds.clone(), renewals: beat.renewals.clone(), dels: beat.dels.clone() };
            let result = timeout(PATIENCE, backplane.heartbeat(beat)).await;
            CallResult::Heartbeat { incarnation, sent, result: result.unwrap_or(Err(Unavailable.into())) }
        }));
    }

    pub(super) fn send_reap(&mut self, incarnation: IncarnationId, heartbeat_seq: u64) {
        let backplane = self.backplane.clone();
        self.calls.push(Box::pin(async move {
            let result =
                timeout(PATIENCE, backplane.reap(&incarnation, heartbeat_seq)).await.unwrap_or(Err(Unavailable));
            CallResult::Reap { incarnation, result }
        }));
    }
}
