//! Avatars: the initial of a name on one of the style sheet's hues. static/avatar.js applies the same rules;
//! tests/page/avatar_hues.json holds the cases that both are tested with.

use std::collections::HashMap;

use unicode_segmentation::UnicodeSegmentation;

/// The hues of the style sheet, as many as it has.
const HUES: u32 = 12;
/// From one candidate to the next; it has no common factor with [`HUES`].
const STEP: u32 = 5;
/// People who spoke shortly before have other hues.
const NEAR: usize = 8;
/// The last ones have hues that differ clearly.
const NEXT: usize = 2;

/// Returns the initial of a name.
pub fn initial(name: &str) -> String {
    name.graphemes(true).next().unwrap_or_default().to_uppercase()
}

/// The hues of people. Two who speak after one another have different ones.
#[derive(Debug, Default)]
pub struct Hues<'a> {
    assigned: HashMap<&'a str, u32>,
    /// Speakers, the last one first.
    near: Vec<&'a str>,
}

impl<'a> Hues<'a> {
    /// Assigns hues to people in the order in which they spoke.
    pub fn of_speakers(names: impl Iterator<Item = &'a str>) -> Self {
        let mut hues = Self::default();
        for name in names {
            hues.speak(name);
        }
        hues
    }

    /// Returns the hue of a name; of one who did not speak that of the hash.
    pub fn of(&self, name: &str) -> u32 {
        self.assigned.get(name).copied().unwrap_or_else(|| hash(name))
    }

    fn speak(&mut self, name: &'a str) {
        self.near.retain(|near| *near != name);
        let taken: Vec<u32> = self.near.iter().map(|near| self.of(near)).collect();
        let next = &taken[..taken.len().min(NEXT)];
        let is_settled = self.assigned.get(name).is_some_and(|hue| !next.contains(hue));
        if !is_settled {
            let candidates = || (0..HUES).map(|n| (hash(name) + n * STEP) % HUES).filter(|hue| !taken.contains(hue));
            let clear_of =
                |others: &[u32]| candidates().find(|hue| others.iter().all(|other| distance(*hue, *other) > 1));
            let hue = clear_of(&taken).or_else(|| clear_of(next)).or_else(|| candidates().next()).unwrap_or_default();
            self.assigned.insert(name, hue);
        }
        self.near.insert(0, name);
        self.near.truncate(NEAR);
    }
}

fn distance(a: u32, b: u32) -> u32 {
    let steps = a.abs_diff(b);
    steps.min(HUES - steps)
}

fn hash(name: &str) -> u32 {
    name.chars().fold(0, |sum, character| (sum * 131 + u32::from(character)) % 9973) % HUES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page's rule is tested with the same cases: tests/page/avatar.test.js.
    #[test]
    fn hues_are_those_of_the_shared_cases() {
        let cases: Vec<(Vec<String>, HashMap<String, u32>)> =
            serde_json::from_str(include_str!("../../tests/page/avatar_hues.json")).unwrap();
        for (speakers, expected) in cases {
            let hues = Hues::of_speakers(speakers.iter().map(String::as_str));
            let found: HashMap<String, u32> = speakers.iter().map(|name| (name.clone(), hues.of(name))).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn speakers_next_to_each_other_have_different_hues() {
        let names: Vec<String> = (0..40).map(|n| format!("orang {n}")).collect();
        let mut hues = Hues::default();
        let mut before: Option<&str> = None;
        for n in 0..2000_usize {
            let name = names[(n * n + n / 7) % names.len()].as_str();
            hues.speak(name);
            if let Some(before) = before.filter(|before| *before != name) {
                assert_ne!(hues.of(before), hues.of(name), "{before} and {name}");
            }
            before = Some(name);
        }
    }
}
