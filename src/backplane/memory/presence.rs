//! People in the room, the incarnations that hold them, and the claims of names.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    time::Instant,
};

use super::{addresses::LastAddresses, bans::Bans, claims::Claims};
use crate::{
    address::AddressHash,
    backplane::{
        CHANGES_AT_ONCE, Claim, Delta, Heartbeat, HeartbeatError, IncarnationId, Lease, Member, PEOPLE_AT_ONCE, Person,
        Present, RetentionPolicy, SessionTag, SnapshotPeople, Stage,
    },
    name::NameKey,
};

#[derive(Clone)]
pub(super) struct Presence {
    version: u64,
    people: BTreeMap<NameKey, Holders>,
    /// The address of each person's client, by the incarnation that holds them. As in Redis, a person whose session was ended
    /// stays here until their incarnation releases them.
    held: BTreeMap<IncarnationId, BTreeMap<NameKey, Option<AddressHash>>>,
    leases: BTreeMap<IncarnationId, Lease>,
    claims: Claims,
    pub(super) bans: Bans,
    last_addresses: LastAddresses,
}

/// The name of a person as shown, and the incarnations that hold them.
#[derive(Clone)]
struct Holders {
    name: String,
    incarnations: BTreeSet<IncarnationId>,
}

impl Presence {
    pub(super) fn new(policy: RetentionPolicy) -> Self {
        Self {
            version: 0,
            people: BTreeMap::new(),
            held: BTreeMap::new(),
            leases: BTreeMap::new(),
            claims: Claims::new(policy),
            bans: Bans::default(),
            last_addresses: LastAddresses::default(),
        }
    }

    /// Counts a change that is not in the log.
    pub(super) fn raise_version(&mut self) {
        self.version += 1;
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn is_live(&self, incarnation: &IncarnationId) -> bool {
        self.leases.get(incarnation).is_some_and(|lease| lease.stage != Stage::Dead)
    }

    pub(super) fn leases(&self) -> Vec<Lease> {
        self.leases.values().cloned().collect()
    }

    /// The people, as a snapshot has them.
    pub(super) fn snapshot(&self) -> SnapshotPeople {
        match self.people.len() {
            ..=PEOPLE_AT_ONCE => SnapshotPeople::All(self.portion(None).0),
            many => SnapshotPeople::Many(many),
        }
    }

    /// Some of the people: those after a name key, and the last one of them if more follow.
    pub(super) fn portion(&self, after: Option<&NameKey>) -> (Vec<Present>, Option<NameKey>) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let present = |(name_key, holders): (&NameKey, &Holders)| Present {
            member: Member { name_key: name_key.clone(), name: holders.name.clone() },
            held_by: holders.incarnations.iter().cloned().collect(),
        };
        let people: Vec<Present> =
            self.people.range::<NameKey, _>((from, Bound::Unbounded)).take(PEOPLE_AT_ONCE).map(present).collect();
        let last = people.last().filter(|_| people.len() == PEOPLE_AT_ONCE);
        let next = last.map(|present| present.member.name_key.clone());
        (people, next)
    }

    /// Renews a lease. Returns the people who joined and left, and the names that were refused.
    pub(super) fn heartbeat(
        &mut self,
        heartbeat: Heartbeat,
        epoch: u64,
        now_ms: u64,
        now: Instant,
    ) -> Result<(Delta, Vec<NameKey>), HeartbeatError> {
        self.renew(&heartbeat, epoch)?;
        let (mut delta, mut refused) = (Delta::default(), vec![]);
        let adds = heartbeat.adds.into_iter().map(|person| (person, false));
        for (person, is_renewal) in adds.chain(heartbeat.renewals.into_iter().map(|person| (person, true))) {
            let is_banned = self.bans.left(&person, now_ms).is_some();
            let has_ended = is_renewal && !self.may_act(&person, &heartbeat.incarnation, now);
            if is_banned || has_ended || self.is_excluded(&person, now) {
                refused.push(person.name_key);
            } else {
                self.claims.renew(&person.name_key, &person.session, now);
                delta.joined.extend(self.hold(person, &heartbeat.incarnation));
            }
        }
        for person in heartbeat.dels {
            self.claims.renew_own(&person.name_key, &person.session, now);
            delta.left.extend(self.release(&person.name_key, &heartbeat.incarnation, now));
        }
        self.count(&delta);
        Ok((delta, refused))
    }

