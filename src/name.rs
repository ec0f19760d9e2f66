//! Names of people: which texts are names, how they are shown, and which two are equal.
//!
//! A name has 1 to [`VISIBLE`] characters as a reader counts them, none of them invisible. Two names are equal if they
//! look alike, in any case.

mod character;
mod emoji;
mod key;
mod search;

use icu_normalizer::ComposingNormalizerBorrowed;
use thiserror::Error;
use unicode_segmentation::UnicodeSegmentation;

pub use character::{MARKS, is_drawn, is_mark};
pub use key::{NameKey, folded, look_alike_form};
pub use search::search_form;

/// The largest number of visible characters (grapheme clusters) of a name.
pub const VISIBLE: usize = 32;
/// The largest number of Unicode scalars of a name. A visible character may consist of several.
pub const SCALARS: usize = 128;
/// The longest input that is parsed, in bytes: four times the longest name, to allow for white space around it.
const BYTES: usize = 4 * 4 * SCALARS;

/// A valid name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    shown: String,
    name_key: NameKey,
}

/// Why an input is no name. The page has a sentence for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Empty, or white space only.
    #[error("a name must not be empty")]
    Empty,
    /// More than [`VISIBLE`] characters, or more than [`SCALARS`] scalars.
    #[error("a name has at most {VISIBLE} characters")]
    TooLong,
    /// An invisible character: control, line break, direction, zero width, blank.
    #[error("a name must not contain invisible characters")]
    Invisible,
    /// A character without a meaning: private use, unassigned, or the replacement character.
    #[error("a name must not contain unknown characters")]
    Unknown,
    /// A combining mark without a base, or too many on one base.
    #[error("a name must not have combining marks alone or stacked high")]
    Marks,
}

impl Name {
    /// Parses an input.
    ///
    /// ```
    /// use ruang::name::{Name, NameError};
    ///
    /// let name = Name::parse("  Ibu   Sari ")?;
    /// assert_eq!(name.shown(), "Ibu Sari");
    /// // Cyrillic letters that look like Latin ones make the same name.
    /// assert_eq!(Name::parse("admin")?.key(), Name::parse("аdmіn")?.key());
    /// assert_eq!(Name::parse("sari\u{200b}"), Err(NameError::Invisible));
    /// # Ok::<(), NameError>(())
    /// ```
    ///
    /// # Errors
    /// The first rule that it violates, see [`NameError`].
    pub fn parse(typed: &str) -> Result<Self, NameError> {
        if typed.len() > BYTES {
            return Err(NameError::TooLong);
        }
        let shown = normalized(typed);
        if shown.is_empty() {
            return Err(NameError::Empty);
        }
        character::check(&shown)?;
        if shown.chars().count() > SCALARS || shown.graphemes(true).count() > VISIBLE {
            return Err(NameError::TooLong);
        }
        let name_key = key::of(&shown).into();
        Ok(Self { shown, name_key })
    }

    /// The name as shown: NFC, trimmed, inner spaces collapsed.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The name key: the shown name, case folded, with look-alikes mapped. Not for display.
    pub fn key(&self) -> &NameKey {
        &self.name_key
    }
}

/// NFC, trimmed, inner spaces collapsed. Tabs and line breaks stay, and are refused later.
fn normalized(typed: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(typed);
    collapse_spaces(composed.trim())
}

