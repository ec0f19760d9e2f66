//! The people who type at the moment. Plain and synchronous.

use std::time::{Duration, Instant};

use crate::backplane::Typing;

/// How long a person counts as typing after their last frame.
const EXPIRY: Duration = Duration::from_secs(6);
/// Most people kept: more are not shown in any case.
const CAPACITY: usize = 1000;
/// Most names in a frame.
const NAMES: usize = 3;

/// People who type, in the order they began.
#[derive(Debug, Default)]
pub struct Typists {
    typists: Vec<(Typing, Instant)>,
    changed: bool,
}

impl Typists {
    /// A person types, or stopped.
    pub fn note(&mut self, typing: Typing, now: Instant) {
        if !typing.active {
            return self.stop(&typing.name);
        }
        let until = now + EXPIRY;
        if let Some((_, expires)) = self.typists.iter_mut().find(|(known, _)| known.name_key == typing.name_key) {
            *expires = until;
        } else if self.typists.len() < CAPACITY {
            self.typists.push((typing, until));
            self.changed = true;
        }
    }

    /// A person, by name as shown, has stopped: they sent a message, or left.
    pub fn stop(&mut self, name: &str) {
        self.retain(|typing, _| typing.name != name);
    }

    /// The state, if it has changed since the last call.
    pub fn changes(&mut self, now: Instant) -> Option<(Vec<String>, usize)> {
        self.retain(|_, expires| now < expires);
        std::mem::take(&mut self.changed).then(|| self.state())
    }

    /// The whole state: at most three names, and the number of people.
    pub fn state(&self) -> (Vec<String>, usize) {
        (self.typists.iter().take(NAMES).map(|(typing, _)| typing.name.clone()).collect(), self.typists.len())
    }

    fn retain(&mut self, stays: impl Fn(&Typing, Instant) -> bool) {
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
    fn state_is_returned_once_after_each_change() {
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
    fn person_without_further_frames_expires() {
        let (mut typists, now) = (Typists::default(), Instant::now());
        typists.note(typing("a", true), now);
        typists.changes(now);
        assert_eq!(typists.changes(now + EXPIRY / 2), None);
        assert_eq!(typists.changes(now + EXPIRY), Some((vec![], 0)));
    }

    #[test]
    fn state_names_three_and_counts_all() {
        let (mut typists, now) = (Typists::default(), Instant::now());
        for name_key in ["a", "b", "c", "d"] {
            typists.note(typing(name_key, true), now);
        }
        assert_eq!(typists.changes(now), Some((vec!["A".into(), "B".into(), "C".into()], 4)));
    }
}