    /// Marks an incarnation as dead. Returns false if it has renewed its lease since `heartbeat_seq`.
    pub(super) fn declare_dead(&mut self, incarnation: &IncarnationId, heartbeat_seq: u64) -> bool {
        let Some(lease) = self.leases.get_mut(incarnation) else { return true };
        if lease.heartbeat_seq != heartbeat_seq && lease.stage != Stage::Dead {
            return false;
        }
        lease.stage = Stage::Dead;
        true
    }

    /// Releases some of the people of a dead incarnation. Returns none once it holds no one.
    pub(super) fn release_some(&mut self, incarnation: &IncarnationId, now: Instant) -> Option<Delta> {
        let held = self.held.get(incarnation).into_iter().flat_map(BTreeMap::keys);
        let some: Vec<NameKey> = held.take(CHANGES_AT_ONCE).cloned().collect();
        if some.is_empty() {
            self.leases.remove(incarnation);
            self.held.remove(incarnation);
            return None;
        }
        for name_key in &some {
            if self.is_held(name_key, incarnation) {
                self.claims.extend(name_key, now);
            }
        }
        let left = some.iter().filter_map(|name_key| self.release(name_key, incarnation, now)).collect();
        let delta = Delta { joined: vec![], left };
        self.count(&delta);
        Some(delta)
    }

    /// Ends a session. Returns its person if they were in the room.
    pub(super) fn end(&mut self, session: &SessionTag, name_key: &NameKey, now: Instant) -> Vec<Member> {
        if self.claims.owner(name_key, now) == Some(session) { self.expel(name_key, now) } else { vec![] }
    }

    /// Returns the session that a name belongs to.
    pub(super) fn owner(&self, name_key: &NameKey, now: Instant) -> Option<SessionTag> {
        self.claims.owner(name_key, now).cloned()
    }

    /// Ends the session of a name, if any. Returns its person if they were in the room.
    pub(super) fn expel(&mut self, name_key: &NameKey, now: Instant) -> Vec<Member> {
        if self.claims.owner(name_key, now).is_some() || self.people.contains_key(name_key) {
            self.claims.close(name_key, now);
        }
        let expelled = self.people.remove_entry(name_key);
        let left: Vec<Member> =
            expelled.map(|(name_key, holders)| Member { name_key, name: holders.name }).into_iter().collect();
        self.count(&Delta { joined: vec![], left: left.clone() });
        left
    }

    pub(super) fn claim(&mut self, person: &Person, now_ms: u64, now: Instant) -> Claim {
        let claim = self.check_claim(person, now_ms, now);
        if claim == Claim::Mine {
            self.claims.claim(&person.name_key, &person.session, now);
        }
        claim
    }

    /// Returns what a claim would.
    pub(super) fn check_claim(&self, person: &Person, now_ms: u64, now: Instant) -> Claim {
        let Person { name_key, session, .. } = person;
        if let Some(left) = self.bans.left(person, now_ms) {
            return Claim::Banned(left);
        }
        let owner = self.claims.owner(name_key, now);
        if owner == Some(session) {
            Claim::Mine
        } else if self.people.contains_key(name_key) {
            // A person in the room keeps their name even if the claim was lost.
            Claim::Held { left: None }
        } else if owner.is_some() {
            Claim::Held { left: self.claims.left(name_key, now) }
        } else {
            Claim::Mine
        }
    }

    /// Returns the addresses at which a name is used now, and the one at which it was used last.
    pub(super) fn addresses_of(&self, name_key: &NameKey, now: Instant) -> Vec<AddressHash> {
        let present = self.held.values().filter_map(|held| held.get(name_key)).flatten();
        let known: BTreeSet<AddressHash> = present.cloned().chain(self.last_addresses.of(name_key, now)).collect();
        known.into_iter().collect()
    }

