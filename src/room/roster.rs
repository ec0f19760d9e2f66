//! The people in the room as this instance shows them, and the changes that its clients do not know yet.
//!
//! Plain and synchronous. Changes merge until they are sent, but a person's joins and leaves stay strictly in turn: a
//! change that would cancel an unsent one has that sent first.
//!
//! The people of a large room are read in portions while the room's events are applied. An event is newer than the read: a
//! person who left meanwhile is not added by a later portion, and one who joined is kept at its end.

mod entry;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Bound,
    time::Instant,
};

use self::entry::{ByNameKey, RosterEntry, SearchStart};
use crate::{
    backplane::{Delta, Member},
    name,
    name::NameKey,
};

/// People in the room up to whom names of changes are kept: clients of a larger room are sent its count only.
pub const CHANGES_NAMED_AT_MOST: usize = 1000;
/// Names of people who have sent something are kept up to this number, also of people who have left.
const SENDERS_AT_LEAST: usize = 10_000;

/// People in the room, sorted by folded name.
#[derive(Debug, Default)]
pub struct Roster {
    /// By folded name.
    people: BTreeSet<RosterEntry>,
    /// For searching.
    starts: BTreeSet<SearchStart>,
    /// By name key, and the last read that found them, or during which they joined.
    known: HashMap<ByNameKey, u32>,
    /// People whom the backplane has lost, and when they leave if they do not return.
    missing: HashMap<NameKey, Instant>,
    unsent: Changes,
    /// Joins and leaves of people who have sent nothing are not announced.
    is_quiet: bool,
    /// Names as shown of people who have sent something.
    senders: HashSet<String>,
    /// Names as shown of people in the room whose join was not announced.
    unannounced: HashSet<String>,
    /// The number of reads so far.
    reads: u32,
    /// The read in progress.
    read: Option<RosterRead>,
}

/// A read of all people.
#[derive(Debug)]
struct RosterRead {
    /// The number of people in the room.
    count: usize,
    /// People who left since it began.
    left: HashSet<NameKey>,
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
    /// Whether it has changed by people who are not named here.
    pub unnamed: bool,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.left.is_empty() && !self.unnamed
    }
}

impl Roster {
    /// Applies joins and leaves. Returns changes that must be sent first.
    pub fn apply(&mut self, delta: &Delta) -> Option<Changes> {
        if let Some(read) = &mut self.read {
            read.count = (read.count + delta.joined.len()).saturating_sub(delta.left.len());
            for person in &delta.joined {
                read.left.remove(&person.name_key);
            }
            read.left.extend(delta.left.iter().map(|person| person.name_key.clone()));
            self.unsent.unnamed = true;
        }
        self.merge(delta)
    }

