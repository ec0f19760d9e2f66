//! Who is in the room through this instance: their sockets, their grace, and what the backplane is still to be
//! told of it.
//!
//! Plain and synchronous.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::{
    backplane::{CHANGES_AT_ONCE, Person, SessionTag},
    name::NameKey,
};

/// Identifies a connection within one instance.
pub type ConnectionId = u64;

/// People of this instance, by uniqueness key.
#[derive(Debug)]
pub struct LocalMembers {
    people: BTreeMap<NameKey, LocalMember>,
    grace: Duration,
    /// Before which there is nothing to tell the backplane, unless something happens; none if that is to be found out.
    quiet_until: Option<Instant>,
}

#[derive(Debug)]
struct LocalMember {
    hold: Person,
    connections: BTreeSet<ConnectionId>,
    /// When they are taken to have left; set while they have no connection.
    away_until: Option<Instant>,
    /// When the backplane last was told that they are here.
    told: Told,
}

/// How it stands with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceStats {
    /// The backplane is still to be told of its person.
    Untold,
    /// The backplane knows of its person.
    Told,
    /// It was ended, or displaced.
    Gone,
}

/// What the backplane knows of an attendee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Present { renewed: Instant },
}

impl Told {
    /// When the backplane is to be told.
    fn due(self, now: Instant, renew: Duration) -> Instant {
        match self {
            Self::Nothing => now,
            Self::Present { renewed } => renewed + renew,
        }
    }
}

/// Changes on their way to the backplane.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// People held from now on.
    pub adds: Vec<Person>,
    /// People held already, whose claims are renewed.
    pub renewals: Vec<Person>,
    /// People no longer held.
    pub dels: Vec<Person>,
}

impl Sent {
    /// The number of people.
    pub fn len(&self) -> usize {
        self.adds.len() + self.renewals.len() + self.dels.len()
    }
}

impl LocalMembers {
    /// Nobody, with the time that somebody without a connection stays.
    pub fn new(grace: Duration) -> Self {
        Self { people: BTreeMap::new(), grace, quiet_until: None }
    }

    /// Whether another session is here under the same name: one of the two has lost it.
    pub fn is_contested(&self, hold: &Person) -> bool {
        self.people.get(&hold.name_key).is_some_and(|attendee| attendee.hold.session != hold.session)
    }

    /// Somebody's connection enters, whose session owns the name. Answers connections of another session under it:
    /// theirs no more.
    pub fn enter(&mut self, hold: &Person, connection: ConnectionId) -> Vec<ConnectionId> {
        self.quiet_until = None;
        let attendee = self.people.entry(hold.name_key.clone()).or_insert_with(|| LocalMember::new(hold.clone()));
        let mut displaced = vec![];
        if attendee.hold.session != hold.session {
            displaced = attendee.connections.iter().copied().collect();
            *attendee = LocalMember::new(hold.clone());
        }
        attendee.connections.insert(connection);
        attendee.away_until = None;
        displaced
    }

    /// A connection is gone. With the last one the grace begins.
    pub fn leave(&mut self, name_key: &NameKey, connection: ConnectionId, now: Instant) {
        self.quiet_until = None;
        let Some(attendee) = self.people.get_mut(name_key) else { return };
        if attendee.connections.remove(&connection) && attendee.connections.is_empty() {
            attendee.away_until = Some(now + self.grace);
        }
    }

    /// A session has ended: its person leaves without grace. Answers their connections.
    pub fn end(&mut self, session: &SessionTag, now: Instant) -> Vec<ConnectionId> {
        self.quiet_until = None;
        let mut connections = vec![];
        for attendee in self.people.values_mut().filter(|attendee| attendee.hold.session == *session) {
            connections.extend(std::mem::take(&mut attendee.connections));
            attendee.away_until = Some(now);
            attendee.told = Told::Nothing;
        }
        connections
    }

    /// Somebody's name turned out to be another session's: they were never here. Answers their connections.
    pub fn refuse(&mut self, hold: &Person) -> Vec<ConnectionId> {
        match self.people.get(&hold.name_key) {
            Some(attendee) if attendee.hold.session == hold.session => {
                self.people.remove(&hold.name_key).map(|attendee| attendee.connections.into_iter().collect())
            }
            _ => None,
        }
        .unwrap_or_default()
    }

