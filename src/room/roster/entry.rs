//! The record of one person in a roster, and the orders of its indexes.
//!
//! A person's texts are one allocation, shared by all indexes, since every instance holds them for everybody in the room.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{
    backplane::Member,
    name,
    name::{Name, NameKey},
};

/// Separates the texts. No name contains it, and it sorts before every character of one.
const SEPARATOR: char = '\n';

/// One person: four lines, the folded name, the name key, the name as shown and its search form. Each of the last three is
/// empty if it is the folded name. Sorted by folded name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RosterEntry(Arc<str>);

impl RosterEntry {
    pub(super) fn new(name_key: &NameKey, shown: &str) -> Self {
        let (folded, search) = (name::folded(shown), name::search_form(shown));
        let line = |text| if text == folded { "" } else { text };
        let lines = [&folded, line(name_key), line(shown), line(&search)];
        let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for (at, line) in lines.into_iter().enumerate() {
            if at > 0 {
                text.push(SEPARATOR);
            }
            text.push_str(line);
        }
        Self(text.into())
    }

    /// The entry that a person of this name has.
    pub(super) fn of_name(shown: &str) -> Option<Self> {
        Name::parse(shown).ok().map(|name| Self::new(name.key(), name.shown()))
    }

    /// Sorts before the entries of people with this folded name, and after all others that do.
    pub(super) fn before(folded: &str) -> Self {
        Self(folded.into())
    }

    pub(super) fn folded(&self) -> &str {
        self.line(0).1
    }

    pub(super) fn name_key(&self) -> &str {
        self.line(1).1
    }

    pub(super) fn shown(&self) -> &str {
        self.line(2).1
    }

    pub(super) fn member(&self) -> Member {
        Member { name_key: self.name_key().into(), name: self.shown().to_owned() }
    }

    /// Returns the texts that a search may begin with: the search form from each of its words on.
    pub(super) fn search_starts(&self) -> impl Iterator<Item = SearchStart> {
        let (at, form) = self.line(3);
        let after_spaces = form.match_indices(' ').map(move |(space, _)| at + space + 1);
        std::iter::once(at).chain(after_spaces).map(|at| SearchStart { entry: self.clone(), at })
    }

    /// The first start in their order that begins with a text in search form.
    pub(super) fn first_start(&self, text: &str) -> Option<SearchStart> {
        self.search_starts().filter(|start| start.text().starts_with(text)).min()
    }

    /// A line, and where it begins; the first one in place of an empty one.
    fn line(&self, number: usize) -> (usize, &str) {
        let mut at = 0;
        for line in self.0.split(SEPARATOR).take(number) {
            at += line.len() + SEPARATOR.len_utf8();
        }
        let line = until_separator(self.0.get(at..).unwrap_or_default());
        if line.is_empty() { (0, until_separator(&self.0)) } else { (at, line) }
    }
}

/// One of the texts that a search for a person may begin with. Sorted by that text.
#[derive(Clone, Debug)]
pub(super) struct SearchStart {
    pub(super) entry: RosterEntry,
    at: usize,
}

impl SearchStart {
    /// Sorts before the starts that begin with a text, and after all others that do.
    pub(super) fn before(text: &str) -> Self {
        Self { entry: RosterEntry::before(text), at: 0 }
    }

    pub(super) fn text(&self) -> &str {
        until_separator(self.rest())
    }

    fn rest(&self) -> &str {
        self.entry.0.get(self.at..).unwrap_or_default()
    }
}

impl Ord for SearchStart {
    /// The separator and the end sort before all characters of names: the rest sorts as the start does.
    fn cmp(&self, other: &Self) -> Ordering {
        self.rest().cmp(other.rest()).then_with(|| (&self.entry, self.at).cmp(&(&other.entry, other.at)))
    }
}

impl PartialOrd for SearchStart {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SearchStart {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SearchStart {}

/// An entry that is looked up by its name key.
#[derive(Clone, Debug)]
pub(super) struct ByNameKey(pub(super) RosterEntry);

impl Borrow<str> for ByNameKey {
    fn borrow(&self) -> &str {
        self.0.name_key()
    }
}

impl Hash for ByNameKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name_key().hash(state);
    }
}

impl PartialEq for ByNameKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.name_key() == other.0.name_key()
    }
}

impl Eq for ByNameKey {}

fn until_separator(text: &str) -> &str {
    text.split(SEPARATOR).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entry_returns_the_texts_it_was_made_of() {
        for (name_key, shown) in [("sari", "sari"), ("sari", "Sari"), ("d\u{131}", "Dï"), ("a b", "Á  B"), ("李", "李")]
        {
            let entry = RosterEntry::new(&name_key.into(), shown);
            assert_eq!((entry.folded(), entry.name_key(), entry.shown()), (&*name::folded(shown), name_key, shown));
        }
    }

    #[test]
    fn search_starts_at_every_word() {
        for (shown, starts) in [
            ("Dewi Ayu Lestari", vec!["dewi ayu lestari", "ayu lestari", "lestari"]),
            ("Élena", vec!["elena"]),
            ("sari", vec!["sari"]),
            ("李", vec!["李"]),
        ] {
            let entry = RosterEntry::new(&"key".into(), shown);
            assert_eq!(entry.search_starts().map(|start| start.text().to_owned()).collect::<Vec<_>>(), starts);
        }
    }

    proptest! {
        #[test]
        fn starts_sort_as_their_texts(one in "[a-cÁ ]{1,8}", other in "[a-cÁ ]{1,8}") {
            let entry = |shown: &str| RosterEntry::new(&"key".into(), shown);
            for start in entry(&one).search_starts() {
                for second in entry(&other).search_starts() {
                    let texts = start.text().cmp(second.text());
                    prop_assert!(texts.is_eq() || texts == start.cmp(&second), "{start:?} {second:?}");
                }
            }
        }
    }
}
