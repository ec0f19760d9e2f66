//! Keys made of names: which two are the same, and in which order they are listed.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use unicode_security::skeleton;

/// Rounds after which a key has settled; a test tries every character.
const ROUNDS: usize = 4;

/// The uniqueness key of a name as shown: equal for names that look alike, whatever their case.
///
/// Case is folded first, since the table of look-alikes tells cases apart; and again after it, since that table
/// answers in capitals too (`0` looks like `O`): until nothing changes.
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

/// A name case folded, in NFC: what lists of people are sorted by.
pub fn folded(shown: &str) -> String {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    nfc.normalize(&CaseMapper::new().fold_string(&nfc.normalize(shown))).into_owned()
}

fn round(text: &str) -> String {
    // Compatibility forms first (full width, circled, ligatures): the table of look-alikes has only some of them.
    let plain = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let folded = CaseMapper::new().fold_string(&plain).replace("i\u{307}", "i").replace("j\u{307}", "j");
    let mapped: String = skeleton(&folded).collect();
    super::collapsed(mapped.trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{of, round};
    use crate::name::Name;

    #[test]
    fn the_key_of_every_character_settles_and_is_not_empty() {
        let ideographs =
            |c: &char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{2f7ff}');
        for c in ('\0'..='\u{2ffff}').filter(|c| !ideographs(c)) {
            let Ok(name) = Name::parse(&c.to_string()) else { continue };
            assert_eq!(round(name.who()), name.who(), "{c:?}");
            assert!(!name.who().is_empty(), "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn the_key_of_a_key_is_itself(typed in "\\PC{1,30}") {
            if let Ok(name) = Name::parse(&typed) {
                prop_assert_eq!(&of(name.who()), name.who());
            }
        }
    }
}