fn collapse_spaces(text: &str) -> String {
    text.split(character::is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Name, NameError, NameKey, SCALARS, VISIBLE, folded};

    fn parse(typed: &str) -> Result<Name, NameError> {
        Name::parse(typed)
    }

    fn key(typed: &str) -> NameKey {
        parse(typed).unwrap_or_else(|error| panic!("{typed:?}: {error}")).name_key
    }

    #[test]
    fn shown_name_is_composed_trimmed_and_collapsed() {
        for (typed, shown) in [
            ("sari", "sari"),
            ("  Sari \u{a0}\u{3000} Dewi\n", "Sari Dewi"),
            ("Ame\u{301}lie", "Amélie"),
            ("Nguyễn Thị", "Nguyễn Thị"),
            ("محمد ﷺ", "محمد ﷺ"),
            ("ศรีสุดา", "ศรีสุดา"),
            ("ꦱꦫꦶ", "ꦱꦫꦶ"),
            ("क्षितिज", "क्षितिज"),
            ("김민준", "김민준"),
            ("O'Brien-Smith, Jr.", "O'Brien-Smith, Jr."),
            ("<b>sari</b>", "<b>sari</b>"),
        ] {
            assert_eq!(parse(typed).expect(typed).shown(), shown);
        }
    }

    #[test]
    fn empty_and_blank_names_are_refused() {
        for typed in ["", " ", "\u{a0}\u{2003}\u{3000}", "\t\r\n", "\u{2028}\u{85}"] {
            assert_eq!(parse(typed), Err(NameError::Empty), "{typed:?}");
        }
    }

    #[test]
    fn name_has_at_most_32_visible_characters() {
        assert!(parse(&"a".repeat(VISIBLE)).is_ok());
        assert!(parse(&"🇮🇩".repeat(VISIBLE)).is_ok());
        assert!(parse(&format!("  {}  ", "é".repeat(VISIBLE))).is_ok());
        assert_eq!(parse(&"a".repeat(VISIBLE + 1)), Err(NameError::TooLong));
        assert_eq!(parse(&"ﷺ".repeat(VISIBLE + 1)), Err(NameError::TooLong));
        assert_eq!(parse(&"👩\u{200d}👩\u{200d}👧\u{200d}👦".repeat(SCALARS / 7 + 1)), Err(NameError::TooLong));
        assert_eq!(parse(&"a".repeat(10_000)), Err(NameError::TooLong));
    }

    #[test]
    fn keys_of_look_alikes_are_equal_in_any_case() {
        for (one, other) in [
            ("sari", "SARI"),
            ("sari", "  Sari "),
            ("Sari  Dewi", "sari dewi"),
            ("admin", "аdmіn"),
            ("admin", "АDMІN"),
            ("admin", "ａｄｍｉｎ"),
            ("admin", "ＡＤＭＩＮ"),
            ("admin", "𝐚𝐝𝐦𝐢𝐧"),
            ("admin", "ⓐⓓⓜⓘⓝ"),
            ("straße", "STRASSE"),
            ("Amélie", "AME\u{301}LIE"),
            ("p0p", "pop"),
            ("1van", "lvan"),
            ("irmak", "İRMAK"),
            ("irmak", "IRMAK"),
            ("irmak", "ırmak"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("❤", "❤\u{fe0f}"),
        ] {
            assert_eq!(key(one), key(other), "{one} and {other}");
        }
    }

    #[test]
    fn keys_of_visibly_different_names_differ() {
        for (one, other) in
            [("sari", "sarí"), ("sari", "sa ri"), ("budi", "budi2"), ("😀", "😃"), ("👍🏻", "👍🏿"), ("ali", "all")]
        {
            assert_ne!(key(one), key(other), "{one} and {other}");
        }
    }

    #[test]
    fn sort_key_keeps_different_letters_apart() {
        assert_eq!(folded("Straße"), "strasse");
        assert_eq!(folded("AME\u{301}LIE"), "amélie");
        assert_ne!(folded("p0p"), folded("pop"));
    }

    proptest! {
        #[test]
        fn any_input_parses_without_panic_and_idempotently(typed in "\\PC{0,40}|(?s).{0,60}") {
            if let Ok(name) = parse(&typed) {
                let again = parse(name.shown()).expect("what is shown is a name");
                prop_assert_eq!(&again, &name);
                prop_assert!(!name.key().is_empty());
                prop_assert!(!name.shown().chars().any(char::is_control));
            }
        }

        #[test]
        fn key_ignores_case(typed in "[a-zA-Zà-öø-ÿÀ-ÖØ-Þа-яА-Я ]{1,20}") {
            if let Ok(name) = parse(&typed) {
                prop_assert_eq!(name.key(), &key(&typed.to_lowercase()));
                prop_assert_eq!(folded(name.shown()), folded(&name.shown().to_lowercase()));
            }
        }
    }
}
