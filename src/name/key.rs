//! Keys of names: for uniqueness and for sorting.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use unicode_security::skeleton;

/// The uniqueness key of a name: equal for names that look alike, in any case. Not for display; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct NameKey(Arc<str>);

impl NameKey {
    /// The key as stored in the backplane.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for NameKey {
    fn from(key: &str) -> Self {
        Self(key.into())
    }
}

impl From<String> for NameKey {
    fn from(key: String) -> Self {
        Self(key.into())
    }
}

impl Deref for NameKey {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for NameKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<&str> for NameKey {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl fmt::Display for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Rounds after which a key no longer changes; a test tries every character.
const ROUNDS: usize = 4;

/// Computes the uniqueness key of a shown name: equal for names that look alike, in any case.
///
/// Folds case before the table of look-alikes, which distinguishes cases, and again after it, because the table also
/// maps to capitals (`0` looks like `O`), until nothing changes.
pub(super) fn of(shown: &str) -> String {
    let mut key = round(shown);
    for _ in 1..ROUNDS {
        let next = round(&key);
        if next == key {
            break;
        }
        key = next;
    }
    if key.is_empty() { folded(shown) } else { key }
}

/// Folds a text as names are for their keys: equal for texts that look alike, in any case. White space becomes single spaces.
pub fn look_alike_form(text: &str) -> String {
    of(&super::normalized(&text.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// Returns the sort key of a name: case folded, in NFC.
pub fn folded(shown: &str) -> String {
    if shown.is_ascii() {
        return shown.to_ascii_lowercase();
    }
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    nfc.normalize(&CaseMapper::new().fold_string(&nfc.normalize(shown))).into_owned()
}

fn round(text: &str) -> String {
    // Compatibility forms first (full width, circled, ligatures): the table of look-alikes has only some of them.
    let plain = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let folded = CaseMapper::new().fold_string(&plain).replace("i\u{307}", "i").replace("j\u{307}", "j");
    let mapped: String = skeleton(&folded).collect();
    super::collapse_spaces(mapped.trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{of, round};
    use crate::name::Name;

    #[test]
    fn key_of_every_character_settles_and_is_not_empty() {
        let ideographs =
            |c: &char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{2f7ff}');
        for c in ('\0'..='\u{2ffff}').filter(|c| !ideographs(c)) {
            let Ok(name) = Name::parse(&c.to_string()) else { continue };
            assert_eq!(round(name.key()), name.key().as_str(), "{c:?}");
            assert!(!name.key().is_empty(), "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn the_key_of_a_key_is_itself(typed in "\\PC{1,30}") {
            if let Ok(name) = Name::parse(&typed) {
                prop_assert_eq!(of(name.key()), name.key().as_str());
            }
        }
    }
}
