//! Who is in the room, as this instance shows it, and what is to be told about it.
//!
//! Plain and synchronous. Changes merge until they are told, but a person's joins and leaves stay strictly in
//! turn: a change that would cancel one not yet told has it told first.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Instant,
};

use crate::{
    backplane::{Delta, Member},
    name,
    name::NameKey,
};

/// Everybody in the room, sorted by folded name.
#[derive(Debug, Default)]
pub struct Roster {
    /// By (folded name, uniqueness key), the name as shown.
    people: BTreeMap<(String, NameKey), String>,
    /// By uniqueness key, the folded name.
    folded: HashMap<NameKey, String>,
    /// People the backplane lost sight of, who leave at that time if they have not come back.
    missing: HashMap<NameKey, Instant>,
    untold: Changes,
}

/// Who came and who went, by name as shown; nobody is in both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those who came.
    pub joined: BTreeSet<String>,
    /// Those who went.
    pub left: BTreeSet<String>,
    /// How many were here after that.
    pub count: usize,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.left.is_empty()
    }
}

impl Roster {
    /// Takes who came and went. Answers changes that must be told before these.
    pub fn apply(&mut self, delta: &Delta) -> Option<Changes> {
        let reverses = delta.joined.iter().any(|person| self.untold.left.contains(&person.name))
            || delta.left.iter().any(|person| self.untold.joined.contains(&person.name));
        let first = if reverses { self.changes() } else { None };
        for person in &delta.joined {
            self.add(person);
        }
        for person in &delta.left {
            self.remove(&person.name_key);
        }
        first
    }

    /// Takes the truth as it was read. Whoever is not in it leaves at once, or at `absent_until` if they have not
    /// come back by then. Answers changes that must be told first.
    pub fn adopt(&mut self, truth: &[Member], absent_until: Option<Instant>) -> Option<Changes> {
        let known: BTreeSet<&str> = truth.iter().map(|person| person.name_key.as_str()).collect();
        let gone: Vec<Member> = self.everybody().filter(|person| !known.contains(person.name_key.as_str())).collect();
        let delta = Delta { joined: truth.to_vec(), left: vec![] };
        match absent_until {
            // Whoever is missing since an earlier reading keeps their time.
            None => {
                let left = gone.into_iter().filter(|person| !self.missing.contains_key(&person.name_key)).collect();
                self.apply(&Delta { left, ..delta })
            }
            Some(until) => {
                let first = self.apply(&delta);
                for person in gone {
                    self.missing.entry(person.name_key).or_insert(until);
                }
                first
            }
        }
    }

    /// Lets those leave who have been missing for too long. Answers changes that must be told first.
    pub fn expire(&mut self, now: Instant) -> Option<Changes> {
        if self.missing.values().all(|until| now < *until) {
            return None;
        }
        let gone =
            self.everybody().filter(|person| self.missing.get(&person.name_key).is_some_and(|until| *until <= now));
        let left = gone.collect();
        self.apply(&Delta { joined: vec![], left })
    }

    /// What was not yet told, if anything.
    pub fn changes(&mut self) -> Option<Changes> {
        let changes = Changes { count: self.count(), ..std::mem::take(&mut self.untold) };
        Some(changes).filter(|changes| !changes.is_empty())
    }

    /// How many people are here.
    pub fn count(&self) -> usize {
        self.people.len()
    }

    /// Whether somebody is here, by uniqueness key.
    pub fn contains(&self, name_key: &NameKey) -> bool {
        self.folded.contains_key(name_key)
    }

    /// Up to `limit` names that sort after the name `after`.
    pub fn names(&self, after: Option<&str>, limit: usize) -> Vec<String> {
        let start = after.map(|after| (name::folded(after), after.to_owned()));
        let sorts_after = |(folded, _): &(String, NameKey), shown: &String| match &start {
            None => true,
            Some((key, after)) => (folded, shown) > (key, after),
        };
        let from = start.as_ref().map(|(folded, _)| (folded.clone(), NameKey::default())).unwrap_or_default();
        let rest = self.people.range(from..).filter(|(key, shown)| sorts_after(key, shown));
        rest.map(|(_, shown)| shown.clone()).take(limit).collect()
    }

    fn everybody(&self) -> impl Iterator<Item = Member> + '_ {
        self.people.iter().map(|((_, name_key), name)| Member { name_key: name_key.clone(), name: name.clone() })
    }

    fn add(&mut self, person: &Member) {
        self.missing.remove(&person.name_key);
        if self.folded.contains_key(&person.name_key) {
            return;
        }
        let folded = name::folded(&person.name);
        self.folded.insert(person.name_key.clone(), folded.clone());
        self.people.insert((folded, person.name_key.clone()), person.name.clone());
        self.untold.joined.insert(person.name.clone());
    }

    fn remove(&mut self, name_key: &NameKey) {
        self.missing.remove(name_key);
        let Some(folded) = self.folded.remove(name_key) else { return };
        if let Some(name) = self.people.remove(&(folded, name_key.to_owned())) {
            self.untold.left.insert(name);
        }
    }
}

#[cfg(test)]
mod tests;
