//! The rules as moderators set them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

use super::words;
use crate::name::Name;

/// Most entries of a list.
const LISTED: usize = 500;
/// Most bytes of a list, its separators included.
const LIST_BYTES: usize = 16 * 1024;
/// Most characters of an entry.
const ENTRY_CHARS: usize = 64;

/// The rules in force; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AutoRules {
    /// Words that no text and no name may have, as typed.
    pub words: Vec<String>,
    /// The people who may send links.
    pub links: LinkRule,
    /// The pace of people who came lately.
    pub newcomers: Option<NewcomerRule>,
    /// Whether the same text from one address is refused after [`REPEATS`](super::REPEATS) times.
    pub repeats: bool,
    /// Names that only moderators may take, as typed.
    pub reserved: Vec<String>,
    /// Whether clients are sent no joins and leaves of people who have sent nothing.
    pub quiet: bool,
}

/// The people who may send links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkRule {
    /// Everyone.
    #[default]
    Free,
    /// People who signed in this many milliseconds ago.
    AfterMs(u64),
    /// No person.
    None,
}

/// The pace of people who came lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewcomerRule {
    /// How long after their sign-in people are new, in milliseconds; more than 0.
    pub for_ms: u64,
    /// The time between two messages of theirs, in milliseconds; more than 0.
    pub interval_ms: u64,
}

/// A change of some of the rules: those that are absent stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoRulesChange {
    /// See [`AutoRules::words`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<String>>,
    /// See [`AutoRules::links`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<LinkRule>,
    /// See [`AutoRules::newcomers`]; `Some(None)` ends the rule.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub newcomers: Option<Option<NewcomerRule>>,
    /// See [`AutoRules::repeats`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<bool>,
    /// See [`AutoRules::reserved`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Vec<String>>,
    /// See [`AutoRules::quiet`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<bool>,
    /// On record in place of the words: how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word_count: Option<usize>,
    /// On record in place of the reserved names: how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_count: Option<usize>,
}

/// Distinguishes `null` from an absent field.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A list that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ListError {
    /// More than 500 entries or 16 KiB.
    #[error("a list has at most {LISTED} entries and {LIST_BYTES} bytes")]
    TooLong,
    /// A word that is too long, or has no letter and no digit.
    #[error("a word has at most {ENTRY_CHARS} characters, and a letter or a digit")]
    Word,
    /// Not a name that people can have.
    #[error("a reserved name is one that people can have")]
    Name,
}

/// A rule of links that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("links is free, none, or a duration from 1s to 30d")]
pub struct LinkRuleError;

/// Returns the valid entries of a list of words, as typed.
pub fn word_list<'a>(typed: impl Iterator<Item = &'a str>) -> Result<Vec<String>, ListError> {
    let is_valid = |word: &str| word.chars().count() <= ENTRY_CHARS && words::is_matchable(word);
    let words = bounded(typed)?;
    if words.iter().all(|word| is_valid(word)) { Ok(words) } else { Err(ListError::Word) }
}

/// Returns the valid entries of a list of names, as shown.
pub fn name_list<'a>(typed: impl Iterator<Item = &'a str>) -> Result<Vec<String>, ListError> {
    let names = bounded(typed)?;
    let parse = |name: &String| Name::parse(name).map(|name| name.shown().to_owned()).map_err(|_| ListError::Name);
    names.iter().map(parse).collect()
}

/// Returns the trimmed entries that are not empty, each once.
fn bounded<'a>(typed: impl Iterator<Item = &'a str>) -> Result<Vec<String>, ListError> {
    let (mut listed, mut bytes) = (Vec::<String>::new(), 0);
    for entry in typed.map(str::trim).filter(|entry| !entry.is_empty()) {
        bytes += entry.len() + 1;
        if bytes > LIST_BYTES {
            return Err(ListError::TooLong);
        }
        if !listed.iter().any(|known| known == entry) {
            listed.push(entry.to_owned());
        }
        if listed.len() > LISTED {
            return Err(ListError::TooLong);
        }
    }
    Ok(listed)
}

impl AutoRules {
    /// Applies a change.
    pub fn apply(&mut self, change: &AutoRulesChange) {
        // Fields of the same names and types, so none can fail.
        self.read_fields(&change.fields());
    }

    /// Reads the rules from their stored fields. One that this version cannot read is as if it was not set.
    pub fn from_fields(fields: &BTreeMap<String, String>) -> Self {
        let mut rules = Self::default();
        rules.read_fields(fields);
        rules
    }

