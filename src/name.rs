//! Names of people: what may be one, how it is shown, and which two are the same.
//!
//! A name is what a person can see and tell from others: 1 to [`VISIBLE`] characters as a reader counts them,
//! none of them invisible. Two names are the same person's if they look alike, whatever their case.

mod character;
mod emoji;
mod key;

use icu_normalizer::ComposingNormalizerBorrowed;
use thiserror::Error;
use unicode_segmentation::UnicodeSegmentation;

pub use character::{MARKS, is_drawn, is_mark};
pub use key::{NameKey, folded};

/// Most visible characters (grapheme clusters) of a name.
pub const VISIBLE: usize = 32;
/// Most Unicode scalars of a name: a visible character may be made of several, but not of any number.
pub const SCALARS: usize = 128;
/// Bytes past which nothing is looked at: four times what the longest name takes, white space around it included.
const BYTES: usize = 4 * 4 * SCALARS;

/// A name somebody may carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    shown: String,
    name_key: NameKey,
}

/// Why something typed is no name. Each has its own sentence on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing, or only white space.
    #[error("a name must not be empty")]
    Empty,
    /// More than [`VISIBLE`] characters, or more than [`SCALARS`] scalars.
    #[error("a name has at most {VISIBLE} characters")]
    TooLong,
    /// A character that is not seen: controls, line breaks, directions, zero widths, blanks.
    #[error("a name must not contain invisible characters")]
    Invisible,
    /// A character that means nothing to others: private, unassigned, or a replacement for a lost one.
    #[error("a name must not contain unknown characters")]
    Unknown,
    /// A combining mark without a letter under it, or too many on one.
    #[error("a name must not have combining marks alone or stacked high")]
    Marks,
}

impl Name {
    /// Reads what somebody typed.
    ///
    /// ```
    /// use ruang::name::{Name, NameError};
    ///
    /// let name = Name::parse("  Ibu   Sari ")?;
    /// assert_eq!(name.shown(), "Ibu Sari");
    /// // Cyrillic letters among the Latin ones look alike, and are the same name.
    /// assert_eq!(Name::parse("admin")?.who(), Name::parse("аdmіn")?.who());
    /// assert_eq!(Name::parse("sari\u{200b}"), Err(NameError::Invisible));
    /// # Ok::<(), NameError>(())
    /// ```
    ///
    /// # Errors
    /// The first rule that it breaks, see [`NameError`].
    pub fn parse(typed: &str) -> Result<Self, NameError> {
        if typed.len() > BYTES {
            return Err(NameError::TooLong);
        }
        let shown = tidied(typed);
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

    /// The uniqueness key: the shown name case folded, look-alikes mapped. Not for people to read.
    pub fn key(&self) -> &NameKey {
        &self.name_key
    }
}

/// NFC, trimmed, each run of inner spaces one space. Tabs and line breaks inside stay, to be refused.
fn tidied(typed: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(typed);
    collapsed(composed.trim())
}

fn collapsed(text: &str) -> String {
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
    fn a_name_is_shown_composed_trimmed_and_collapsed() {
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
    fn nothing_and_only_white_space_are_no_name() {
        for typed in ["", " ", "\u{a0}\u{2003}\u{3000}", "\t\r\n", "\u{2028}\u{85}"] {
            assert_eq!(parse(typed), Err(NameError::Empty), "{typed:?}");
        }
    }

    #[test]
    fn a_name_has_at_most_32_visible_characters() {
        assert!(parse(&"a".repeat(VISIBLE)).is_ok());
        assert!(parse(&"🇮🇩".repeat(VISIBLE)).is_ok());
        assert!(parse(&format!("  {}  ", "é".repeat(VISIBLE))).is_ok());
        assert_eq!(parse(&"a".repeat(VISIBLE + 1)), Err(NameError::TooLong));
        assert_eq!(parse(&"ﷺ".repeat(VISIBLE + 1)), Err(NameError::TooLong));
        assert_eq!(parse(&"👩\u{200d}👩\u{200d}👧\u{200d}👦".repeat(SCALARS / 7 + 1)), Err(NameError::TooLong));
        assert_eq!(parse(&"a".repeat(10_000)), Err(NameError::TooLong));
    }

    #[test]
    fn names_that_look_alike_are_the_same_whatever_their_case() {
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
    fn names_that_differ_to_the_eye_are_different() {
        for (one, other) in
            [("sari", "sarí"), ("sari", "sa ri"), ("budi", "budi2"), ("😀", "😃"), ("👍🏻", "👍🏿"), ("ali", "all")]
        {
            assert_ne!(key(one), key(other), "{one} and {other}");
        }
    }

    #[test]
    fn members_are_sorted_by_a_key_that_keeps_letters_apart() {
        assert_eq!(folded("Straße"), "strasse");
        assert_eq!(folded("AME\u{301}LIE"), "amélie");
        assert_ne!(folded("p0p"), folded("pop"));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_never_panics_and_what_is_shown_is_itself_a_name(typed in "\\PC{0,40}|(?s).{0,60}") {
            if let Ok(name) = parse(&typed) {
                let again = parse(name.shown()).expect("what is shown is a name");
                prop_assert_eq!(&again, &name);
                prop_assert!(!name.key().is_empty());
                prop_assert!(!name.shown().chars().any(char::is_control));
            }
        }

        #[test]
        fn the_case_of_a_name_makes_no_difference(typed in "[a-zA-Zà-öø-ÿÀ-ÖØ-Þа-яА-Я ]{1,20}") {
            if let Ok(name) = parse(&typed) {
                prop_assert_eq!(name.key(), &key(&typed.to_lowercase()));
                prop_assert_eq!(folded(name.shown()), folded(&name.shown().to_lowercase()));
            }
        }
    }
}
