//! Detects dead incarnations by their leases. Each observer uses its own clock only.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::backplane::{IncarnationId, Lease, Stage};

/// How long the counter of a draining incarnation may stand still.
const DRAIN_TIME: Duration = Duration::from_secs(15);

/// The last observation of every incarnation's lease.
#[derive(Debug)]
pub(super) struct FailureDetector {
    lease: Duration,
    peers: BTreeMap<IncarnationId, Observation>,
    observed_at: Option<Instant>,
    /// An epoch has begun since the last observation.
    is_new_epoch: bool,
}

#[derive(Clone, Copy, Debug)]
struct Observation {
    heartbeat_seq: u64,
    stage: Stage,
    unchanged_since: Instant,
}

impl FailureDetector {
    /// No observations. An incarnation lives for `lease` after its last heartbeat.
    pub(super) fn new(lease: Duration) -> Self {
        Self { lease, peers: BTreeMap::new(), observed_at: None, is_new_epoch: false }
    }

    /// Redis was perhaps rolled back: counters say nothing about the time before. The incarnations there are of the former
    /// epoch, and each has a whole lease for its instance to begin another.
    pub(super) fn begin_epoch(&mut self) {
        (self.observed_at, self.is_new_epoch) = (None, true);
    }

    /// Observes all leases. After a long time without observations every counter counts as new: perhaps only this observer
    /// was disconnected.
    pub(super) fn observe(&mut self, leases: &[Lease], now: Instant) {
        let is_first = self.observed_at.is_none_or(|at| now.duration_since(at) > self.lease / 2);
        self.observed_at = Some(now);
        let first_at = if std::mem::take(&mut self.is_new_epoch) { now + self.lease / 5 } else { now };
        let observations = leases.iter().map(|Lease { incarnation, heartbeat_seq, stage }| {
            let before = self.peers.get(incarnation).filter(|peer| !is_first && peer.heartbeat_seq == *heartbeat_seq);
            let unchanged_since = before.map_or(first_at, |peer| peer.unchanged_since);
            (incarnation.clone(), Observation { heartbeat_seq: *heartbeat_seq, stage: *stage, unchanged_since })
        });
        self.peers = observations.collect();
    }

    /// Returns an incarnation other than `own` that was dead at the last observation, and its counter. Time since then does
    /// not count: while our heartbeats fail, no incarnation dies.
    pub(super) fn dead(&self, own: &IncarnationId) -> Option<(IncarnationId, u64)> {
        let now = self.observed_at?;
        let is_dead = |peer: &Observation| self.dies_at(peer) <= now;
        let (incarnation, peer) = self.peers.iter().find(|(incarnation, peer)| *incarnation != own && is_dead(peer))?;
        Some((incarnation.clone(), peer.heartbeat_seq))
    }

    /// Whether an incarnation other than `own` may have died since the last observation. To observe again only at the next
    /// interval would show its people for that much longer.
    pub(super) fn needs_observation(&self, own: &IncarnationId, now: Instant) -> bool {
        let Some(observed_at) = self.observed_at else { return false };
        let is_new = |at: Instant| observed_at < at && at <= now;
        self.peers.iter().any(|(incarnation, peer)| incarnation != own && is_new(self.dies_at(peer)))
    }

    fn dies_at(&self, peer: &Observation) -> Instant {
        match peer.stage {
            Stage::Dead => peer.unchanged_since,
            Stage::Draining => peer.unchanged_since + DRAIN_TIME,
            // The counter may have stood still since up to one interval (a fifth) before it was first observed.
            Stage::Live => peer.unchanged_since + (self.lease - self.lease / 5),
        }
    }

    /// Forgets an incarnation that was reaped, or proved to be alive.
    pub(super) fn forget(&mut self, incarnation: &IncarnationId) {
        self.peers.remove(incarnation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(5);

    fn lease(incarnation: &str, heartbeat_seq: u64, stage: Stage) -> Lease {
        Lease { incarnation: incarnation.into(), heartbeat_seq, stage }
    }

    /// Observes once per second for `seconds`; `heartbeat_seq` is the other's counter at each second.
    fn dead_after(seconds: u64, stage: Stage, heartbeat_seq: impl Fn(u64) -> u64) -> Option<(IncarnationId, u64)> {
        let (mut detector, start) = (FailureDetector::new(LEASE), Instant::now());
        for second in 0..=seconds {
            detector.observe(&[lease("other", heartbeat_seq(second), stage)], start + Duration::from_secs(second));
        }
        detector.dead(&"own".into())
    }

    #[test]
    fn peer_whose_counter_grows_is_alive() {
        assert_eq!(dead_after(60, Stage::Live, |second| second), None);
    }

    #[test]
    fn peer_whose_counter_stands_still_dies_within_a_lease() {
        assert_eq!(dead_after(3, Stage::Live, |_| 7), None);
        assert_eq!(dead_after(4, Stage::Live, |_| 7), Some(("other".into(), 7)));
    }

    #[test]
    fn draining_peer_has_more_time() {
        assert_eq!(dead_after(14, Stage::Draining, |_| 7), None);
        assert_eq!(dead_after(15, Stage::Draining, |_| 7), Some(("other".into(), 7)));
    }

    #[test]
    fn peer_already_declared_dead_is_dead_at_once() {
        assert_eq!(dead_after(0, Stage::Dead, |_| 7), Some(("other".into(), 7)));
    }

    #[test]
    fn observer_that_was_disconnected_begins_anew() {
        let (mut detector, start) = (FailureDetector::new(LEASE), Instant::now());
        detector.observe(&[lease("other", 7, Stage::Live)], start);
        detector.observe(&[lease("other", 7, Stage::Live)], start + Duration::from_secs(60));
        assert_eq!(detector.dead(&"own".into()), None);
    }

    #[test]
    fn after_a_change_of_epoch_peers_have_a_whole_lease() {
        let (mut detector, start) = (FailureDetector::new(LEASE), Instant::now());
        detector.observe(&[lease("other", 7, Stage::Live)], start);
        detector.observe(&[lease("other", 7, Stage::Live)], start + Duration::from_secs(2));
        detector.begin_epoch();
        let second = |second| start + Duration::from_secs(second);
        for at in 3..=7 {
            detector.observe(&[lease("other", 7, Stage::Live)], second(at));
            assert_eq!(detector.dead(&"own".into()), None, "after {} s", at - 3);
        }
        detector.observe(&[lease("other", 7, Stage::Live)], second(8));
        assert_eq!(detector.dead(&"own".into()), Some(("other".into(), 7)));
    }

    #[test]
    fn while_heartbeats_fail_no_peer_dies() {
        let (mut detector, start) = (FailureDetector::new(LEASE), Instant::now());
        for (second, heartbeat_seq) in [(0, 7), (1, 8), (20, 8), (21, 9)] {
            detector.observe(&[lease("other", heartbeat_seq, Stage::Live)], start + Duration::from_secs(second));
            assert_eq!(detector.dead(&"own".into()), None, "after {second} s");
        }
    }

    #[test]
    fn own_incarnation_is_never_dead() {
        let (mut detector, now) = (FailureDetector::new(LEASE), Instant::now());
        detector.observe(&[lease("own", 7, Stage::Dead)], now);
        assert_eq!(detector.dead(&"own".into()), None);
    }
}
