//! The people in the room as this instance shows them, and the changes that its clients do not know yet.
//!
//! Plain and synchronous. Changes merge until they are sent, but a person's joins and leaves stay strictly in turn: a
//! change that would cancel an unsent one has that sent first.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::Bound,
    time::Instant,
};

use crate::{
    backplane::{Delta, Member},
    name,
    name::{Name, NameKey},
};

/// Names of people who have sent something are kept up to this number, also of people who have left.
const SENDERS_AT_LEAST: usize = 10_000;

/// People in the room, sorted by folded name.
#[derive(Debug, Default)]
pub struct Roster {
    /// By (folded name, uniqueness key), the name as shown.
    people: BTreeMap<(String, NameKey), String>,
    /// For searching: (each form that a search may begin with, uniqueness key).
    starts: BTreeSet<(String, NameKey)>,
    /// By uniqueness key, the folded name.
    folded: HashMap<NameKey, String>,
    /// People whom the backplane has lost, and when they leave if they do not return.
    missing: HashMap<NameKey, Instant>,
    unsent: Changes,
    /// Joins and leaves of people who have sent nothing are not announced.
    is_quiet: bool,
    /// Names as shown of people who have sent something.
    senders: HashSet<String>,
    /// Names as shown of people in the room whose join was not announced.
    unannounced: HashSet<String>,
}

/// Names as shown of people who joined and left; no name is in both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// People who joined.
    pub joined: BTreeSet<String>,
    /// People who left.
    pub left: BTreeSet<String>,
    /// The number of people in the room after that.
    pub count: usize,
    /// Others joined or left, who are not announced.
    pub has_others: bool,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.left.is_empty() && !self.has_others
    }
}

impl Roster {
    /// Applies joins and leaves. Returns changes that must be sent first.
    pub fn apply(&mut self, delta: &Delta) -> Option<Changes> {
        let reverses = delta.joined.iter().any(|person| self.unsent.left.contains(&person.name))
            || delta.left.iter().any(|person| self.unsent.joined.contains(&person.name));
        let first = if reverses { self.changes() } else { None };
        for person in &delta.joined {
            self.add(person);
        }
        for person in &delta.left {
            self.remove(&person.name_key);
        }
        first
    }