    /// How it stands with a connection that entered.
    pub fn stats(&self, hold: &Person, connection: ConnectionId) -> InstanceStats {
        match self.people.get(&hold.name_key) {
            Some(here) if here.hold.session == hold.session && here.connections.contains(&connection) => {
                if here.told == Told::Nothing { InstanceStats::Untold } else { InstanceStats::Told }
            }
            _ => InstanceStats::Gone,
        }
    }

    /// The backplane turned out not to know of somebody: it is to be told again if they come back.
    pub fn forget_told(&mut self, name_key: &NameKey) {
        self.quiet_until = None;
        if let Some(attendee) = self.people.get_mut(name_key) {
            attendee.told = Told::Nothing;
        }
    }

    /// People that the backplane was told of.
    pub fn told(&self) -> impl Iterator<Item = &Person> {
        self.people.values().filter(|attendee| attendee.told != Told::Nothing).map(|attendee| &attendee.hold)
    }

    /// Connections of somebody.
    pub fn connections(&self, name_key: &NameKey) -> Vec<ConnectionId> {
        self.people.get(name_key).map(|attendee| attendee.connections.iter().copied().collect()).unwrap_or_default()
    }

    /// Whether there is anything to tell the backplane: see [`changes`](Self::changes). Cheap while nothing happens.
    pub fn has_changes(&mut self, now: Instant, renew: Duration) -> bool {
        if self.quiet_until.is_some_and(|until| now < until) {
            return false;
        }
        let next = self.people.values().map(|attendee| attendee.due(now, renew)).min();
        self.quiet_until = Some(next.unwrap_or(now + renew));
        next.is_some_and(|next| next <= now)
    }

    /// What to tell the backplane next, if anything. Whoever was told longer ago than `renew` is told again, to
    /// keep their claim. Arrivals are not taken as told before [`confirm`](Self::confirm); departures are in doubt
    /// from now on.
    pub fn changes(&mut self, now: Instant, renew: Duration) -> Option<Sent> {
        let mut sent = Sent::default();
        for attendee in self.people.values_mut() {
            if sent.len() == CHANGES_AT_ONCE {
                break;
            }
            if attendee.is_gone(now) {
                // Also somebody not known to be told of: what was sent before may have been taken.
                attendee.told = Told::Nothing;
                sent.dels.push(attendee.hold.clone());
            } else if attendee.told == Told::Nothing {
                sent.adds.push(attendee.hold.clone());
            } else if attendee.told.due(now, renew) <= now {
                sent.renewals.push(attendee.hold.clone());
            }
        }
        (sent.len() > 0).then_some(sent)
    }

    /// The backplane took what was sent.
    pub fn confirm(&mut self, sent: &Sent, now: Instant) {
        self.quiet_until = None;
        for hold in sent.adds.iter().chain(&sent.renewals) {
            if let Some(attendee) = self.current(hold) {
                attendee.told = Told::Present { renewed: now };
            }
        }
        for hold in &sent.dels {
            let Some(attendee) = self.current(hold) else { continue };
            // Whoever came back while the departure was on its way is told of again.
            if attendee.away_until.is_some() {
                self.people.remove(&hold.name_key);
            }
        }
    }

    /// A new incarnation begins: the backplane is to be told of everybody again.
    pub fn tell_again(&mut self) {
        self.quiet_until = None;
        for attendee in self.people.values_mut() {
            attendee.told = Told::Nothing;
        }
    }

    /// Everybody is cut off.
    pub fn clear(&mut self) {
        self.people.clear();
    }

    fn current(&mut self, hold: &Person) -> Option<&mut LocalMember> {
        self.people.get_mut(&hold.name_key).filter(|attendee| attendee.hold.session == hold.session)
    }
}

impl LocalMember {
    fn new(hold: Person) -> Self {
        Self { hold, connections: BTreeSet::new(), away_until: None, told: Told::Nothing }
    }

    fn is_gone(&self, now: Instant) -> bool {
        self.away_until.is_some_and(|until| until <= now)
    }

    /// When the backplane is to be told something of them.
    fn due(&self, now: Instant, renew: Duration) -> Instant {
        let told = self.told.due(now, renew);
        self.away_until.map_or(told, |until| until.min(told))
    }
}

#[cfg(test)]
mod tests;
