//! Frames that a client sends.

use std::{collections::BTreeMap, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Id;

/// A frame from a client, well-formed as far as its shape goes.
///
/// Unknown fields are ignored. The text of a message is as typed: [`Text::parse`](super::Text::parse) judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// Enter the room, or catch up in it.
    Join {
        /// The last id seen, exclusive; absent for a first visit.
        since: Option<Id>,
        /// The changes that the client shows.
        changes: ShownChanges,
    },
    /// Send a message.
    Message {
        /// The client's own id for it.
        nonce: Nonce,
        /// As typed.
        text: String,
        /// The name that a program shows after its own, as given.
        alias: Option<String>,
        /// The message that it answers.
        reply_to: Option<Id>,
    },
    /// Replace the text of one's own message.
    Edit {
        /// The client's own id for the edit.
        nonce: Nonce,
        /// The message.
        id: Id,
        /// As typed.
        text: String,
    },
    /// Delete one's own message.
    Delete {
        /// The client's own id for the deletion.
        nonce: Nonce,
        /// The message.
        id: Id,
    },
    /// The person types, or has stopped.
    Typing {
        /// Typing, or no longer.
        active: bool,
    },
    /// The visibility of the client's window.
    Attention {
        /// Whether the window is visible.
        visible: bool,
    },
    /// Asks for a `pong`: a sign that the server is alive.
    Ping,
}

/// The newest changes of messages that a client shows: when each was edited, in Unix milliseconds; none: it is deleted.
pub type ShownChanges = BTreeMap<Id, Option<u64>>;

/// Most of them in one `join`.
pub const CHANGES_SHOWN: usize = 32;

/// The text received is not a frame of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a frame of this protocol")]
pub struct Malformed {
    /// Its nonce, if it has a valid one.
    pub nonce: Option<Nonce>,
}

/// The shape of any frame, before its type says which fields count.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
    #[serde(default)]
    since: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    changes: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    nonce: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    id: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    reply_to: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    text: Option<&'a serde_json::value::RawValue>,
    #[serde(default, rename = "as")]
    alias: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    active: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    visible: Option<&'a serde_json::value::RawValue>,
}

impl ClientFrame {
    /// Reads one text frame.
    ///
    /// ```
    /// use ruang::protocol::{ClientFrame, Id};
    ///
    /// let frame = ClientFrame::parse(r#"{"type":"join","since":"7-42","unknown":1}"#)?;
    /// assert_eq!(frame, ClientFrame::Join { since: Some(Id::new(7, 42)), changes: Default::default() });
    /// # Ok::<(), ruang::protocol::Malformed>(())
    /// ```
    ///
    /// # Errors
    /// [`Malformed`] when it is no JSON object, of an unknown type, or lacks what its type needs.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        // serde would take an array for a struct.
        if !text.trim_start().starts_with('{') {
            return Err(Malformed { nonce: None });
        }
        let raw: Raw<'_> = serde_json::from_str(text).map_err(|_| Malformed { nonce: None })?;
        let nonce = raw.nonce.and_then(read::<Nonce>);
        let frame = match raw.kind.as_ref() {
            "join" => raw.join(),
            "message" => raw.message(nonce.clone()),
            "edit" => raw.edit(nonce.clone()),
            "delete" => nonce.clone().zip(raw.id.and_then(read)).map(|(nonce, id)| Self::Delete { nonce, id }),
            "typing" => raw.active.and_then(read).map(|active| Self::Typing { active }),
            "attention" => raw.visible.and_then(read).map(|visible| Self::Attention { visible }),
            "ping" => Some(Self::Ping),
            _ => None,
        };
        frame.ok_or(Malformed { nonce })
    }
}

impl Raw<'_> {
    fn join(&self) -> Option<ClientFrame> {
        let since = self.since.map_or(Some(None), read)?;
        let changes = self.changes.map_or(Some(None), read::<Option<ShownChanges>>)?.unwrap_or_default();
        (changes.len() <= CHANGES_SHOWN).then_some(ClientFrame::Join { since, changes })
    }

    fn message(&self, nonce: Option<Nonce>) -> Option<ClientFrame> {
        let reply_to = match self.reply_to {
            None => None,
            Some(id) => Some(read(id)?),
        };
        let alias = self.alias.and_then(read::<Option<String>>).flatten();
        Some(ClientFrame::Message { nonce: nonce?, text: read(self.text?)?, reply_to, alias })
    }

    fn edit(&self, nonce: Option<Nonce>) -> Option<ClientFrame> {
        Some(ClientFrame::Edit { nonce: nonce?, id: read(self.id?)?, text: read(self.text?)? })
    }
}

fn read<'a, T: Deserialize<'a>>(value: &'a serde_json::value::RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

/// A client's own id for a message: 1 to 64 of `[A-Za-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nonce(String);

/// The text is not a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a nonce is 1 to 64 of A-Z, a-z, 0-9, _ and -")]
pub struct InvalidNonce;

impl Nonce {
    /// The nonce itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Nonce {
    type Error = InvalidNonce;

    fn try_from(text: String) -> Result<Self, InvalidNonce> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text));
        }
        Err(InvalidNonce)
    }
}

impl FromStr for Nonce {
    type Err = InvalidNonce;

