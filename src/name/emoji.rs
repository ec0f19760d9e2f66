//! Emoji that consist of several characters, some of which are invisible by themselves.

use icu_properties::props::{BinaryProperty, Emoji, EmojiModifier, ExtendedPictographic};

const JOINER: char = '\u{200d}';
const AS_EMOJI: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
const BLACK_FLAG: char = '\u{1f3f4}';
/// The largest number of pictures joined in one emoji: a family of four, or a kiss.
const JOINED: usize = 4;

/// The flags of regions, as invisible tags after [`BLACK_FLAG`]. No others are in use.
const REGIONS: [&str; 3] = [
    "\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", // England
    "\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}", // Scotland
    "\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}", // Wales
];

/// Returns the length in bytes of the emoji at the start of `text`, if there is one.
///
/// Follows the "possible emoji" of Unicode UTS 51, which includes future emoji.
pub(super) fn sequence(text: &str) -> Option<usize> {
    keycap(text).or_else(|| region(text)).or_else(|| joined(text))
}

fn keycap(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(|c: char| c.is_ascii_digit() || c == '#' || c == '*')?;
    let rest = rest.strip_prefix(AS_EMOJI)?.strip_prefix(KEYCAP)?;
    Some(text.len() - rest.len())
}

fn region(text: &str) -> Option<usize> {
    let tags = text.strip_prefix(BLACK_FLAG)?;
    let rest = REGIONS.iter().find_map(|region| tags.strip_prefix(region))?;
    Some(text.len() - rest.len())
}

fn joined(text: &str) -> Option<usize> {
    let mut length = picture(text)?;
    for _ in 1..JOINED {
        let Some(next) = text[length..].strip_prefix(JOINER).and_then(picture) else { break };
        length += JOINER.len_utf8() + next;
    }
    Some(length)
}

/// Returns the length of one picture with its skin tone or emoji selector.
fn picture(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(|c| Emoji::for_char(c) && ExtendedPictographic::for_char(c))?;
    let rest = rest.strip_prefix(|c| c == AS_EMOJI || EmojiModifier::for_char(c)).unwrap_or(rest);
    Some(text.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::{super::Name, sequence};

    #[test]
    fn todays_emoji_are_names() {
        for emoji in [
            "🙂",
            "❤\u{fe0f}",
            "©\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
            "🇮🇩",
            "👍🏽",
            "☝🏿",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "🏴\u{200d}☠\u{fe0f}",
            "🏳\u{fe0f}\u{200d}🌈",
            "🏳\u{fe0f}\u{200d}⚧\u{fe0f}",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "👩🏻\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨🏿",
            "🧑🏽\u{200d}🦰",
            "🧑\u{200d}🧑\u{200d}🧒\u{200d}🧒",
            "👁\u{fe0f}\u{200d}🗨\u{fe0f}",
            "⛹🏾\u{200d}♀\u{fe0f}",
            "🏃🏿\u{200d}♀\u{fe0f}\u{200d}➡\u{fe0f}",
            "🐻\u{200d}❄\u{fe0f}",
            "⛓\u{fe0f}\u{200d}💥",
            "🫩",
            "🫆",
        ] {
            let name = Name::parse(&format!("Sari {emoji}{emoji}!")).unwrap_or_else(|error| panic!("{emoji}: {error}"));
            assert_eq!(name.shown(), format!("Sari {emoji}{emoji}!"));
        }
    }

    #[test]
    fn joiners_selectors_and_tags_alone_are_no_emoji() {
        for text in [
            "a\u{200d}b",
            "🙂\u{200d}",
            "\u{200d}🙂",
            "🙂\u{200d}\u{200d}🙂",
            "🙂\u{200d}a",
            "a\u{fe0f}",
            "1\u{fe0f}",
            "1\u{200d}2",
            "❤\u{fe0f}\u{fe0f}",
            "🙂\u{e0067}\u{e007f}",
            "🏴\u{e0067}\u{e0062}",
            "🏴\u{e0061}\u{e0062}\u{e007f}",
            "🙂\u{200d}🙂\u{200d}🙂\u{200d}🙂\u{200d}🙂",
        ] {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sequence_ends_where_the_next_begins() {
        assert_eq!(sequence("👍🏽👍"), Some("👍🏽".len()));
        assert_eq!(sequence("sari"), None);
        assert_eq!(sequence("12"), None);
        assert_eq!(sequence(""), None);
    }
}
