//! Keeping the lease: telling the others who is here through us, and that we live; noticing that others do not.

use std::time::{Duration, Instant};

use rand::Rng;

use super::{super::local_members::Sent, Hub, Incarnation, SyncState, boottime::boottime};
use crate::{
    backplane::{Heartbeat, HeartbeatError, HeartbeatReply, IncarnationId, ReapOutcome, Unavailable},
    protocol::Bye,
    room::{Ending, Farewell},
};

/// When things last happened that happen again and again while all is well.
#[derive(Debug)]
pub(super) struct HeartbeatTimers {
    /// How often to beat when nothing changes.
    every: Duration,
    beating: bool,
    beaten: Option<Instant>,
    answered: Option<Instant>,
    heard: Option<Instant>,
    /// Whether a beat was heard since the subscription last began.
    echoed: bool,
    /// To beat as soon as that is possible, to hear it.
    call: bool,
    /// Since boot: a machine that was suspended has stood still too.
    ticked: Duration,
    reaping: bool,
    /// A beat has said that we go.
    farewell: bool,
}

/// Beats that may go missing before something is taken to be wrong.
const MISSING: u32 = 2;
/// Time beyond the beats' own rhythm that an answer, or the echo of a beat, may take.
const SLACK: Duration = Duration::from_millis(500);

impl HeartbeatTimers {
    pub(super) fn new(every: Duration) -> Self {
        Self {
            every,
            beating: false,
            beaten: None,
            answered: None,
            heard: None,
            echoed: false,
            call: false,
            ticked: boottime(),
            reaping: false,
            farewell: false,
        }
    }

    /// Whether a beat was answered lately.
    pub(super) fn is_answered(&self, now: Instant) -> bool {
        self.is_recent(self.answered, now)
    }

    /// Whether our own beat was heard lately: the way from anybody's writing to our hearing is whole.
    pub(super) fn is_heard(&self, now: Instant) -> bool {
        self.is_recent(self.heard, now)
    }

    /// Whether it is known to be heard, rather than only said by a subscription that began.
    pub(super) fn is_echoed(&self, now: Instant) -> bool {
        self.echoed && self.is_heard(now)
    }

    pub(super) fn note_heard(&mut self, now: Instant) {
        self.heard = Some(now);
        self.echoed = true;
    }

    /// A subscription begins: it has yet to prove itself.
    pub(super) fn note_gap(&mut self) {
        self.echoed = false;
        self.call = true;
    }

    /// The room was read: our beats are given the usual time to be heard from now on.
    pub(super) fn note_read(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// Whether more time has passed since the last tick than a lease lasts. Asked at every tick.
    /// `now` is the time since boot.
    pub(super) fn has_stalled(&mut self, now: Duration, lease: Duration) -> bool {
        now.saturating_sub(std::mem::replace(&mut self.ticked, now)) >= lease
    }

    fn is_recent(&self, last: Option<Instant>, now: Instant) -> bool {
        last.is_some_and(|last| now.duration_since(last) <= self.every * MISSING + SLACK)
    }
}

impl Hub {
    /// Beats if there is anything to tell, or if it is time.
    pub(super) fn beat_if_due(&mut self, now: Instant) {
        let due = self.heartbeats.beaten.is_none_or(|last| now.duration_since(last) >= self.heartbeats.every);
        if due || self.heartbeats.call || self.has_changes(now) {
            self.heartbeat(now);
        }
    }

    /// Beats now, unless a beat is under way.
    pub(super) fn heartbeat(&mut self, now: Instant) {
        if self.heartbeats.beating || self.drained {
            return;
        }
        let mut sent = self.local_members.changes(now, self.options.name_hold / 3).unwrap_or_default();
        if self.draining.is_some() {
            // Whoever is leaving is left to the lease: they may be on their way to another instance.
            sent.dels.clear();
        }
        self.heartbeats.beating = true;
        self.heartbeats.call = false;
        self.heartbeats.beaten = Some(now);
        self.heartbeats.farewell = self.draining.is_some();
        let Sent { adds, renewals, dels } = sent;
        let incarnation = self.incarnation.incarnation.clone();
        let heartbeat_seq = self.incarnation.next_heartbeat_seq();
        self.send_beat(Heartbeat {
            incarnation,
            heartbeat_seq,
            draining: self.draining.is_some(),
            adds,
            renewals,
            dels,
        });
    }

    pub(super) fn take_beat(
        &mut self,
        incarnation: &IncarnationId,
        sent: &Sent,
        result: Result<HeartbeatReply, HeartbeatError>,
        now: Instant,
    ) {
        self.heartbeats.beating = false;
        // An answer to a former life says nothing of this one.
        if *incarnation == self.incarnation.incarnation {
            self.take_own_beat(sent, result, now);
        }
        if self.heartbeats.farewell {
            self.hand_over();
        } else if self.draining.is_some() {
            self.heartbeat(now);
        }
    }

    fn take_own_beat(&mut self, sent: &Sent, result: Result<HeartbeatReply, HeartbeatError>, now: Instant) {
        match result {
            Ok(beaten) => self.take_beaten(sent, &beaten, now),
            Err(HeartbeatError::Gone { epoch }) if self.incarnation.epoch == Some(epoch) => {
                self.start_anew("this instance was taken for dead");
            }
            Err(HeartbeatError::Gone { .. }) => self.live_again(),
            Err(HeartbeatError::Stale | HeartbeatError::Unavailable(Unavailable)) => {}
        }
    }