    fn read_fields(&mut self, fields: &BTreeMap<String, String>) {
        read(fields, "words", &mut self.words);
        read(fields, "links", &mut self.links);
        read(fields, "newcomers", &mut self.newcomers);
        read(fields, "repeats", &mut self.repeats);
        read(fields, "reserved", &mut self.reserved);
        read(fields, "quiet", &mut self.quiet);
    }
}

fn read<T: DeserializeOwned>(fields: &BTreeMap<String, String>, name: &str, value: &mut T) {
    if let Some(stored) = fields.get(name).and_then(|json| serde_json::from_str(json).ok()) {
        *value = stored;
    }
}

impl AutoRulesChange {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The changed rules as they are stored: JSON by name.
    pub fn fields(&self) -> BTreeMap<String, String> {
        let json = serde_json::to_value(self).unwrap_or_default();
        let fields = json.as_object().cloned().unwrap_or_default();
        fields.into_iter().map(|(name, value)| (name, value.to_string())).collect()
    }

    /// The change as it is put on record: without the lists, which are long and which every reader of the log would see.
    #[must_use]
    pub fn on_record(&self) -> Self {
        let count = |list: &Option<Vec<String>>| list.as_ref().map(Vec::len);
        Self {
            words: None,
            reserved: None,
            word_count: count(&self.words),
            reserved_count: count(&self.reserved),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_keeps_the_rules_that_it_does_not_name() {
        let mut rules = AutoRules { words: vec!["spam".into()], repeats: true, ..AutoRules::default() };
        let newcomers = NewcomerRule { for_ms: 600_000, interval_ms: 30_000 };
        let change = AutoRulesChange {
            links: Some(LinkRule::AfterMs(600_000)),
            newcomers: Some(Some(newcomers)),
            ..AutoRulesChange::default()
        };
        rules.apply(&change);
        let links = LinkRule::AfterMs(600_000);
        let expected = AutoRules {
            words: vec!["spam".into()],
            repeats: true,
            links,
            newcomers: Some(newcomers),
            ..AutoRules::default()
        };
        assert_eq!(rules, expected);
        rules.apply(&AutoRulesChange { newcomers: Some(None), words: Some(vec![]), ..AutoRulesChange::default() });
        assert_eq!(rules, AutoRules { repeats: true, links, ..AutoRules::default() });
    }

    #[test]
    fn change_is_read_from_the_json_it_is_written_as() {
        for json in [
            "{}",
            r#"{"words":["a","b"],"links":"none","newcomers":{"for_ms":1,"interval_ms":2},"repeats":true}"#,
            r#"{"links":{"after_ms":60000},"newcomers":null,"reserved":[],"quiet":false}"#,
            r#"{"word_count":2}"#,
        ] {
            let change: AutoRulesChange = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&change).unwrap(), json);
        }
    }

    #[test]
    fn unreadable_field_of_a_later_version_is_not_set() {
        let fields = [("links", r#""of_friends""#), ("repeats", "true"), ("later", "7")];
        let fields = fields.map(|(name, json)| (name.to_owned(), json.to_owned())).into();
        assert_eq!(AutoRules::from_fields(&fields), AutoRules { repeats: true, ..AutoRules::default() });
    }

    #[test]
    fn lists_are_bounded_and_checked() {
        let many: Vec<String> = (0..501).map(|n| format!("w{n}")).collect();
        assert_eq!(word_list(many.iter().map(String::as_str)), Err(ListError::TooLong));
        assert_eq!(word_list(many[1..].iter().map(String::as_str)).map(|list| list.len()), Ok(500));
        let long = "x".repeat(60);
        let wide: Vec<String> = (0..400).map(|n| format!("{n}{long}")).collect();
        assert_eq!(word_list(wide.iter().map(String::as_str)), Err(ListError::TooLong));
        assert_eq!(word_list([" spam ", "", "spam"].into_iter()), Ok(vec!["spam".into()]));
        assert_eq!(word_list(["x".repeat(65).as_str()].into_iter()), Err(ListError::Word));
        assert_eq!(word_list(["!!"].into_iter()), Err(ListError::Word));
        assert_eq!(name_list([" Ibu  Sari "].into_iter()), Ok(vec!["Ibu Sari".into()]));
        assert_eq!(name_list(["a\u{200b}"].into_iter()), Err(ListError::Name));
    }

    #[test]
    fn record_has_counts_in_place_of_lists() {
        let change = AutoRulesChange {
            words: Some(vec!["a".into(), "b".into()]),
            quiet: Some(true),
            ..AutoRulesChange::default()
        };
        let record = AutoRulesChange { word_count: Some(2), quiet: Some(true), ..AutoRulesChange::default() };
        assert_eq!(change.on_record(), record);
    }
}