    fn from_str(text: &str) -> Result<Self, InvalidNonce> {
        text.to_owned().try_into()
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> Self {
        nonce.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(since: Option<Id>) -> ClientFrame {
        ClientFrame::Join { since, changes: ShownChanges::new() }
    }

    #[test]
    fn join_has_the_changes_that_a_client_shows() {
        let parse = |text| ClientFrame::parse(text).unwrap();
        let shown = ShownChanges::from([(Id::new(7, 40), Some(12)), (Id::new(7, 41), None)]);
        let text = r#"{"type":"join","since":"7-42","changes":{"7-41":null,"7-40":12}}"#;
        assert_eq!(parse(text), ClientFrame::Join { since: Some(Id::new(7, 42)), changes: shown });
        assert_eq!(parse(r#"{"type":"join","changes":null}"#), join(None));
        let many: Vec<String> = (0..=CHANGES_SHOWN).map(|n| format!(r#""7-{n}":null"#)).collect();
        assert!(ClientFrame::parse(&format!(r#"{{"type":"join","changes":{{{}}}}}"#, many.join(","))).is_err());
        assert!(ClientFrame::parse(r#"{"type":"join","changes":[]}"#).is_err());
    }

    #[test]
    fn each_type_is_read_with_what_it_needs() {
        let parse = |text| ClientFrame::parse(text).unwrap();
        assert_eq!(parse(r#"{"type":"join"}"#), join(None));
        assert_eq!(parse(r#"{"type":"join","since":null}"#), join(None));
        assert_eq!(parse(r#" {"since":"7-42","type":"join","other":[1]}"#), join(Some(Id::new(7, 42))));
        assert_eq!(
            parse(r#"{"type":"message","nonce":"a-1","text":"\u0068alo"}"#),
            ClientFrame::Message { nonce: "a-1".parse().unwrap(), text: "halo".into(), reply_to: None, alias: None }
        );
        assert_eq!(
            parse(r#"{"type":"message","nonce":"a","text":"ya","reply_to":"7-40"}"#),
            ClientFrame::Message {
                nonce: "a".parse().unwrap(),
                text: "ya".into(),
                reply_to: Some(Id::new(7, 40)),
                alias: None
            }
        );
        assert_eq!(
            parse(r#"{"type":"message","nonce":"a","text":"ya","reply_to":null}"#),
            ClientFrame::Message { nonce: "a".parse().unwrap(), text: "ya".into(), reply_to: None, alias: None }
        );
        assert_eq!(
            parse(r#"{"type":"edit","nonce":"a","id":"7-42","text":"halo!"}"#),
            ClientFrame::Edit { nonce: "a".parse().unwrap(), id: Id::new(7, 42), text: "halo!".into() }
        );
        assert_eq!(
            parse(r#"{"type":"delete","nonce":"a","id":"7-42"}"#),
            ClientFrame::Delete { nonce: "a".parse().unwrap(), id: Id::new(7, 42) }
        );
        assert_eq!(
            parse(r#"{"type":"message","nonce":"a","text":"x","as":"Deploy"}"#),
            ClientFrame::Message {
                nonce: "a".parse().unwrap(),
                text: "x".into(),
                reply_to: None,
                alias: Some("Deploy".into())
            }
        );
        assert_eq!(parse(r#"{"type":"typing","active":true}"#), ClientFrame::Typing { active: true });
        assert_eq!(parse(r#"{"type":"attention","visible":false}"#), ClientFrame::Attention { visible: false });
        assert_eq!(parse(r#"{"type":"ping"}"#), ClientFrame::Ping);
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in [
            "",
            "null",
            "[]",
            "7",
            "{",
            r#""join""#,
            r#"["join"]"#,
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"dance"}"#,
            r#"{"type":"join","since":7}"#,
            r#"{"type":"join","since":"7"}"#,
            r#"{"type":"message"}"#,
            r#"{"type":"message","nonce":"","text":"x"}"#,
            r#"{"type":"message","nonce":"a b","text":"x"}"#,
            r#"{"type":"message","nonce":"a","text":"x","reply_to":"7"}"#,
            r#"{"type":"edit","nonce":"a","id":"7-42"}"#,
            r#"{"type":"edit","id":"7-42","text":"x"}"#,
            r#"{"type":"edit","nonce":"a","id":7,"text":"x"}"#,
            r#"{"type":"delete","nonce":"a"}"#,
            r#"{"type":"delete","id":"7-42"}"#,
            r#"{"type":"typing"}"#,
            r#"{"type":"typing","active":1}"#,
            r#"{"type":"attention"}"#,
            r#"{"type":"attention","visible":"no"}"#,
            r#"{"type":"ping"} {}"#,
            r#"{"type":"message","nonce":"a","text":"\ud800"}"#,
        ] {
            assert!(ClientFrame::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_malformed_message_is_answered_under_its_nonce() {
        let error = ClientFrame::parse(r#"{"type":"message","nonce":"a","text":7}"#).unwrap_err();
        assert_eq!(error.nonce, "a".parse().ok());
    }

    #[test]
    fn deep_nesting_is_refused_without_harm() {
        let text = format!(r#"{{"type":"ping","x":{}}}"#, "[".repeat(30_000));
        assert!(ClientFrame::parse(&text).is_err());
    }
}
