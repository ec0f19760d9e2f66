//! Who types at the moment. Plain and synchronous.

use std::time::{Duration, Instant};

use crate::backplane::Typing;

/// How long somebody is taken to type without saying so again.
const EXPIRY: Duration = Duration::from_secs(6);
/// Most people remembered: more could not be shown anyway.
const REMEMBERED: usize = 1000;
/// Most names in a frame.
const SHOWN: usize = 3;

/// Everybody who types, in the order they began.
#[derive(Debug, Default)]
pub struct Typists {
    typists: Vec<(Typing, Instant)>,
    changed: bool,
}

impl Typists {
    /// Notes that somebody types, or stopped.
    pub fn note(&mut self, typing: Typing, now: Instant) {
        if !typing.active {
            return self.stop(&typing.name);
        }
        let until = now + EXPIRY;
        if let Some((_, expires)) = self.typists.iter_mut().find(|(known, _)| known.name_key == typing.name_key) {
            *expires = until;
        } else if self.typists.len() < REMEMBERED {
            self.typists.push((typing, until));
            self.changed = true;
        }
    }

    /// Notes that somebody, by name as shown, has stopped: they spoke, or left.
    pub fn stop(&mut self, name: &str) {
        self.keep(|typing, _| typing.name != name);
    }

    /// The whole state as (at most three names, how many), if it changed since it was last asked for.
    pub fn changes(&mut self, now: Instant) -> Option<(Vec<String>, usize)> {
        self.keep(|_, expires| now < expires);
        std::mem::take(&mut self.changed).then(|| self.state())
    }

    /// The whole state as (at most three names, how many).
    pub fn state(&self) -> (Vec<String>, usize) {
        (self.typists.iter().take(SHOWN).map(|(typing, _)| typing.name.clone()).collect(), self.typists.len())
    }

    fn keep(&mut self, stays: impl Fn(&Typing, Instant) -> bool) {
        let before = self.typists.len();
        self.typists.retain(|(typing, expires)| stays(typing, *expires));
        self.changed |= self.typists.len() != before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typing(name_key: &str, active: bool) -> Typing {
        Typing { name_key: name_key.into(), name: name_key.to_uppercase(), active }
    }

    #[test]
    fn the_state_is_told_once_and_only_when_it_changes() {
        let (mut typists, now) = (Typists::default(), Instant::now());
        assert_eq!(typists.changes(now), None);
        typists.note(typing("a", true), now);
        typists.note(typing("a", true), now);
        assert_eq!(typists.changes(now), Some((vec!["A".into()], 1)));
        assert_eq!(typists.changes(now), None);
        typists.note(typing("a", false), now);
        assert_eq!(typists.changes(now), Some((vec![], 0)));
    }

    #[test]
    fn who_says_nothing_more_stops_by_themselves() {
        let (mut typists, now) = (Typists::default(), Instant::now());
        typists.note(typing("a", true), now);
        typists.changes(now);
        assert_eq!(typists.changes(now + EXPIRY / 2), None);
        assert_eq!(typists.changes(now + EXPIRY), Some((vec![], 0)));
    }

    #[test]
    fn three_are_named_and_all_are_counted() {
        let (mut typists, now) = (Typists::default(), Instant::now());
        for name_key in ["a", "b", "c", "d"] {
            typists.note(typing(name_key, true), now);
        }
        assert_eq!(typists.changes(now), Some((vec!["A".into(), "B".into(), "C".into()], 4)));
    }
}
