//! When heartbeats are sent, and what their replies mean.

use std::time::Instant;

use super::{Action, DrainState, Lease};
use crate::backplane::{HeartbeatError, HeartbeatReply, IncarnationId, Unavailable};

/// When heartbeats were last sent, accepted and received as events.
#[derive(Debug, Default)]
pub(super) struct HeartbeatState {
    pub(super) in_flight: bool,
    pub(super) sent_at: Option<Instant>,
    pub(super) accepted_at: Option<Instant>,
    /// When the event of an own heartbeat was last received, or could have been.
    pub(super) echoed_at: Option<Instant>,
    /// Whether such an event was received since the subscription began.
    pub(super) is_echoed: bool,
    /// When the first heartbeat after `echoed_at` was accepted.
    pub(super) unechoed_since: Option<Instant>,
    /// Send the next one as soon as possible.
    pub(super) is_due: bool,
}

impl Lease {
    pub(super) fn on_heartbeat_reply(
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
                Err(HeartbeatError::Gone { .. }) => {
                    actions.push(self.reannounce());
                    // Other instances wait for the heartbeat: at the end of the former lease they show its people as having left.
                    actions.extend(self.send_heartbeat(now));
                }
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
        self.epoch = Some(reply.position.epoch);
        self.accepted = self.incarnation.clone();
        self.reap().into_iter().chain([Action::Confirm { refused: reply.refused }]).collect()
    }

    pub(super) fn send_heartbeat(&mut self, now: Instant) -> Option<Action> {
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
        let (incarnation, heartbeat_seq, epoch) = (self.incarnation.clone(), self.heartbeat_seq, self.epoch);
        Some(Action::Heartbeat { incarnation, heartbeat_seq, epoch, draining })
    }

    pub(super) fn note_echo(&mut self, at: Instant) {
        (self.heartbeat.echoed_at, self.heartbeat.unechoed_since) = (Some(at), None);
    }
}
