//! Watches the leases of other incarnations: who has died is seen by everybody, by no clock but one's own.
//!
//! Plain and synchronous.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::backplane::{Inc, Lease, Stage};

/// How long the counter of an incarnation that said goodbye may stand still.
const DRAINING_PATIENCE: Duration = Duration::from_secs(15);

/// What is known of every incarnation's lease.
#[derive(Debug)]
pub struct Watch {
    lease: Duration,
    seen: HashMap<Inc, Seen>,
    last_look: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    k: u64,
    stage: Stage,
    since: Instant,
}

impl Watch {
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
            let unchanged = self.seen.get(&lease.inc).filter(|seen| !blind && seen.k == lease.k);
            let since = unchanged.map_or(now, |seen| seen.since);
            (lease.inc.clone(), Seen { k: lease.k, stage: lease.stage, since })
        });
        self.seen = seen.collect();
    }

    /// An incarnation, other than `own`, that is dead at `now`, with its last counter. Whoever has not had a look for
    /// two beats cannot tell the others' silence from their own: they declare nobody dead, not even to be heard later.
    pub fn dead(&self, own: &Inc, now: Instant) -> Option<(Inc, u64)> {
        if self.last_look.is_none_or(|last| now.duration_since(last) > self.lease * 2 / 5) {
            return None;
        }
        let is_dead = |seen: &Seen| match seen.stage {
            Stage::Reaped => true,
            Stage::Draining => now.duration_since(seen.since) >= DRAINING_PATIENCE,
            Stage::Live => now.duration_since(seen.since) >= self.lease - self.lease / 5,
        };
        self.seen.iter().find(|(inc, seen)| *inc != own && is_dead(seen)).map(|(inc, seen)| (inc.clone(), seen.k))
    }

    /// Somebody has cleaned up after an incarnation, or it proved to be alive.
    pub fn forget(&mut self, inc: &Inc) {
        self.seen.remove(inc);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(5);

    fn lease(inc: &str, k: u64, stage: Stage) -> Lease {
        Lease { inc: inc.into(), k, stage }
    }

    /// Looks once a second for `seconds`, with the other's counter given by `k`.
    fn watched(seconds: u64, stage: Stage, k: impl Fn(u64) -> u64) -> Option<(Inc, u64)> {
        let (mut watch, start) = (Watch::new(LEASE), Instant::now());
        for second in 0..=seconds {
            watch.look(&[lease("other", k(second), stage)], start + Duration::from_secs(second));
        }
        watch.dead(&"own".into(), start + Duration::from_secs(seconds))
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
        assert_eq!(watched(0, Stage::Reaped, |_| 7), Some(("other".into(), 7)));
    }

    #[test]
    fn an_observer_that_was_cut_off_itself_begins_anew() {
        let (mut watch, start) = (Watch::new(LEASE), Instant::now());
        watch.look(&[lease("other", 7, Stage::Live)], start);
        let later = start + Duration::from_secs(60);
        watch.look(&[lease("other", 7, Stage::Live)], later);
        assert_eq!(watch.dead(&"own".into(), later), None);
    }

    #[test]
    fn while_the_backplane_is_away_nobody_is_declared_dead() {
        let (mut watch, start) = (Watch::new(LEASE), Instant::now());
        for second in 0..=1 {
            watch.look(&[lease("other", 7, Stage::Live)], start + Duration::from_secs(second));
        }
        for second in 4..60 {
            assert_eq!(watch.dead(&"own".into(), start + Duration::from_secs(second)), None);
        }
    }

    #[test]
    fn nobody_declares_themselves_dead() {
        let (mut watch, now) = (Watch::new(LEASE), Instant::now());
        watch.look(&[lease("own", 7, Stage::Reaped)], now);
        assert_eq!(watch.dead(&"own".into(), now), None);
    }
}
