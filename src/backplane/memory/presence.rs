//! Who is in the room, which incarnations say so, and whose the names are.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};

use super::bans::Bans;
use crate::backplane::{
    Beat, BeatError, CHANGES_AT_ONCE, CLOSED, Claim, Delta, Hold, Inc, Keeping, Lease, Person, Present, SessionTag,
    Stage,
};

pub(super) struct Presence {
    version: u64,
    people: BTreeMap<String, Held>,
    leases: BTreeMap<Inc, Lease>,
    claims: Claims,
    pub(super) bans: Bans,
}

struct Held {
    name: String,
    by: BTreeSet<Inc>,
}

/// What a beat changed.
pub(super) struct Changed {
    pub(super) delta: Delta,
    pub(super) refused: Vec<String>,
}

impl Presence {
    pub(super) fn new(keeping: Keeping) -> Self {
        Self {
            version: 0,
            people: BTreeMap::new(),
            leases: BTreeMap::new(),
            bans: Bans::default(),
            claims: Claims { hold: keeping.name_hold, before: keeping.claim(), owners: HashMap::new(), swept: None },
        }
    }

    /// Something changed that is not in the log.
    pub(super) fn raise_version(&mut self) {
        self.version += 1;
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn lives(&self, inc: &Inc) -> bool {
        self.leases.get(inc).is_some_and(|lease| lease.stage != Stage::Reaped)
    }

    pub(super) fn leases(&self) -> Vec<Lease> {
        self.leases.values().cloned().collect()
    }

    pub(super) fn people(&self) -> Vec<Present> {
        let present = |(who, held): (&String, &Held)| Present {
            who: who.clone(),
            name: held.name.clone(),
            held_by: held.by.iter().cloned().collect(),
        };
        self.people.iter().map(present).collect()
    }

    pub(super) fn beat(&mut self, beat: Beat, epoch: u64, now_ms: u64, now: Instant) -> Result<Changed, BeatError> {
        self.renew(&beat, epoch)?;
        let mut changed = Changed { delta: Delta::default(), refused: vec![] };
        for hold in beat.adds {
            let banned = self.bans.left(&hold.who, now_ms).is_some();
            if banned || self.owned_by_another(&hold.who, &hold.session, now) {
                changed.refused.push(hold.who);
            } else {
                self.claims.renew(&hold.who, &hold.session, now);
                changed.delta.joined.extend(self.hold(hold, &beat.inc));
            }
        }
        for hold in beat.dels {
            self.claims.renew_own(&hold.who, &hold.session, now);
            changed.delta.left.extend(self.release(&hold.who, &beat.inc));
        }
        self.count(&changed.delta);
        Ok(changed)
    }

    /// Marks an incarnation as dead; false if it has beaten since `k`.
    pub(super) fn condemn(&mut self, inc: &Inc, k: u64) -> bool {
        let Some(lease) = self.leases.get_mut(inc) else { return true };
        if lease.k != k && lease.stage != Stage::Reaped {
            return false;
        }
        lease.stage = Stage::Reaped;
        true
    }

    /// Releases some of what a dead incarnation held; none once nothing is left of it.
    pub(super) fn release_some(&mut self, inc: &Inc, now: Instant) -> Option<Delta> {
        let held = self.people.iter().filter(|(_, held)| held.by.contains(inc));
        let some: Vec<String> = held.map(|(who, _)| who.clone()).take(CHANGES_AT_ONCE).collect();
        if some.is_empty() {
            self.leases.remove(inc);
            return None;
        }
        for who in &some {
            self.claims.extend(who, now);
        }
        let left = some.iter().filter_map(|who| self.release(who, inc)).collect();
        let delta = Delta { joined: vec![], left };
        self.count(&delta);
        Some(delta)
    }

    /// Ends a session: its person, if it was in the room.
    pub(super) fn end(&mut self, session: &SessionTag, who: &str, now: Instant) -> Vec<Person> {
        if self.claims.owner(who, now) == Some(session) { self.expel(who, now) } else { vec![] }
    }

    /// Whose a name is.
    pub(super) fn owner(&self, who: &str, now: Instant) -> Option<SessionTag> {
        self.claims.owner(who, now).cloned()
    }

    /// Ends whichever session has a name: its person, if it was in the room.
    pub(super) fn expel(&mut self, who: &str, now: Instant) -> Vec<Person> {
        if self.claims.owner(who, now).is_some() || self.people.contains_key(who) {
            self.claims.close(who, now);
        }
        let left: Vec<Person> =
            self.people.remove(who).map(|held| Person { who: who.to_owned(), name: held.name }).into_iter().collect();
        self.count(&Delta { joined: vec![], left: left.clone() });
        left
    }

    pub(super) fn claim(&mut self, who: &str, session: &SessionTag, now_ms: u64, now: Instant) -> Claim {
        if let Some(left) = self.bans.left(who, now_ms) {
            return Claim::Banned(left);
        }
        let free = match self.claims.owner(who, now) {
            Some(owner) => owner == session,
            // Somebody in the room keeps their name even if the claim was lost.
            None => !self.people.contains_key(who),
        };
        if !free {
            return Claim::Held;
        }
        self.claims.take(who, session, now);
        Claim::Mine
    }

    pub(super) fn owned_by_another(&self, who: &str, session: &SessionTag, now: Instant) -> bool {
        self.claims.current(who, now).is_some_and(|owner| owner.as_ref() != Some(session))
    }

    fn renew(&mut self, beat: &Beat, epoch: u64) -> Result<(), BeatError> {
        let stage = if beat.draining { Stage::Draining } else { Stage::Live };
        match self.leases.get_mut(&beat.inc) {
            Some(lease) if lease.stage == Stage::Reaped => return Err(BeatError::Gone { epoch }),
            Some(lease) if beat.k <= lease.k => return Err(BeatError::Stale),
            Some(lease) => (lease.k, lease.stage) = (beat.k, stage),
            None if beat.k > 1 => return Err(BeatError::Gone { epoch }),
            None => {
                self.leases.insert(beat.inc.clone(), Lease { inc: beat.inc.clone(), k: beat.k, stage });
            }
        }
        Ok(())
    }

    /// The person, if this was their first arrival. Whoever is here has moved on from incarnations that drain.
    fn hold(&mut self, hold: Hold, inc: &Inc) -> Option<Person> {
        let held = self.people.entry(hold.who.clone()).or_insert_with(|| Held { name: hold.name, by: BTreeSet::new() });
        let first = held.by.is_empty();
        let leases = &self.leases;
        held.by.retain(|other| leases.get(other).is_none_or(|lease| lease.stage != Stage::Draining));
        held.by.insert(inc.clone());
        first.then(|| Person { who: hold.who, name: held.name.clone() })
    }

    /// The person, if this was their last departure.
    fn release(&mut self, who: &str, inc: &Inc) -> Option<Person> {
        let held = self.people.get_mut(who)?;
        held.by.remove(inc);
        if !held.by.is_empty() {
            return None;
        }
        let (who, held) = self.people.remove_entry(who)?;
        Some(Person { who, name: held.name })
    }

    fn count(&mut self, delta: &Delta) {
        if *delta != Delta::default() {
            self.version += 1;
        }
    }
}

/// Which session a name belongs to, and until when.
struct Claims {
    hold: Duration,
    before: Duration,
    /// No session owns a name whose session has just ended.
    owners: HashMap<String, (Option<SessionTag>, Instant)>,
    swept: Option<Instant>,
}

impl Claims {
    fn owner(&self, who: &str, now: Instant) -> Option<&SessionTag> {
        self.current(who, now)?.as_ref()
    }

