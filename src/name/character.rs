//! The characters that names may contain.

use icu_properties::props::{
    BidiControl, BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory,
};

use super::{NameError, emoji};

/// The largest number of combining marks in a row (Unicode UTS 39).
pub const MARKS: usize = 4;

/// Characters that are drawn blank, although their properties do not say so.
const BLANKS: [char; 6] = [
    '\u{2800}',  // braille pattern blank
    '\u{16fe4}', // khitan small script filler
    '\u{1d159}', // musical symbol null notehead
    '\u{13441}', // egyptian hieroglyph full blank
    '\u{13442}', // egyptian hieroglyph half blank
    '\u{fffc}',  // object replacement character
];

/// Checks every character of a name that was trimmed and collapsed.
pub(super) fn check(shown: &str) -> Result<(), NameError> {
    let mut rest = shown;
    let mut under_marks = Marks::default();
    while let Some(first) = rest.chars().next() {
        let length = match emoji::sequence(rest) {
            Some(length) => {
                under_marks = Marks::on_a_base();
                length
            }
            None => {
                check_one(first)?;
                under_marks.next(first)?;
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    Ok(())
}

/// Whether a character is one of those that collapse into a space.
pub(super) fn is_space(c: char) -> bool {
    GeneralCategory::for_char(c) == GeneralCategory::SpaceSeparator
}

/// Whether a character is drawn: neither white space nor blank nor a control of any kind.
pub fn is_drawn(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !is_invisible(c)
}

/// Whether a character combines with the one before it.
pub fn is_mark(c: char) -> bool {
    use GeneralCategory as Category;
    matches!(Category::for_char(c), Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark)
}

fn is_invisible(c: char) -> bool {
    DefaultIgnorableCodePoint::for_char(c) || BidiControl::for_char(c) || BLANKS.contains(&c)
}

fn check_one(c: char) -> Result<(), NameError> {
    use GeneralCategory as Category;
    if is_invisible(c) {
        return Err(NameError::Invisible);
    }
    match Category::for_char(c) {
        Category::Control | Category::Format | Category::LineSeparator | Category::ParagraphSeparator => {
            Err(NameError::Invisible)
        }
        Category::PrivateUse | Category::Unassigned | Category::Surrogate => Err(NameError::Unknown),
        _ if c == char::REPLACEMENT_CHARACTER => Err(NameError::Unknown),
        _ => Ok(()),
    }
}

/// Counts the combining marks in a row, and whether they have a base.
#[derive(Default)]
struct Marks {
    base: bool,
    marks: usize,
}

impl Marks {
    fn on_a_base() -> Self {
        Self { base: true, marks: 0 }
    }

    fn next(&mut self, c: char) -> Result<(), NameError> {
        if !is_mark(c) {
            *self = Self { base: !is_space(c), marks: 0 };
            return Ok(());
        }
        self.marks += 1;
        if self.base && self.marks <= MARKS { Ok(()) } else { Err(NameError::Marks) }
    }
}

#[cfg(test)]
mod tests {
    use super::{NameError, check};

    #[test]
    fn invisible_characters_are_refused() {
        for c in [
            '\0',
            '\t',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{fffc}',
            '\u{1d159}',
            '\u{13441}',
            '\u{e0001}',
            '\u{e0061}',
        ] {
            for name in [format!("{c}"), format!("sa{c}ri"), format!("{c}sari"), format!("sari{c}")] {
                assert_eq!(check(&name), Err(NameError::Invisible), "{name:?}");
            }
        }
    }

    #[test]
    fn meaningless_characters_are_refused() {
        for c in ['\u{e000}', '\u{f8ff}', '\u{378}', '\u{fffd}', '\u{fdd0}', '\u{ffff}', '\u{10ffff}', '\u{100000}'] {
            assert_eq!(check(&format!("sa{c}ri")), Err(NameError::Unknown), "{c:?}");
        }
    }

    #[test]
    fn marks_need_a_base_and_are_at_most_four() {
        assert_eq!(check("e\u{301}\u{302}\u{303}\u{304}"), Ok(()));
        assert_eq!(check("e\u{301}\u{302}\u{303}\u{304}\u{305}"), Err(NameError::Marks));
        assert_eq!(check("\u{301}e"), Err(NameError::Marks));
        assert_eq!(check("e \u{301}"), Err(NameError::Marks));
        assert_eq!(check(&format!("Z{}", "\u{336}".repeat(30))), Err(NameError::Marks));
    }

    #[test]
    fn letters_of_every_script_and_punctuation_pass() {
        for name in ["Sari 2", "O'Brien_3!", "Øyvind", "Наталья", "שָׂרָה", "مُحَمَّد", "தமிழ்", "བསྒྲུབས", "ﷺ", "½", "€", "김"]
        {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }
}
