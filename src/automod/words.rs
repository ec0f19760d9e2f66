//! Finds listed words in texts, folded as names are.

use std::collections::{BTreeSet, HashSet};

use icu_properties::props::{EnumeratedProperty, Script};

use crate::name::{is_drawn, is_mark, look_alike_form};

/// Most words of an entry: longer ones are cut there.
const WORDS_OF_AN_ENTRY: usize = 16;

/// A set of entries, each one or more words in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct WordSet {
    entries: HashSet<Vec<String>>,
    /// How many words entries have.
    lengths: BTreeSet<usize>,
}

impl WordSet {
    pub(super) fn new(words: &[String]) -> Self {
        let entries: HashSet<Vec<String>> =
            words.iter().map(|word| entry(word)).filter(|entry| !entry.is_empty()).collect();
        let lengths = entries.iter().map(Vec::len).collect();
        Self { entries, lengths }
    }

    /// Whether there are no entries.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the words of a [folded](fold) text have one of the entries. Linear in the text.
    pub(super) fn matches(&self, words: &[String]) -> bool {
        let begins_here = |at: usize| {
            let mut ends = self.lengths.iter().map(|length| at + length).take_while(|end| *end <= words.len());
            ends.any(|end| self.entries.contains(&words[at..end]))
        };
        (0..words.len()).any(begins_here)
    }
}

/// Whether an entry can be found in any text.
pub(super) fn is_matchable(word: &str) -> bool {
    !entry(word).is_empty()
}

fn entry(word: &str) -> Vec<String> {
    let mut words = fold(word);
    words.truncate(WORDS_OF_AN_ENTRY);
    words
}

/// Returns the words of a text, folded as names are. Scripts without spaces have each character as a word.
pub(super) fn fold(text: &str) -> Vec<String> {
    let drawn = text.chars().filter(|c| c.is_whitespace() || is_drawn(*c));
    // Before folding: the signs between words look like letters too.
    let spaced: String = drawn.map(|c| if is_part(c) { c } else { ' ' }).collect();
    let mut words = vec![];
    let mut word = String::new();
    for c in look_alike_form(&spaced).chars() {
        let is_part = is_part(c);
        if (!is_part || is_unspaced(c)) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if is_part && is_unspaced(c) {
            words.push(c.to_string());
        } else if is_part {
            word.push(c);
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c)
}

/// Whether a character is of a script that is written without spaces.
pub(super) fn is_unspaced(c: char) -> bool {
    // Most texts: no look-up.
    if c < '\u{0e00}' {
        return false;
    }
    matches!(
        Script::for_char(c),
        Script::Han
            | Script::Hiragana
            | Script::Katakana
            | Script::Hangul
            | Script::Thai
            | Script::Lao
            | Script::Khmer
            | Script::Myanmar
    ) || matches!(c, 'ー' | '々')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn has(words: &[&str], text: &str) -> bool {
        WordSet::new(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).matches(&fold(text))
    }

    #[test]
    fn word_is_found_whole_in_any_spelling() {
        for text in
            ["spam", "SPAM!", "beli spam, ya", "ѕраm", "ｓｐａｍ", "(spam)", "s\u{200b}p\u{ad}am", "x_spam_y", "spam's"]
        {
            assert!(has(&["Spam"], text), "{text}");
        }
        for text in ["", "spamming", "antispam", "s p a m", "spa m", "spám"] {
            assert!(!has(&["Spam"], text), "{text}");
        }
    }

    #[test]
    fn entry_of_several_words_is_found_in_a_row() {
        assert!(has(&["jual obat"], "Mau JUAL, obat?"));
        assert!(!has(&["jual obat"], "jual beli obat"));
    }

    #[test]
    fn word_of_a_script_without_spaces_is_found_in_a_sentence() {
        assert!(has(&["赌博"], "来这里赌博吧"));
        assert!(has(&["カジノ"], "楽しいｶｼﾞﾉです"));
        assert!(!has(&["赌博"], "赌不博"));
    }

    #[test]
    fn signs_between_words_are_not_taken_for_letters() {
        assert!(has(&["aa"], "aa|bb"));
        assert!(!has(&["!!"], "!!"));
    }

    proptest! {
        #[test]
        fn listed_word_is_found_between_any_others(
            word in "[a-zа-яα-ω0-9]{1,12}", before in "[\\PC\n]{0,40}", after in "[\\PC\n]{0,40}"
        ) {
            let text = format!("{before} {word} {after}");
            prop_assert!(has(&[&word], &text));
        }

        #[test]
        fn folding_a_folded_text_changes_nothing(text in "[\\PC\n]{0,60}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once.join(" ")), once);
        }
    }
}