    /// A new life under the same people: the backplane may have forgotten, or remember wrongly, what we hold.
    /// The old lease runs out by itself, and releases nobody whom the new one holds.
    /// Sessions may be forgotten too: they are looked up.
    pub(super) fn live_again(&mut self) {
        self.incarnation = Incarnation::new(IncarnationId::random());
        self.local_members.tell_again();
        self.shared.tell_ending(Ending::Any);
        self.fanout.recheck();
    }

    /// A new life without people: others have taken ours over, or will.
    pub(super) fn start_anew(&mut self, why: &str) {
        tracing::warn!(connections = self.clients.len(), "starting anew: {why}");
        self.close_all();
        self.local_members.clear();
        self.live_again();
    }

    /// Declares dead whoever is, one at a time.
    fn reap_one(&mut self) {
        if self.heartbeats.reaping || self.draining.is_some() || self.drained {
            return;
        }
        if let Some((incarnation, heartbeat_seq)) = self.failure_detector.dead(&self.incarnation.incarnation) {
            tracing::info!(incarnation = incarnation.as_str(), "an instance fell silent: releasing its people");
            self.heartbeats.reaping = true;
            self.send_reap(incarnation, heartbeat_seq);
        }
    }

    pub(super) fn take_reap(&mut self, incarnation: &IncarnationId, result: Result<ReapOutcome, Unavailable>) {
        self.heartbeats.reaping = false;
        if result.is_ok() {
            self.failure_detector.forget(incarnation);
            self.reap_one();
        }
    }

    /// Resubscribes when our own beats are answered but not heard; reads when we are known to be behind.
    pub(super) fn check_hearing(&mut self, now: Instant) {
        match self.hearing {
            SyncState::Synced if self.heartbeats.is_answered(now) && !self.heartbeats.is_heard(now) => {
                tracing::warn!("own beats are answered but not heard: subscribing again");
                self.resubscribe(now);
            }
            SyncState::Synced if self.gap_detector.is_overdue(now) => self.fall_behind(now),
            SyncState::Synced => {}
            SyncState::CatchingUp { .. } => self.read_if_due(now),
            // A subscription that does not begin though commands are answered is tried again.
            SyncState::Unsubscribed { since }
                if self.heartbeats.is_answered(now) && now.duration_since(since) >= self.options.lease =>
            {
                self.resubscribe(now);
            }
            SyncState::Unsubscribed { .. } => {}
        }
    }

    pub(super) fn resubscribe(&mut self, now: Instant) {
        self.events = self.backplane.subscribe();
        self.hearing = SyncState::Unsubscribed { since: now };
        self.shared.set_synced(false);
    }

    fn take_beaten(&mut self, sent: &Sent, beaten: &HeartbeatReply, now: Instant) {
        self.heartbeats.answered = Some(now);
        self.shared.set_beaten(now);
        self.failure_detector.look(&beaten.leases, now);
        self.reap_one();
        self.gap_detector.hear_of(beaten.position, now);
        match self.incarnation.epoch {
            Some(epoch) if epoch != beaten.position.epoch => return self.live_again(),
            Some(_) => {}
            None => {
                self.incarnation.epoch = Some(beaten.position.epoch);
                self.shared.set_incarnation(self.incarnation.incarnation.clone());
            }
        }
        self.local_members.confirm(sent, now);
        for name_key in &beaten.refused {
            if let Some(refused) = sent.adds.iter().chain(&sent.renewals).find(|hold| hold.name_key == *name_key) {
                self.turn_away(refused);
            }
        }
        self.welcome_arrived(now);
        // More waits than one beat carries, or somebody waits at the door.
        if self.has_changes(now) && (sent.len() > 0 || !self.pending_joins.is_empty()) {
            self.heartbeat(now);
        }
    }

    fn has_changes(&mut self, now: Instant) -> bool {
        self.local_members.has_changes(now, self.options.name_hold / 3)
    }

    /// The others know that we go: now everybody is told to.
    fn hand_over(&mut self) {
        self.drained = true;
        if let Some(reply) = self.draining.take() {
            self.close_everybody();
            let _ = reply.send(());
        }
    }

    /// Sends everybody elsewhere, and tells each another time to come back, so that they do not all arrive at once.
    fn close_everybody(&mut self) {
        let mut rng = rand::rng();
        for (connection, _) in self.clients.drain() {
            let retry_after_ms = Some(rng.random_range(100..2000));
            self.fanout.close(connection, Farewell { reason: Bye::Restart, retry_after_ms });
        }
    }

    fn close_all(&mut self) {
        self.close_everybody();
        self.refuse_arriving();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_that_stood_still_for_a_lease_notices_it_once() {
        let (lease, start) = (Duration::from_secs(5), boottime());
        let mut heartbeats = HeartbeatTimers::new(lease / 5);
        assert!(!heartbeats.has_stalled(start + lease / 2, lease));
        assert!(!heartbeats.has_stalled(start + lease, lease));
        assert!(heartbeats.has_stalled(start + lease * 2, lease));
        assert!(!heartbeats.has_stalled(start + lease * 2, lease));
    }
}
