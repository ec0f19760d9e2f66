//! Finds the links in a text, by the rules of `static/rich_text.js`, with which the page marks them. Both are tested with `tests/page/links.json`.
//!
//! Linear in the text: no character is read more than a fixed number of times.

use icu_properties::props::{BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory};
use url::Url;

use super::words::is_unspaced;
use crate::name::is_mark;

/// A longer link stays plain text. Counted as JavaScript counts: in UTF-16 units.
const MAX_LENGTH: usize = 500;
/// Punctuation of the sentence around a link: of ASCII these, of other scripts every sign.
const TRAILING: &str = ".,:;!?'*_~";
const BRACKETS: [(char, char); 3] = [('(', ')'), ('[', ']'), ('{', '}')];

/// Whether the page shows a link in a text.
pub fn has_link(text: &str) -> bool {
    Links::new(text).next().is_some()
}

/// Returns the links that the page shows in a text, as typed.
pub fn links(text: &str) -> Vec<&str> {
    Links::new(text).collect()
}

struct Links<'a> {
    text: &'a str,
    /// Where the next beginning of a link is looked for.
    from: usize,
    /// The end of the last candidate: the first character after it that no link has.
    end: usize,
}

impl<'a> Links<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, from: 0, end: 0 }
    }

    /// Reads the candidate that begins here.
    fn read(&mut self, start: usize, prefix: usize) -> Option<&'a str> {
        let text = self.text;
        self.from = start + prefix;
        let is_web = prefix > "www.".len();
        if text[..start].chars().next_back().is_some_and(|before| is_glued(before, is_web)) {
            return None;
        }
        if self.end < self.from {
            self.end = self.from + text[self.from..].find(ends_link).unwrap_or(text.len() - self.from);
        }
        let candidate = cut_after_host(first_link(shortened(&text[start..self.end])), if is_web { prefix } else { 0 });
        if utf16_length(candidate) > MAX_LENGTH {
            self.from = self.from.max(self.end);
            return None;
        }
        self.from = self.from.max(start + candidate.len());
        Some(trimmed(candidate)).filter(|address| is_address(address))
    }
}

impl<'a> Iterator for Links<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let (start, prefix) = next_start(self.text, self.from)?;
            if let Some(link) = self.read(start, prefix) {
                return Some(link);
            }
        }
    }
}

/// Returns where the next `http://`, `https://` or `www.` is, and its length.
fn next_start(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let starts = |at: usize| {
        let rest = &bytes[at..];
        ["https://", "http://", "www."]
            .into_iter()
            .find(|prefix| rest.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix.as_bytes())))
    };
    (from..bytes.len()).find_map(|at| starts(at).map(|prefix| (at, prefix.len())))
}

/// Whether no link starts after this character.
fn is_glued(before: char, is_web: bool) -> bool {
    // Two letters that JavaScript takes for `s` and `k` where case is ignored.
    before.is_ascii_alphanumeric() || "\u{17f}\u{212a}".contains(before) || !is_web && "_@./:-".contains(before)
}

/// Whether a character ends a link: white space, invisible characters, quotes, and the brackets and stops of other scripts than
/// Latin.
fn ends_link(c: char) -> bool {
    use GeneralCategory as Category;
    if c.is_ascii() {
        return c.is_ascii_whitespace() || c.is_ascii_control() || "<>\"`\\^|".contains(c);
    }
    c.is_whitespace()
        || "\u{2800}＜＞‚„〝〞〟。｡､、，．！？：；…‥؟؛،۔।॥".contains(c)
        || DefaultIgnorableCodePoint::for_char(c)
        || matches!(
            Category::for_char(c),
            Category::Control
                | Category::Format
                | Category::InitialPunctuation
                | Category::FinalPunctuation
                | Category::OpenPunctuation
                | Category::ClosePunctuation
        )
}

/// Returns as much of a candidate as decides whether it is too long.
fn shortened(candidate: &str) -> &str {
    let mut length = 0;
    let end = candidate.char_indices().find(|(_, c)| {
        let is_enough = length > MAX_LENGTH;
        length += c.len_utf16();
        is_enough
    });
    end.map_or(candidate, |(end, _)| &candidate[..end])
}

/// Returns the first of a list of links without spaces.
fn first_link(candidate: &str) -> &str {
    let begins_link = |rest: &str| {
        ["http://", "https://"].into_iter().any(|begin| {
            rest.as_bytes().get(..begin.len()).is_some_and(|found| found.eq_ignore_ascii_case(begin.as_bytes()))
        })
    };
    let separators = candidate.char_indices().filter(|(_, c)| ",;|".contains(*c));
    let end = separators.map(|(at, _)| at).find(|at| begins_link(&candidate[at + 1..]));
    end.map_or(candidate, |end| &candidate[..end])
}