    /// Replaces the people by those of a snapshot. Others leave at once, or at `leaves_at` if they have not returned by then.
    /// Returns changes that must be sent first.
    pub fn adopt<'a>(
        &mut self,
        people: impl Iterator<Item = &'a Member> + Clone,
        leaves_at: Option<Instant>,
    ) -> Option<Changes> {
        self.begin(people.clone().count());
        let first = self.adopt_portion(people);
        let then = self.finish_read(leaves_at);
        self.unsent.unnamed |= self.count() > CHANGES_NAMED_AT_MOST;
        // The second is of people who were known before: if they joined unsent, the first has sent that.
        first.or(then)
    }

    /// Begins to read the people, of whom there are so many.
    pub fn begin_read(&mut self, count: usize) {
        self.unsent.unnamed |= count != self.count();
        self.begin(count);
    }

    /// Adds a portion of the people who are read. Returns changes that must be sent first.
    pub fn adopt_portion<'a>(&mut self, people: impl Iterator<Item = &'a Member>) -> Option<Changes> {
        let mut joined = vec![];
        for person in people {
            if self.read.as_ref().is_some_and(|read| read.left.contains(&person.name_key)) {
                continue;
            }
            // The cost of a read: most of its people are here already.
            match self.known.get_mut(person.name_key.as_str()) {
                Some(found_by) if !self.missing.contains_key(&person.name_key) => *found_by = self.reads,
                _ => joined.push(person.clone()),
            }
        }
        self.merge(&Delta { joined, left: vec![] })
    }

    /// Ends the read. People whom it has not found leave at once, or at `leaves_at` if they have not returned by then. Returns
    /// changes that must be sent first.
    pub fn finish_read(&mut self, leaves_at: Option<Instant>) -> Option<Changes> {
        self.read = None;
        let lost = self.known.iter().filter(|(_, found_by)| **found_by != self.reads).map(|(person, _)| &person.0);
        // People missing since an earlier snapshot keep their time.
        let left = lost.filter(|entry| !self.missing.contains_key(entry.name_key())).map(RosterEntry::member).collect();
        match leaves_at {
            None => self.merge(&Delta { joined: vec![], left }),
            Some(at) => {
                self.missing.extend(left.into_iter().map(|person| (person.name_key, at)));
                None
            }
        }
    }

    /// Whether a read is in progress: people may be missing, or be here who left.
    pub fn is_reading(&self) -> bool {
        self.read.is_some()
    }

    /// Removes people who have been missing for too long. Returns changes that must be sent first.
    pub fn expire(&mut self, now: Instant) -> Option<Changes> {
        if self.missing.values().all(|at| now < *at) {
            return None;
        }
        let due = self.missing.iter().filter(|(_, at)| **at <= now);
        let known = due.filter_map(|(name_key, _)| self.known.get_key_value(name_key.as_str()));
        let left = known.map(|(person, _)| person.0.member()).collect();
        self.merge(&Delta { joined: vec![], left })
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
            let present: HashSet<&str> = self.people.iter().map(RosterEntry::shown).collect();
            self.senders.retain(|sender| present.contains(sender.as_str()));
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

    /// Whether there are unsent changes with names.
    pub fn has_named_changes(&self) -> bool {
        !self.unsent.joined.is_empty() || !self.unsent.left.is_empty()
    }

    /// The unsent changes, if any. They count as sent from now on.
    pub fn changes(&mut self) -> Option<Changes> {
        let changes = Changes { count: self.count(), ..std::mem::take(&mut self.unsent) };
        Some(changes).filter(|changes| !changes.is_empty())
    }

    /// The number of people in the room.
    pub fn count(&self) -> usize {
        self.read.as_ref().map_or(self.people.len(), |read| read.count)
    }

    /// Whether a person is in the room.
    pub fn contains(&self, name_key: &NameKey) -> bool {
        self.known.contains_key(name_key.as_str())
    }

    /// Up to `limit` names that sort after the name `after`.
    pub fn names(&self, after: Option<&str>, limit: usize) -> Vec<String> {
        let Some(after) = after else { return self.people.iter().map(shown).take(limit).collect() };
        let folded = name::folded(after);
        let rest = self.people.range(RosterEntry::before(&folded)..);
        let rest = rest.filter(|entry| (entry.folded(), entry.shown()) > (&*folded, after));
        rest.map(shown).take(limit).collect()
    }

    /// Up to `limit` names of which a word begins with a text, after the name `after`. Sorted from that word on. The cost grows
    /// with `limit` and with the logarithm of the number of people.
    pub fn search(&self, text: &str, after: Option<&str>, limit: usize) -> Vec<String> {
        let text = name::search_form(text);
        let after = after.and_then(|after| RosterEntry::of_name(after)?.first_start(&text));
        let from = after.map_or_else(|| Bound::Included(SearchStart::before(&text)), Bound::Excluded);
        let matching = self.starts.range((from, Bound::Unbounded)).take_while(|start| start.text().starts_with(&text));
        // A person of whom several words match is listed once.
        let people = matching.filter(|start| start.entry.first_start(&text).as_ref() == Some(start));
        people.map(|start| shown(&start.entry)).take(limit).collect()
    }

    fn begin(&mut self, count: usize) {
        self.reads = self.reads.wrapping_add(1);
        self.read = Some(RosterRead { count, left: HashSet::new() });
    }

    fn merge(&mut self, delta: &Delta) -> Option<Changes> {
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

    fn add(&mut self, person: &Member) {
        self.missing.remove(&person.name_key);
        if let Some(found_by) = self.known.get_mut(person.name_key.as_str()) {
            *found_by = self.reads;
            return;
        }
        let entry = RosterEntry::new(&person.name_key, &person.name);
        self.starts.extend(entry.search_starts());
        self.known.insert(ByNameKey(entry.clone()), self.reads);
        self.people.insert(entry);
        if self.is_silent(&person.name) {
            self.unannounced.insert(person.name.clone());
            self.unsent.unnamed = true;
        } else if self.count() <= CHANGES_NAMED_AT_MOST {
            self.unsent.joined.insert(person.name.clone());
        } else if self.read.is_none() {
            self.unsent.unnamed = true;
        }
    }

    fn remove(&mut self, name_key: &NameKey) {
        self.missing.remove(name_key);
        let Some((ByNameKey(entry), _)) = self.known.remove_entry(name_key.as_str()) else { return };
        self.people.remove(&entry);
        for start in entry.search_starts() {
            self.starts.remove(&start);
        }
        let name = shown(&entry);
        if self.unannounced.remove(&name) || self.is_silent(&name) || self.count() >= CHANGES_NAMED_AT_MOST {
            self.unsent.unnamed = true;
        } else {
            self.unsent.left.insert(name);
        }
    }

    fn is_silent(&self, shown: &str) -> bool {
        self.is_quiet && !self.senders.contains(shown)
    }
}

fn shown(entry: &RosterEntry) -> String {
    entry.shown().to_owned()
}

#[cfg(test)]
mod tests;
