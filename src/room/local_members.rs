//! The people who are in the room through this instance: their connections, their grace, and the changes that the
//! backplane does not know yet. Plain and synchronous.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::{
    address::AddressHash,
    backplane::{CHANGES_AT_ONCE, Person, SessionTag},
    name::NameKey,
};

/// Identifies a connection within one instance.
pub type ConnectionId = u64;

/// Addresses of a person that the backplane is told.
const ADDRESSES: usize = 8;

/// The people of this instance.
#[derive(Debug)]
pub struct LocalMembers {
    members: BTreeMap<NameKey, LocalMember>,
    grace: Duration,
    renew_every: Duration,
    /// No one is released before this time.
    releases_from: Option<Instant>,
    /// No change is due before this time, unless something happens; `None` = compute it.
    next_due: Option<Instant>,
}

#[derive(Debug)]
struct LocalMember {
    person: Person,
    /// In the order in which they came, hardly ever more than one; with the address of each client, if it is known.
    connections: Vec<(ConnectionId, Option<AddressHash>)>,
    /// The end of the grace; set while the person has no connection.
    leaves_at: Option<Instant>,
    /// When the backplane last confirmed that it holds the person; none if it may not.
    confirmed_at: Option<Instant>,
}

/// How far a connection's person is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// The backplane does not hold the person yet.
    Pending,
    /// The backplane holds the person.
    Confirmed,
    /// The connection was ended, or displaced by another session.
    Gone,
}

/// Changes of the local members for one heartbeat.
#[derive(Clone, Debug, Default)]
pub struct LocalChanges {
    /// People held from now on.
    pub adds: Vec<Person>,
    /// People held already, whose claims are renewed.
    pub renewals: Vec<Person>,
    /// People no longer held.
    pub dels: Vec<Person>,
}

impl LocalChanges {
    /// The number of people.
    pub fn len(&self) -> usize {
        self.adds.len() + self.renewals.len() + self.dels.len()
    }
}

impl LocalMembers {
    /// No people. A person without a connection stays for `grace`; claims are renewed at `renew_every`.
    pub fn new(grace: Duration, renew_every: Duration) -> Self {
        Self { members: BTreeMap::new(), grace, renew_every, releases_from: None, next_due: None }
    }

    /// Whether another session is here under the same name: one of the two has lost it.
    pub fn is_contested(&self, person: &Person) -> bool {
        self.members.get(&person.name_key).is_some_and(|member| member.person.session != person.session)
    }

    /// Adds a connection whose session owns the name. Returns the connections that it displaces: those of another session
    /// under the same name.
    pub fn enter(&mut self, person: &Person, connection: ConnectionId) -> Vec<ConnectionId> {
        self.next_due = None;
        let displaced = match self.members.get(&person.name_key) {
            Some(member) if member.person.session != person.session => self.remove(&person.name_key),
            _ => vec![],
        };
        let member = self.members.entry(person.name_key.clone()).or_insert_with(|| LocalMember {
            person: person.clone(),
            connections: vec![],
            leaves_at: None,
            confirmed_at: None,
        });
        member.connections.retain(|(other, _)| *other != connection);
        member.connections.reserve_exact(1);
        member.connections.push((connection, person.address.clone()));
        member.leaves_at = None;
        if person.address.as_ref().is_some_and(|address| !member.person.addresses().any(|known| known == address)) {
            // The address may be banned: only the backplane knows.
            member.locate();
            member.confirmed_at = None;
        }
        displaced
    }

    /// Removes a connection. With a person's last one their grace begins.
    pub fn leave(&mut self, name_key: &NameKey, connection: ConnectionId, now: Instant) {
        self.next_due = None;
        let Some(member) = self.members.get_mut(name_key) else { return };
        let known = member.connections.len();
        member.connections.retain(|(other, _)| *other != connection);
        if member.connections.len() == known {
            return;
        }
        if member.connections.is_empty() {
            member.leaves_at = Some(now + self.grace);
        } else {
            member.locate();
        }
    }

    /// Ends a session: its person leaves without grace. Returns their connections.
    pub fn end(&mut self, session: &SessionTag, now: Instant) -> Vec<ConnectionId> {
        self.next_due = None;
        let mut connections = vec![];
        for member in self.members.values_mut().filter(|member| member.person.session == *session) {
            connections.extend(member.take_connections());
            (member.leaves_at, member.confirmed_at) = (Some(now), None);
        }
        connections
    }

    /// Removes a person whose name belongs to another session. Returns their connections.
    pub fn refuse(&mut self, person: &Person) -> Vec<ConnectionId> {
        if self.find(person).is_some() { self.remove(&person.name_key) } else { vec![] }
    }

    /// How far the person of a connection is announced.
    pub fn announcement(&self, person: &Person, connection: ConnectionId) -> Announcement {
        match self.members.get(&person.name_key) {
            Some(member) if member.person.session != person.session => Announcement::Gone,
            Some(member) if !member.has(connection) => Announcement::Gone,
            Some(LocalMember { confirmed_at: Some(_), .. }) => Announcement::Confirmed,
            Some(_) => Announcement::Pending,
            None => Announcement::Gone,
        }
    }

