//! The text of a message, checked, and the stored message.

use std::sync::Arc;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};

use super::{Id, Nonce, TEXT_CHARS};
use crate::name::{MARKS, is_drawn, is_mark};

/// A text that may be sent: NFC, trimmed, without control characters other than tab and newline, with at most [`MARKS`]
/// combining marks in a row, 1 to [`TEXT_CHARS`] Unicode scalars of which at least one is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text(String);

/// Why a text may not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing is left that is drawn.
    #[error("the text is empty")]
    Empty,
    /// More than [`TEXT_CHARS`] scalars.
    #[error("the text is longer than {TEXT_CHARS} characters")]
    TooLong,
}

impl Text {
    /// The text as it is stored.
    ///
    /// ```
    /// use ruang::protocol::{TEXT_CHARS, Text, TextError};
    ///
    /// assert_eq!(Text::parse(" halo\n")?.as_str(), "halo");
    /// assert_eq!(Text::parse(" \n"), Err(TextError::Empty));
    /// assert_eq!(Text::parse(&"🙂".repeat(TEXT_CHARS + 1)), Err(TextError::TooLong));
    /// # Ok::<(), TextError>(())
    /// ```
    ///
    /// # Errors
    /// [`TextError`] when nothing or too much is left after normalisation.
    pub fn parse(raw: &str) -> Result<Self, TextError> {
        // In this order a text that was parsed parses to itself.
        let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&without_controls(raw)).into_owned();
        let text = without_piles_of_marks(&composed).trim().to_owned();
        if !text.chars().any(is_drawn) {
            return Err(TextError::Empty);
        }
        match text.chars().take(TEXT_CHARS + 1).count() {
            count if count > TEXT_CHARS => Err(TextError::TooLong),
            _ => Ok(Self(text)),
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its bytes as JSON, quotes left out: what each client is sent of it.
    pub fn encoded_len(&self) -> usize {
        // The two characters that are escaped become two bytes; so do tab and newline.
        self.0.len() + self.0.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\t' | b'\n')).count()
    }
}

/// The text with line ends as newlines, and without other controls than tab.
fn without_controls(raw: &str) -> String {
    let lines = raw.replace("\r\n", "\n").replace('\r', "\n");
    lines.chars().filter(|c| !c.is_control() || matches!(c, '\t' | '\n')).collect()
}

/// The text without marks that pile upon [`MARKS`] others: they are drawn over the lines of others.
fn without_piles_of_marks(text: &str) -> String {
    let mut marks = 0;
    let kept = text.chars().filter(|c| {
        marks = if is_mark(*c) { marks + 1 } else { 0 };
        marks <= MARKS
    });
    kept.collect()
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its position in the log.
    pub id: Id,
    /// The sender's own id for it, the same on every retry.
    pub nonce: Nonce,
    /// The sender's name as shown.
    pub from: String,
    /// The text.
    pub text: String,
    /// When it was stored, in Unix milliseconds of the log's clock; never less than for the message before.
    pub at: u64,
    /// Whether the sender is a program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bot: bool,
    /// The name that a program shows after its own.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Id>,
    /// When its text was last corrected, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<u64>,
}

/// A position of the log, with its message or the mark of a deleted one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A message.
    Message(Arc<Message>),
    /// A message that its sender or the operator deleted.
    Removed {
        /// Its position.
        id: Id,
        /// When it was stored, in Unix milliseconds.
        at: u64,
        /// The sender's name as shown; empty where this version cannot read the message.
        from: String,
    },
}

impl Row {
    /// The position.
    pub fn id(&self) -> Id {
        match self {
            Self::Message(message) => message.id,
            Self::Removed { id, .. } => *id,
        }
    }

    /// The name that a program shows after its own.
    pub fn alias(&self) -> Option<&str> {
        self.message().and_then(|message| message.alias.as_deref())
    }

    /// When the message there was stored, in Unix milliseconds.
    pub fn at(&self) -> u64 {
        match self {
            Self::Message(message) => message.at,
            Self::Removed { at, .. } => *at,
        }
    }

    /// The sender's name as shown, also of a deleted message.
    pub fn sender(&self) -> &str {
        match self {
            Self::Message(message) => &message.from,
            Self::Removed { from, .. } => from,
        }
    }

    /// The message there; none where it was deleted.
    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Removed { .. } => None,
        }
    }

    /// The same position, its message deleted.
    #[must_use]
    pub fn removed(&self) -> Self {
        Self::Removed { id: self.id(), at: self.at(), from: self.sender().to_owned() }
    }
}

impl From<Message> for Row {
    fn from(message: Message) -> Self {
        Self::Message(Arc::new(message))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(raw: &str) -> String {
        Text::parse(raw).map(|text| text.as_str().to_owned()).unwrap_or_default()
    }

    #[test]
    fn control_characters_are_removed_and_layout_stays() {
        assert_eq!(parsed("a\u{0}b\u{1b}[31mc\u{7f}\u{9b}d"), "ab[31mcd");
        assert_eq!(parsed("fn main() {\r\n\tlet a  = 1;\r    b\n}"), "fn main() {\n\tlet a  = 1;\n    b\n}");
    }

    #[test]
    fn text_with_nothing_to_see_is_empty() {
        for raw in
            ["\u{2800}", "\u{3164}", "\u{115f}\u{1160}", "\u{2064}", "\u{200b}\u{feff}", "\u{0}\u{1}", " \u{202e} "]
        {
            assert_eq!(Text::parse(raw), Err(TextError::Empty), "{raw:?}");
        }
        assert_eq!(parsed("👨\u{200d}👩\u{200d}👧"), "👨\u{200d}👩\u{200d}👧", "joiners are for something");
    }

    #[test]
    fn marks_are_not_piled_higher_than_four() {
        assert_eq!(parsed(&format!("z{}", "\u{335}".repeat(50))), format!("z{}", "\u{335}".repeat(4)));
        assert_eq!(parsed("ที่ นี้ क्षि"), "ที่ นี้ क्षि");
    }

    #[test]
    fn encoded_length_is_that_of_its_json() {
        let text = Text::parse("a\"b\\c\td\ne é").expect("a text");
        let json = serde_json::to_string(text.as_str()).expect("JSON");
        assert_eq!(text.encoded_len(), json.len() - 2);
    }

    proptest! {
        #[test]
        fn parsed_text_parses_to_itself(raw in "[\\PC\\n\\t\u{0}\u{301}\u{93c}\u{958}\u{335} ]{0,60}") {
            if let Ok(text) = Text::parse(&raw) {
                prop_assert_eq!(Text::parse(text.as_str()), Ok(text.clone()));
            }
        }
    }
}