    /// Replaces the people by those of a snapshot. Others leave at once, or at `leaves_at` if they have not returned by then.
    /// Returns changes that must be sent first.
    pub fn adopt<'a>(
        &mut self,
        people: impl Iterator<Item = &'a Member> + Clone,
        leaves_at: Option<Instant>,
    ) -> Option<Changes> {
        let known: HashSet<&str> = people.clone().map(|person| person.name_key.as_str()).collect();
        let gone = self.people.iter().filter(|((_, name_key), _)| !known.contains(name_key.as_str()));
        let gone: Vec<Member> = gone.map(member).collect();
        // The cost of a snapshot in a large room: most of its people are here already.
        let is_new = |person: &&Member| !self.contains(&person.name_key) || self.missing.contains_key(&person.name_key);
        let delta = Delta { joined: people.filter(is_new).cloned().collect(), left: vec![] };
        match leaves_at {
            // People missing since an earlier snapshot keep their time.
            None => {
                let left = gone.into_iter().filter(|person| !self.missing.contains_key(&person.name_key)).collect();
                self.apply(&Delta { left, ..delta })
            }
            Some(at) => {
                let first = self.apply(&delta);
                for person in gone {
                    self.missing.entry(person.name_key).or_insert(at);
                }
                first
            }
        }
    }

    /// Removes people who have been missing for too long. Returns changes that must be sent first.
    pub fn expire(&mut self, now: Instant) -> Option<Changes> {
        if self.missing.values().all(|at| now < *at) {
            return None;
        }
        let gone = self.members().filter(|person| self.missing.get(&person.name_key).is_some_and(|at| *at <= now));
        let left = gone.collect();
        self.apply(&Delta { joined: vec![], left })
    }

    /// Sets whether joins and leaves of people who have sent nothing are announced. Changes no one who is in the room.
    pub fn set_quiet(&mut self, is_quiet: bool) {
        self.is_quiet = is_quiet;
    }

    /// Notes that a person has sent something. If their join was not announced, it is now.
    pub fn note_sender(&mut self, shown: &str) {
        if self.senders.contains(shown) {
            return;
        }
        if self.senders.len() >= SENDERS_AT_LEAST.max(2 * self.people.len()) {
            let present: HashSet<&String> = self.people.values().collect();
            self.senders.retain(|sender| present.contains(sender));
        }
        self.senders.insert(shown.to_owned());
        if self.unannounced.remove(shown) {
            self.unsent.joined.insert(shown.to_owned());
        }
    }

    /// Whether there are unsent changes.
    pub fn has_changes(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// The unsent changes, if any. They count as sent from now on.
    pub fn changes(&mut self) -> Option<Changes> {
        let changes = Changes { count: self.count(), ..std::mem::take(&mut self.unsent) };
        Some(changes).filter(|changes| !changes.is_empty())
    }

    /// The number of people in the room.
    pub fn count(&self) -> usize {
        self.people.len()
    }

    /// Whether a person is in the room.
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

    /// Up to `limit` names of which a word begins with a text, after the name `after`. Sorted from that word on. The cost grows
    /// with `limit` and with the logarithm of the number of people.
    pub fn search(&self, text: &str, after: Option<&str>, limit: usize) -> Vec<String> {
        let text = name::search_form(text);
        let first_match =
            |shown: &str| name::search_starts(shown).into_iter().filter(|start| start.starts_with(&text)).min();
        let from = after.and_then(|after| Some((first_match(after)?, Name::parse(after).ok()?.key().clone())));
        let from = from.map_or_else(|| Bound::Included((text.clone(), NameKey::default())), Bound::Excluded);
        let matching = self.starts.range((from, Bound::Unbounded)).take_while(|(start, _)| start.starts_with(&text));
        // A person of whom several words match is listed once.
        let people = matching.filter_map(|(start, name_key)| {
            let shown = self.shown(name_key)?;
            (first_match(shown).as_ref() == Some(start)).then(|| shown.to_owned())
        });
        people.take(limit).collect()
    }

    fn shown(&self, name_key: &NameKey) -> Option<&str> {
        self.people.get(&(self.folded.get(name_key)?.clone(), name_key.clone())).map(String::as_str)
    }

    fn members(&self) -> impl Iterator<Item = Member> + '_ {
        self.people.iter().map(member)
    }

    fn add(&mut self, person: &Member) {
        self.missing.remove(&person.name_key);
        if self.folded.contains_key(&person.name_key) {
            return;
        }
        let folded = name::folded(&person.name);
        self.folded.insert(person.name_key.clone(), folded.clone());
        self.starts.extend(name::search_starts(&person.name).into_iter().map(|start| (start, person.name_key.clone())));
        self.people.insert((folded, person.name_key.clone()), person.name.clone());
        if self.is_silent(&person.name) {
            self.unannounced.insert(person.name.clone());
            self.unsent.has_others = true;
        } else {
            self.unsent.joined.insert(person.name.clone());
        }
    }

    fn remove(&mut self, name_key: &NameKey) {
        self.missing.remove(name_key);
        let Some(folded) = self.folded.remove(name_key) else { return };
        if let Some(name) = self.people.remove(&(folded, name_key.to_owned())) {
            for start in name::search_starts(&name) {
                self.starts.remove(&(start, name_key.to_owned()));
            }
            if self.unannounced.remove(&name) || self.is_silent(&name) {
                self.unsent.has_others = true;
            } else {
                self.unsent.left.insert(name);
            }
        }
    }

    fn is_silent(&self, shown: &str) -> bool {
        self.is_quiet && !self.senders.contains(shown)
    }
}

fn member(((_, name_key), name): (&(String, NameKey), &String)) -> Member {
    Member { name_key: name_key.clone(), name: name.clone() }
}

#[cfg(test)]
mod tests;