    /// Forgets the confirmations, as of `at`, of people whom the backplane does not hold. Returns their connections.
    pub fn forget_unless(&mut self, is_held: impl Fn(&NameKey) -> bool, at: Instant) -> Vec<ConnectionId> {
        self.next_due = None;
        let mut connections = vec![];
        for (name_key, member) in &mut self.members {
            if member.confirmed_at.is_some_and(|confirmed_at| confirmed_at <= at) && !is_held(name_key) {
                member.confirmed_at = None;
                connections.extend(member.connections.iter().map(|(id, _)| *id));
            }
        }
        connections
    }

    /// Whether [`changes`](Self::changes) would return any. Cheap while nothing happens.
    pub fn has_changes(&mut self, now: Instant) -> bool {
        if self.next_due.is_some_and(|due| now < due) {
            return false;
        }
        let due = self.members.values().map(|member| self.due(member, now)).min();
        self.next_due = Some(due.unwrap_or(now + self.renew_every));
        due.is_some_and(|due| due <= now)
    }

    /// The next changes to send. Arrivals count once they are [confirmed](Self::confirm); a departure is in doubt from now on.
    pub fn changes(&mut self, now: Instant) -> LocalChanges {
        let mut changes = LocalChanges::default();
        let is_due =
            |(name_key, member): (&NameKey, &LocalMember)| (self.due(member, now) <= now).then(|| name_key.clone());
        let due: Vec<NameKey> = self.members.iter().filter_map(is_due).take(CHANGES_AT_ONCE).collect();
        for name_key in due {
            let Some(member) = self.members.get_mut(&name_key) else { continue };
            if member.leaves_at.is_some_and(|at| at <= now) {
                // Even if the arrival was never confirmed: the backplane may have applied it.
                member.confirmed_at = None;
                changes.dels.push(member.person.clone());
            } else if member.confirmed_at.is_none() {
                changes.adds.push(member.person.clone());
            } else {
                changes.renewals.push(member.person.clone());
            }
        }
        changes
    }

    /// The backplane applied these changes.
    pub fn confirm(&mut self, changes: &LocalChanges, now: Instant) {
        self.next_due = None;
        for person in changes.adds.iter().chain(&changes.renewals) {
            // At another address by now, which the backplane does not know: it is announced again.
            if let Some(member) = self.find(person).filter(|member| member.person == *person) {
                member.confirmed_at = Some(now);
            }
        }
        for person in &changes.dels {
            // A person who returned while the departure was in flight stays, and is announced again.
            if self.find(person).is_some_and(|member| member.leaves_at.is_some()) {
                self.members.remove(&person.name_key);
            }
        }
    }

    /// Releases no one before a time: until then the other instances may not have announced the people whom they hold too, and
    /// a release would look like a departure.
    pub fn hold_releases(&mut self, until: Instant) {
        (self.releases_from, self.next_due) = (Some(until), None);
    }

    /// A new incarnation begins: all people must be announced again.
    pub fn forget_confirmations(&mut self) {
        self.next_due = None;
        for member in self.members.values_mut() {
            member.confirmed_at = None;
        }
    }

    /// Removes all people.
    pub fn clear(&mut self) {
        self.members.clear();
    }

    /// When the next change of a person must be sent.
    fn due(&self, member: &LocalMember, now: Instant) -> Instant {
        let renewal = member.confirmed_at.map_or(now, |at| at + self.renew_every);
        match member.leaves_at {
            None => renewal,
            Some(at) => {
                let release = self.releases_from.map_or(at, |from| at.max(from));
                // A person whose grace is over is not announced again.
                if at <= now { release } else { release.min(renewal) }
            }
        }
    }

    fn find(&mut self, person: &Person) -> Option<&mut LocalMember> {
        self.members.get_mut(&person.name_key).filter(|member| member.person.session == person.session)
    }

    fn remove(&mut self, name_key: &NameKey) -> Vec<ConnectionId> {
        self.members.remove(name_key).map_or(vec![], |mut member| member.take_connections())
    }
}

impl LocalMember {
    fn has(&self, connection: ConnectionId) -> bool {
        self.connections.iter().any(|(id, _)| *id == connection)
    }

    fn take_connections(&mut self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.connections).into_iter().map(|(id, _)| id).collect()
    }

    /// The person is where the connections are; where the last one was, if they have none.
    fn locate(&mut self) {
        let here: BTreeSet<&AddressHash> =
            self.connections.iter().filter_map(|(_, address)| address.as_ref()).collect();
        let mut here = here.into_iter().take(ADDRESSES).cloned();
        self.person.address = here.next();
        self.person.other_addresses = here.collect();
    }
}

#[cfg(test)]
mod tests;
