//! Parsers of the settings about the look of the pages.

use std::{fs, io::Read};

use crate::{
    brand::{Accent, Colour, Contact, LANGUAGES, Logo, NotAColour, NotAContact},
    name::Name,
    protocol::Text,
};

/// The longest line at sign-in, in characters.
const WELCOME_CHARS: usize = 200;
/// The largest file of rules, in bytes.
const RULES_BYTES: usize = 32_000;

/// The languages of the pages, in the order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Languages(pub Vec<&'static str>);

/// The rules of names also suit the name of a room.
pub(super) fn title(text: &str) -> Result<String, String> {
    let name = Name::parse(text).map_err(|error| error.to_string().replace("a name", "a title"))?;
    Ok(name.shown().to_owned())
}

pub(super) fn welcome(text: &str) -> Result<String, String> {
    let text = Text::parse(text).map(|text| text.as_str().to_owned()).unwrap_or_default();
    let fits = !text.is_empty() && text.chars().count() <= WELCOME_CHARS && !text.contains(['\n', '\t']);
    if fits { Ok(text) } else { Err(format!("one line of 1 to {WELCOME_CHARS} characters")) }
}

pub(super) fn logo_file(path: &str) -> Result<Logo, String> {
    let accepted = |why: String| format!("a readable file, a PNG or an SVG of at most 100 kB ({why})");
    let bytes = fs::read(path).map_err(|error| accepted(error.to_string()))?;
    Logo::new(&bytes).map_err(|error| accepted(error.to_string()))
}

pub(super) fn contact(text: &str) -> Result<Contact, String> {
    text.parse().map_err(|error: NotAContact| error.to_string())
}

pub(super) fn rules_file(path: &str) -> Result<String, String> {
    let accepted = |why: String| format!("a readable file of plain text in UTF-8, at most 32 kB ({why})");
    let file = fs::File::open(path).map_err(|error| accepted(error.to_string()))?;
    let mut text = String::new();
    let read = file.take(RULES_BYTES as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| accepted(error.to_string()))?;
    if text.len() > RULES_BYTES {
        return Err(accepted("it is too long".into()));
    }
    let is_text = !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    if text.trim().is_empty() || !is_text {
        return Err(accepted("it is empty or has control characters".into()));
    }
    Ok(text)
}

pub(super) fn accent(text: &str) -> Result<Accent, String> {
    let colour: Colour = text.trim().parse().map_err(|error: NotAColour| error.to_string())?;
    Accent::new(colour).map_err(|error| error.to_string())
}

pub(super) fn languages(text: &str) -> Result<Languages, String> {
    let accepted = || format!("one or more of {}, each once, with commas", LANGUAGES.join(", "));
    let mut chosen = vec![];
    for tag in text.split(',') {
        let known = LANGUAGES.into_iter().find(|known| *known == tag.trim()).ok_or_else(accepted)?;
        if chosen.contains(&known) {
            return Err(accepted());
        }
        chosen.push(known);
    }
    Ok(Languages(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_known_and_named_once() {
        assert_eq!(languages("en"), Ok(Languages(vec!["en"])));
        assert_eq!(languages("en, id"), Ok(Languages(vec!["en", "id"])));
        for text in ["", "de", "en,", "en,en"] {
            assert!(languages(text).is_err(), "{text}");
        }
    }

    #[test]
    fn colour_that_cannot_be_read_is_refused_with_the_nearest() {
        let error = accent("#ffd400").unwrap_err();
        let nearest = error.rsplit(' ').next().unwrap();
        assert!(accent(nearest).is_ok(), "{error}");
        assert!(accent("teal").is_err());
    }

    #[test]
    fn welcome_is_one_short_line() {
        assert_eq!(welcome(" Halo kelas 7B "), Ok("Halo kelas 7B".into()));
        for text in ["\u{200b}", "a\nb", &"x".repeat(201)] {
            assert!(welcome(text).is_err(), "{text}");
        }
    }
}
