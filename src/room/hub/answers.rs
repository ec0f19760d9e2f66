//! What the hub asks of the backplane, one of each kind at a time, and what comes back.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{super::attendance::Sent, Hearing, Hub};
use crate::{
    backplane::{Beat, BeatError, Beaten, Inc, Position, Reading, Reaped, Unavailable},
    protocol::Id,
    telemetry::instruments,
};

/// How long the hub waits for any answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long after a failed reading the next one is tried.
const PAUSE: Duration = Duration::from_millis(100);

/// An answer of the backplane, with what it was about.
pub(super) enum Answer {
    /// A look at the room, from where we were when it was asked for, and what had been acknowledged by then.
    Read { from: Option<Position>, acknowledged: Vec<Id>, result: Result<Reading, Unavailable> },
    /// A beat.
    Beat { inc: Inc, sent: Sent, result: Result<Beaten, BeatError> },
    /// A declaration of death.
    Reap { inc: Inc, result: Result<Reaped, Unavailable> },
}

impl Hub {
    pub(super) fn take(&mut self, answer: Answer, now: Instant) {
        match answer {
            Answer::Read { from, acknowledged, result: Ok(reading) } if from == self.follower.position() => {
                self.take_reading(&reading, &acknowledged, now);
            }
            // It failed, or another subscription has moved us on meanwhile: taken now, it would be told twice.
            Answer::Read { .. } => self.hearing = Hearing::Behind { reading: false, not_before: now + PAUSE },
            Answer::Beat { inc, sent, result } => self.take_beat(&inc, &sent, result, now),
            Answer::Reap { inc, result } => self.take_reap(&inc, result),
        }
    }

    /// Something is missing: the room is to be read from where we are.
    pub(super) fn fall_behind(&mut self, now: Instant) {
        if !matches!(self.hearing, Hearing::Behind { .. }) {
            self.hearing = Hearing::Behind { reading: false, not_before: now };
            self.shared.set_synced(false);
            if self.follower.position().is_some() {
                instruments().gap_found();
            }
        }
        self.read_if_due(now);
    }

    pub(super) fn read_if_due(&mut self, now: Instant) {
        let Hearing::Behind { reading: false, not_before } = self.hearing else { return };
        if now < not_before {
            return;
        }
        self.hearing = Hearing::Behind { reading: true, not_before };
        let backplane = self.backplane.clone();
        let (from, acknowledged) = (self.follower.position(), self.shared.acknowledged());
        self.answers.push(Box::pin(async move {
            let reading = timeout(PATIENCE, backplane.read(from.map(|position| position.head))).await;
            Answer::Read { from, acknowledged, result: reading.unwrap_or(Err(Unavailable)) }
        }));
    }

    pub(super) fn send_beat(&mut self, beat: Beat) {
        let backplane = self.backplane.clone();
        self.answers.push(Box::pin(async move {
            let inc = beat.inc.clone();
            let sent = Sent { adds: beat.adds.clone(), dels: beat.dels.clone() };
            let result = timeout(PATIENCE, backplane.beat(beat)).await;
            Answer::Beat { inc, sent, result: result.unwrap_or(Err(Unavailable.into())) }
        }));
    }

    pub(super) fn send_reap(&mut self, inc: Inc, k: u64) {
        let backplane = self.backplane.clone();
        self.answers.push(Box::pin(async move {
            let result = timeout(PATIENCE, backplane.reap(&inc, k)).await.unwrap_or(Err(Unavailable));
            Answer::Reap { inc, result }
        }));
    }
}