    fn current(&self, who: &str, now: Instant) -> Option<&Option<SessionTag>> {
        self.owners.get(who).filter(|(_, until)| now < *until).map(|(owner, _)| owner)
    }

    fn close(&mut self, who: &str, now: Instant) {
        self.owners.insert(who.to_owned(), (None, now + CLOSED));
    }

    fn renew(&mut self, who: &str, session: &SessionTag, now: Instant) {
        self.sweep(now);
        self.owners.insert(who.to_owned(), (Some(session.clone()), now + self.hold));
    }

    /// For somebody who has yet to come in. Never shortens what is theirs for longer.
    fn take(&mut self, who: &str, session: &SessionTag, now: Instant) {
        self.sweep(now);
        let held = self.owners.get(who).filter(|(owner, _)| owner.as_ref() == Some(session)).map(|(_, until)| *until);
        let until = held.map_or(now + self.before, |until| until.max(now + self.before));
        self.owners.insert(who.to_owned(), (Some(session.clone()), until));
    }

    fn renew_own(&mut self, who: &str, session: &SessionTag, now: Instant) {
        if self.owner(who, now) == Some(session) {
            self.renew(who, session, now);
        }
    }

    fn extend(&mut self, who: &str, now: Instant) {
        if let Some((Some(_), until)) = self.owners.get_mut(who) {
            *until = now + self.hold;
        }
    }

    /// Forgets expired claims, at most once in the time that one is held.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.duration_since(swept) >= self.hold) {
            self.owners.retain(|_, (_, until)| now < *until);
            self.swept = Some(now);
        }
    }
}
