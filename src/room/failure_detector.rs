//! Watches the leases of other incarnations: who has died is seen by everybody, by no clock but one's own.
//!
//! Plain and synchronous.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::backplane::{IncarnationId, Lease, Stage};

/// How long the counter of an incarnation that said goodbye may stand still.
const DRAINING_PATIENCE: Duration = Duration::from_secs(15);

/// What is known of every incarnation's lease.
#[derive(Debug)]
pub struct FailureDetector {
    lease: Duration,
    seen: HashMap<IncarnationId, Seen>,
    last_look: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    heartbeat_seq: u64,
    stage: Stage,
    since: Instant,
}

impl FailureDetector {
    /// Nothing seen yet; an incarnation lives `lease` beyond its last beat.
    pub fn new(lease: Duration) -> Self {
        Self { lease, seen: HashMap::new(), last_look: None }
    }

    /// Takes a look at all leases. If the last look was long ago nothing can be said about the time between: it
    /// may have been the observer that was cut off, so every counter is taken as if first seen now.
    pub fn look(&mut self, leases: &[Lease], now: Instant) {
        let blind = self.last_look.is_none_or(|last| now.duration_since(last) > self.lease / 2);
        self.last_look = Some(now);
        let seen = leases.iter().map(|lease| {
            let unchanged =
                self.seen.get(&lease.incarnation).filter(|seen| !blind && seen.heartbeat_seq == lease.heartbeat_seq);
            let since = unchanged.map_or(now, |seen| seen.since);
            (lease.incarnation.clone(), Seen { heartbeat_seq: lease.heartbeat_seq, stage: lease.stage, since })
        });
        self.seen = seen.collect();
    }

    /// An incarnation, other than `own`, that was dead at the last look, with its last counter. Time that passed
    /// without a look says nothing: while nobody's beats are answered nobody is dead.
    pub fn dead(&self, own: &IncarnationId) -> Option<(IncarnationId, u64)> {
        let now = self.last_look?;
        let is_dead = |seen: &Seen| match seen.stage {
            Stage::Dead => true,
            Stage::Draining => now.duration_since(seen.since) >= DRAINING_PATIENCE,
            Stage::Live => now.duration_since(seen.since) >= self.lease - self.lease / 5,
        };
        self.seen
            .iter()
            .find(|(incarnation, seen)| *incarnation != own && is_dead(seen))
            .map(|(incarnation, seen)| (incarnation.clone(), seen.heartbeat_seq))
    }

    /// Somebody has cleaned up after an incarnation, or it proved to be alive.
    pub fn forget(&mut self, incarnation: &IncarnationId) {
        self.seen.remove(incarnation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(5);

    fn lease(incarnation: &str, heartbeat_seq: u64, stage: Stage) -> Lease {
        Lease { incarnation: incarnation.into(), heartbeat_seq, stage }
    }

    /// Looks once a second for `seconds`, with the other's counter given by `heartbeat_seq`.
    fn watched(seconds: u64, stage: Stage, heartbeat_seq: impl Fn(u64) -> u64) -> Option<(IncarnationId, u64)> {
        let (mut failure_detector, start) = (FailureDetector::new(LEASE), Instant::now());
        for second in 0..=seconds {
            failure_detector.look(&[lease("other", heartbeat_seq(second), stage)], start + Duration::from_secs(second));
        }
        failure_detector.dead(&"own".into())
    }

    #[test]
    fn whoever_beats_lives() {
        assert_eq!(watched(60, Stage::Live, |second| second), None);
    }

    #[test]
    fn whoever_stands_still_is_dead_within_the_lease() {
        assert_eq!(watched(3, Stage::Live, |_| 7), None);
        assert_eq!(watched(4, Stage::Live, |_| 7), Some(("other".into(), 7)));
    }

    #[test]
    fn whoever_said_goodbye_is_given_more_time() {
        assert_eq!(watched(14, Stage::Draining, |_| 7), None);
        assert_eq!(watched(15, Stage::Draining, |_| 7), Some(("other".into(), 7)));
    }

    #[test]
    fn whoever_was_declared_dead_is_finished_by_anybody() {
        assert_eq!(watched(0, Stage::Dead, |_| 7), Some(("other".into(), 7)));
    }

    #[test]
    fn an_observer_that_was_cut_off_itself_begins_anew() {
        let (mut failure_detector, start) = (FailureDetector::new(LEASE), Instant::now());
        failure_detector.look(&[lease("other", 7, Stage::Live)], start);
        let later = start + Duration::from_secs(60);
        failure_detector.look(&[lease("other", 7, Stage::Live)], later);
        assert_eq!(failure_detector.dead(&"own".into()), None);
    }

    #[test]
    fn while_nothing_is_answered_nobody_dies() {
        let (mut failure_detector, start) = (FailureDetector::new(LEASE), Instant::now());
        for (second, heartbeat_seq) in [(0, 7), (1, 8), (20, 8), (21, 9)] {
            failure_detector.look(&[lease("other", heartbeat_seq, Stage::Live)], start + Duration::from_secs(second));
            assert_eq!(failure_detector.dead(&"own".into()), None, "after {second} s");
        }
    }

    #[test]
    fn nobody_declares_themselves_dead() {
        let (mut failure_detector, now) = (FailureDetector::new(LEASE), Instant::now());
        failure_detector.look(&[lease("own", 7, Stage::Dead)], now);
        assert_eq!(failure_detector.dead(&"own".into()), None);
    }
}