/// Whether a character at the end of a link belongs to the sentence.
fn is_trailing(c: char) -> bool {
    use GeneralCategory as Category;
    if c.is_ascii() {
        return TRAILING.contains(c);
    }
    matches!(
        Category::for_char(c),
        Category::ConnectorPunctuation
            | Category::DashPunctuation
            | Category::OpenPunctuation
            | Category::ClosePunctuation
            | Category::InitialPunctuation
            | Category::FinalPunctuation
            | Category::OtherPunctuation
            | Category::MathSymbol
            | Category::CurrencySymbol
            | Category::ModifierSymbol
            | Category::OtherSymbol
    )
}

fn utf16_length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Cuts off what follows a host and is neither a path nor a query: `https://a.example,b`, or a sentence without spaces.
fn cut_after_host(candidate: &str, host_start: usize) -> &str {
    let authority = authority(candidate, host_start);
    if authority.contains('@') {
        return candidate;
    }
    let host = host_length(authority);
    let last_label = authority[..host].rfind('.').map_or(0, |dot| dot + 1);
    if last_label > 0 {
        let label = &authority[last_label..host];
        let ascii = label.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(label.len());
        if ascii >= 2 && label[ascii..].chars().next().is_some_and(is_unspaced) {
            return &candidate[..host_start + last_label + ascii];
        }
    }
    if host < authority.len() { &candidate[..host_start + host] } else { candidate }
}

fn authority(address: &str, host_start: usize) -> &str {
    let rest = &address[host_start..];
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

/// Returns the length of a host and its port.
fn host_length(authority: &str) -> usize {
    let ends_name = |c: char| !(c.is_alphanumeric() || is_mark(c) || is_number(c) || ".%_-".contains(c));
    let name = authority.find(ends_name).unwrap_or(authority.len());
    let host = bracketed(authority).unwrap_or(name);
    let Some(port) = authority[host..].strip_prefix(':') else { return host };
    host + 1 + port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len())
}

/// Returns the length of an IPv6 address in brackets.
fn bracketed(authority: &str) -> Option<usize> {
    let inside = authority.strip_prefix('[')?;
    let end = inside.find(|c: char| !(c.is_ascii_hexdigit() || ".:".contains(c)))?;
    inside[end..].starts_with(']').then_some(end + 2)
}

/// Whether a character is in the class `\p{N}`; `is_alphanumeric` has most of it, and letters.
fn is_number(c: char) -> bool {
    use GeneralCategory as Category;
    matches!(Category::for_char(c), Category::DecimalNumber | Category::LetterNumber | Category::OtherNumber)
}

/// Removes the punctuation after a link, and each closing bracket that has no opening one in it.
fn trimmed(candidate: &str) -> &str {
    let count = |bracket: char| candidate.chars().filter(|c| *c == bracket).count();
    let mut surplus = BRACKETS.map(|(open, close)| (close, count(close).saturating_sub(count(open))));
    let mut end = candidate.len();
    for (at, c) in candidate.char_indices().rev() {
        match surplus.iter_mut().find(|(close, left)| *close == c && *left > 0) {
            Some((_, left)) => *left -= 1,
            None if is_trailing(c) => {}
            None => break,
        }
        end = at;
    }
    &candidate[..end]
}

/// Whether an address opens what it shows.
fn is_address(address: &str) -> bool {
    let scheme = ["https://", "http://"].into_iter().find(|scheme| {
        address.as_bytes().get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme.as_bytes()))
    });
    let authority = authority(address, scheme.map_or(0, str::len));
    // `bank.example@evil.example` opens evil.example.
    if authority.is_empty() || authority.contains('@') {
        return false;
    }
    match scheme {
        Some(_) => Url::parse(address).is_ok(),
        None => has_labels_after_www(authority) && Url::parse(&format!("https://{address}")).is_ok(),
    }
}

/// Whether a name has two labels after `www.`.
fn has_labels_after_www(authority: &str) -> bool {
    let Some(name) = authority.get("www.".len()..) else { return false };
    name.find('.').is_some_and(|dot| dot > 0 && name.len() > dot + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        text: String,
        links: Vec<String>,
    }

    #[test]
    fn links_are_those_that_the_page_shows() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/page/links.json")).unwrap();
        assert!(cases.len() > 50);
        for Case { text, links: expected } in cases {
            assert_eq!(links(&text), expected, "{text:?}");
            assert_eq!(has_link(&text), !expected.is_empty(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn links_are_parts_of_any_text(text in "(https?://|www\\.|[\\PC\n]|[a-z./:@(),]){0,80}") {
            let mut rest = text.as_str();
            for link in links(&text) {
                let at = rest.find(link);
                prop_assert!(at.is_some(), "{link}");
                rest = &rest[at.unwrap_or_default() + link.len()..];
            }
        }

        #[test]
        fn address_between_spaces_is_a_link(before in "[\\PC\n]{0,40}", path in "[a-z0-9/]{0,40}") {
            let text = format!("{before} https://contoh.id/{path} ya");
            prop_assert!(has_link(&text));
        }
    }
}
