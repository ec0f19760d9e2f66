//! Who is in the room, which incarnations say so, and whose the names are.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};

use super::bans::Bans;
use crate::{
    backplane::{
        CHANGES_AT_ONCE, CLOSED, Claim, Delta, Heartbeat, HeartbeatError, IncarnationId, Lease, Member, Person,
        Present, RetentionPolicy, SessionTag, Stage,
    },
    name::NameKey,
};

pub(super) struct Presence {
    version: u64,
    people: BTreeMap<NameKey, Held>,
    leases: BTreeMap<IncarnationId, Lease>,
    claims: Claims,
    pub(super) bans: Bans,
}

struct Held {
    name: String,
    by: BTreeSet<IncarnationId>,
}

/// What a beat changed.
pub(super) struct Changed {
    pub(super) delta: Delta,
    pub(super) refused: Vec<NameKey>,
}

impl Presence {
    pub(super) fn new(keeping: RetentionPolicy) -> Self {
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

    pub(super) fn lives(&self, incarnation: &IncarnationId) -> bool {
        self.leases.get(incarnation).is_some_and(|lease| lease.stage != Stage::ReapOutcome)
    }

    pub(super) fn leases(&self) -> Vec<Lease> {
        self.leases.values().cloned().collect()
    }

    pub(super) fn people(&self) -> Vec<Present> {
        let present = |(name_key, held): (&NameKey, &Held)| Present {
            name_key: name_key.clone(),
            name: held.name.clone(),
            held_by: held.by.iter().cloned().collect(),
        };
        self.people.iter().map(present).collect()
    }

    pub(super) fn heartbeat(
        &mut self,
        beat: Heartbeat,
        epoch: u64,
        now_ms: u64,
        now: Instant,
    ) -> Result<Changed, HeartbeatError> {
        self.renew(&beat, epoch)?;
        let mut changed = Changed { delta: Delta::default(), refused: vec![] };
        for hold in beat.adds {
            let banned = self.bans.left(&hold.name_key, now_ms).is_some();
            if banned || self.owned_by_another(&hold.name_key, &hold.session, now) {
                changed.refused.push(hold.name_key);
            } else {
                self.claims.renew(&hold.name_key, &hold.session, now);
                changed.delta.joined.extend(self.hold(hold, &beat.incarnation));
            }
        }
        for hold in beat.dels {
            self.claims.renew_own(&hold.name_key, &hold.session, now);
            changed.delta.left.extend(self.release(&hold.name_key, &beat.incarnation));
        }
        self.count(&changed.delta);
        Ok(changed)
    }

    /// Marks an incarnation as dead; false if it has beaten since `heartbeat_seq`.
    pub(super) fn condemn(&mut self, incarnation: &IncarnationId, heartbeat_seq: u64) -> bool {
        let Some(lease) = self.leases.get_mut(incarnation) else { return true };
        if lease.heartbeat_seq != heartbeat_seq && lease.stage != Stage::ReapOutcome {
            return false;
        }
        lease.stage = Stage::ReapOutcome;
        true
    }

    /// Releases some of what a dead incarnation held; none once nothing is left of it.
    pub(super) fn release_some(&mut self, incarnation: &IncarnationId, now: Instant) -> Option<Delta> {
        let held = self.people.iter().filter(|(_, held)| held.by.contains(incarnation));
        let some: Vec<NameKey> = held.map(|(name_key, _)| name_key.clone()).take(CHANGES_AT_ONCE).collect();
        if some.is_empty() {
            self.leases.remove(incarnation);
            return None;
        }
        for name_key in &some {
            self.claims.extend(name_key, now);
        }
        let left = some.iter().filter_map(|name_key| self.release(name_key, incarnation)).collect();
        let delta = Delta { joined: vec![], left };
        self.count(&delta);
        Some(delta)
    }

    /// Ends a session: its person, if it was in the room.
    pub(super) fn end(&mut self, session: &SessionTag, name_key: &NameKey, now: Instant) -> Vec<Member> {
        if self.claims.owner(name_key, now) == Some(session) { self.expel(name_key, now) } else { vec![] }
    }

    /// Whose a name is.
    pub(super) fn owner(&self, name_key: &NameKey, now: Instant) -> Option<SessionTag> {
        self.claims.owner(name_key, now).cloned()
    }

    /// Ends whichever session has a name: its person, if it was in the room.
    pub(super) fn expel(&mut self, name_key: &NameKey, now: Instant) -> Vec<Member> {
        if self.claims.owner(name_key, now).is_some() || self.people.contains_key(name_key) {
            self.claims.close(name_key, now);
        }
        let left: Vec<Member> = self
            .people
            .remove(name_key)
            .map(|held| Member { name_key: name_key.to_owned(), name: held.name })
            .into_iter()
            .collect();
        self.count(&Delta { joined: vec![], left: left.clone() });
        left
    }

    pub(super) fn claim(&mut self, name_key: &NameKey, session: &SessionTag, now_ms: u64, now: Instant) -> Claim {
        if let Some(left) = self.bans.left(name_key, now_ms) {
            return Claim::Banned(left);
        }
        let free = match self.claims.owner(name_key, now) {
            Some(owner) => owner == session,
            // Somebody in the room keeps their name even if the claim was lost.
            None => !self.people.contains_key(name_key),
        };
        if !free {
            return Claim::Held;
        }
        self.claims.take(name_key, session, now);
        Claim::Mine
    }

    pub(super) fn owned_by_another(&self, name_key: &NameKey, session: &SessionTag, now: Instant) -> bool {
        self.claims.current(name_key, now).is_some_and(|owner| owner.as_ref() != Some(session))
    }

    fn renew(&mut self, beat: &Heartbeat, epoch: u64) -> Result<(), HeartbeatError> {
        let stage = if beat.draining { Stage::Draining } else { Stage::Live };
        match self.leases.get_mut(&beat.incarnation) {
            Some(lease) if lease.stage == Stage::ReapOutcome => return Err(HeartbeatError::Gone { epoch }),
            Some(lease) if beat.heartbeat_seq <= lease.heartbeat_seq => return Err(HeartbeatError::Stale),
            Some(lease) => (lease.heartbeat_seq, lease.stage) = (beat.heartbeat_seq, stage),
            None if beat.heartbeat_seq > 1 => return Err(HeartbeatError::Gone { epoch }),
            None => {
                self.leases.insert(
                    beat.incarnation.clone(),
                    Lease { incarnation: beat.incarnation.clone(), heartbeat_seq: beat.heartbeat_seq, stage },
                );
            }
        }
        Ok(())
    }

    /// The person, if this was their first arrival. Whoever is here has moved on from incarnations that drain.
    fn hold(&mut self, hold: Person, incarnation: &IncarnationId) -> Option<Member> {
        let held =
            self.people.entry(hold.name_key.clone()).or_insert_with(|| Held { name: hold.name, by: BTreeSet::new() });
        let first = held.by.is_empty();
        let leases = &self.leases;
        held.by.retain(|other| leases.get(other).is_none_or(|lease| lease.stage != Stage::Draining));
        held.by.insert(incarnation.clone());
        first.then(|| Member { name_key: hold.name_key, name: held.name.clone() })
    }

    /// The person, if this was their last departure.
    fn release(&mut self, name_key: &NameKey, incarnation: &IncarnationId) -> Option<Member> {
        let held = self.people.get_mut(name_key)?;
        held.by.remove(incarnation);
        if !held.by.is_empty() {
            return None;
        }
        let (name_key, held) = self.people.remove_entry(name_key)?;
        Some(Member { name_key, name: held.name })
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
    owners: HashMap<NameKey, (Option<SessionTag>, Instant)>,
    swept: Option<Instant>,
}

impl Claims {
    fn owner(&self, name_key: &NameKey, now: Instant) -> Option<&SessionTag> {
        self.current(name_key, now)?.as_ref()
    }

    fn current(&self, name_key: &NameKey, now: Instant) -> Option<&Option<SessionTag>> {
        self.owners.get(name_key).filter(|(_, until)| now < *until).map(|(owner, _)| owner)
    }

    fn close(&mut self, name_key: &NameKey, now: Instant) {
        self.owners.insert(name_key.to_owned(), (None, now + CLOSED));
    }

    fn renew(&mut self, name_key: &NameKey, session: &SessionTag, now: Instant) {
        self.sweep(now);
        self.owners.insert(name_key.to_owned(), (Some(session.clone()), now + self.hold));
    }

    /// For somebody who has yet to come in. Never shortens what is theirs for longer.
    fn take(&mut self, name_key: &NameKey, session: &SessionTag, now: Instant) {
        self.sweep(now);
        let held =
            self.owners.get(name_key).filter(|(owner, _)| owner.as_ref() == Some(session)).map(|(_, until)| *until);
        let until = held.map_or(now + self.before, |until| until.max(now + self.before));
        self.owners.insert(name_key.to_owned(), (Some(session.clone()), until));
    }

    fn renew_own(&mut self, name_key: &NameKey, session: &SessionTag, now: Instant) {
        if self.owner(name_key, now) == Some(session) {
            self.renew(name_key, session, now);
        }
    }

    fn extend(&mut self, name_key: &NameKey, now: Instant) {
        if let Some((Some(_), until)) = self.owners.get_mut(name_key) {
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