    /// Returns the people in the room at these addresses, other than one.
    pub(super) fn people_at(&self, addresses: &[AddressHash], except: &NameKey) -> Vec<NameKey> {
        let is_there = |address: &Option<AddressHash>| address.as_ref().is_some_and(|there| addresses.contains(there));
        let mut others = BTreeSet::new();
        for (incarnation, held) in &self.held {
            let there = held.iter().filter(|(_, address)| is_there(address)).map(|(name_key, _)| name_key);
            others.extend(there.filter(|name_key| *name_key != except && self.is_held(name_key, incarnation)).cloned());
        }
        others.into_iter().collect()
    }

    /// Whether a person's session owns their name or, if no session does, the incarnation holds them.
    pub(super) fn may_act(&self, person: &Person, incarnation: &IncarnationId, now: Instant) -> bool {
        self.claims.owner(&person.name_key, now) == Some(&person.session) || self.is_held(&person.name_key, incarnation)
    }

    fn is_held(&self, name_key: &NameKey, incarnation: &IncarnationId) -> bool {
        self.people.get(name_key).is_some_and(|holders| holders.incarnations.contains(incarnation))
    }

    /// Whether a person's name belongs to another session, or is closed.
    pub(super) fn is_excluded(&self, person: &Person, now: Instant) -> bool {
        self.claims.excludes(&person.name_key, &person.session, now)
    }

    fn renew(&mut self, heartbeat: &Heartbeat, epoch: u64) -> Result<(), HeartbeatError> {
        let Heartbeat { incarnation, heartbeat_seq, draining, .. } = heartbeat;
        if heartbeat.epoch.is_some_and(|own| own != epoch) {
            return Err(HeartbeatError::Gone { epoch });
        }
        let stage = if *draining { Stage::Draining } else { Stage::Live };
        match self.leases.get_mut(incarnation) {
            Some(lease) if lease.stage == Stage::Dead => return Err(HeartbeatError::Gone { epoch }),
            Some(lease) if *heartbeat_seq <= lease.heartbeat_seq => return Err(HeartbeatError::Stale),
            Some(lease) => (lease.heartbeat_seq, lease.stage) = (*heartbeat_seq, stage),
            None if heartbeat.epoch.is_some() => return Err(HeartbeatError::Gone { epoch }),
            None => {
                let lease = Lease { incarnation: incarnation.clone(), heartbeat_seq: *heartbeat_seq, stage };
                self.leases.insert(incarnation.clone(), lease);
            }
        }
        Ok(())
    }

    /// Adds a holder, in place of any that drain: the person has moved on from them. Returns the person if this is their
    /// first holder.
    fn hold(&mut self, person: Person, incarnation: &IncarnationId) -> Option<Member> {
        let Person { name_key, name, address, .. } = person;
        self.held.entry(incarnation.clone()).or_default().insert(name_key.clone(), address);
        let new = || Holders { name, incarnations: BTreeSet::new() };
        let holders = self.people.entry(name_key.clone()).or_insert_with(new);
        let is_first = holders.incarnations.is_empty();
        let leases = &self.leases;
        holders.incarnations.retain(|other| leases.get(other).is_none_or(|lease| lease.stage != Stage::Draining));
        holders.incarnations.insert(incarnation.clone());
        is_first.then(|| Member { name_key, name: holders.name.clone() })
    }

    /// Removes a holder. Returns the person if it was their last.
    fn release(&mut self, name_key: &NameKey, incarnation: &IncarnationId, now: Instant) -> Option<Member> {
        let address = self.held.get_mut(incarnation).and_then(|held| held.remove(name_key)).flatten();
        self.last_addresses.remember(name_key, address, now);
        let holders = self.people.get_mut(name_key)?;
        holders.incarnations.remove(incarnation);
        if !holders.incarnations.is_empty() {
            return None;
        }
        let (name_key, holders) = self.people.remove_entry(name_key)?;
        Some(Member { name_key, name: holders.name })
    }

    fn count(&mut self, delta: &Delta) {
        if *delta != Delta::default() {
            self.raise_version();
        }
    }
}
