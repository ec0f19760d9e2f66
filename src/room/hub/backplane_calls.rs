//! The hub's calls to the backplane, one of each kind at a time, and their results.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{Hub, people::PeopleResult, portions::NextRead};
use crate::{
    backplane::{
        Heartbeat, HeartbeatError, HeartbeatReply, IncarnationId, Page, Position, ReapOutcome, Snapshot, Unavailable,
    },
    protocol::Id,
    room::{
        CALL_DEADLINE, bounded,
        lease::{ReadOutcome, Reply},
    },
};

/// Deadline of a reap, which takes many calls to the backplane where the instance was large. Each of them has its own.
const REAP_DEADLINE: Duration = Duration::from_mins(2);

/// The result of a call, with its subject.
pub(super) enum CallResult {
    Read(ReadContext, Result<Box<Snapshot>, Unavailable>),
    /// The messages after a position.
    Portion(Position, Result<Page, Unavailable>),
    People(PeopleResult),
    Heartbeat(IncarnationId, Result<HeartbeatReply, HeartbeatError>),
    Reap(IncarnationId, Result<ReapOutcome, Unavailable>),
    /// Whether all sessions that ended lately were ended again.
    Ends(Result<(), Unavailable>),
}

/// The state at the start of a read.
pub(super) struct ReadContext {
    pub(super) began: Instant,
    pub(super) position: Option<Position>,
    /// Acknowledged messages that were not received as events yet.
    pub(super) acknowledged: Vec<Id>,
}

impl Hub {
    pub(super) fn on_result(&mut self, result: CallResult, now: Instant) {
        let reply = match result {
            CallResult::Read(context, Ok(snapshot)) if context.position == self.gap_detector.position() => {
                return self.adopt_snapshot(&snapshot, &context, now);
            }
            // It failed, or it is about an earlier position: applied now, it would send messages twice.
            CallResult::Read(..) => Reply::Read(ReadOutcome::Failed),
            CallResult::Portion(from, result) => Reply::Read(self.adopt_portion(from, result)),
            CallResult::People(result) => return self.on_people(result),
            CallResult::Heartbeat(incarnation, result) => {
                if let Ok(reply) = &result {
                    self.gap_detector.note_position(reply.position, now);
                }
                Reply::Heartbeat(incarnation, result)
            }
            CallResult::Reap(incarnation, result) => Reply::Reap(incarnation, result),
            CallResult::Ends(result) => {
                self.repeats_ends |= result.is_err();
                return;
            }
        };
        let actions = self.lease.on_reply(now, reply);
        self.carry_out(actions, now);
    }

    /// Reads the room from the current position, or its next portion.
    pub(super) fn call_read(&mut self, now: Instant) {
        match self.gap_detector.position() {
            Some(from) if self.next_read == NextRead::Portion => self.call_portion(from),
            _ => self.call_snapshot(now),
        }
    }

    fn call_snapshot(&mut self, now: Instant) {
        let backplane = self.backplane.clone();
        let (position, acknowledged) = (self.gap_detector.position(), self.state.acknowledged());
        let context = ReadContext { began: now, position, acknowledged };
        let from = position.filter(|_| self.next_read != NextRead::Whole);
        self.calls.push(Box::pin(async move {
            let read = bounded(backplane.read(from)).await;
            CallResult::Read(context, read.map(Box::new))
        }));
    }

    pub(super) fn call_heartbeat(&mut self, mut heartbeat: Heartbeat, now: Instant) {
        self.announcing = self.members.changes(now);
        if heartbeat.draining {
            // People who leave may be on their way to another instance: the lease decides.
            self.announcing.dels.clear();
        }
        let (backplane, changes) = (self.backplane.clone(), self.announcing.clone());
        (heartbeat.adds, heartbeat.renewals, heartbeat.dels) = (changes.adds, changes.renewals, changes.dels);
        self.calls.push(Box::pin(async move {
            let incarnation = heartbeat.incarnation.clone();
            let result = timeout(CALL_DEADLINE, backplane.heartbeat(heartbeat)).await;
            CallResult::Heartbeat(incarnation, result.unwrap_or(Err(Unavailable.into())))
        }));
    }

    /// Ends sessions again that were ended through this instance lately: a failover may have brought their claims back, and
    /// their people would wait for `name_hold`. For sessions that Redis knows to have ended it does nothing.
    pub(super) fn call_ends(&mut self, now: Instant) {
        let (backplane, ended) = (self.backplane.clone(), self.state.ended_lately(now));
        self.calls.push(Box::pin(async move {
            for (session, name_key) in ended {
                if bounded(backplane.end(&session, &name_key)).await.is_err() {
                    return CallResult::Ends(Err(Unavailable));
                }
            }
            CallResult::Ends(Ok(()))
        }));
    }

    pub(super) fn call_reap(&mut self, incarnation: IncarnationId, seq: u64) {
        tracing::info!(incarnation = incarnation.as_str(), "an instance is dead: releasing its people");
        let backplane = self.backplane.clone();
        self.calls.push(Box::pin(async move {
            let result = timeout(REAP_DEADLINE, backplane.reap(&incarnation, seq)).await;
            CallResult::Reap(incarnation, result.unwrap_or(Err(Unavailable)))
        }));
    }
}
