//! Frames that the server sends. Each is encoded once and shared by all its receivers.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Bye, Id, Message, Nonce, Row, Rules, SessionEnd};
use crate::websocket::text_frame;

/// A frame to a client.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame<'a> {
    /// The reply to `join`.
    Welcome(Welcome<'a>),
    /// A new message.
    Message(&'a Message),
    /// The sender's message is stored.
    Ack {
        /// The sender's own id for it.
        nonce: &'a Nonce,
        /// Its position.
        id: Id,
    },
    /// The people who joined and left since the last tick.
    Presence {
        /// Names of people who joined; absent in a very full room.
        #[serde(skip_serializing_if = "Option::is_none")]
        joined: Option<&'a [String]>,
        /// Names of people who left; absent in a very full room.
        #[serde(skip_serializing_if = "Option::is_none")]
        left: Option<&'a [String]>,
        /// The number of people here now.
        count: usize,
    },
    /// The people who are typing: the whole state.
    Typing {
        /// At most three names.
        names: &'a [String],
        /// The number of people who are typing.
        count: usize,
    },
    /// The sender corrected a message.
    Edited {
        /// Which.
        id: Id,
        /// Its text from now on.
        text: &'a str,
        /// When it was corrected, in Unix milliseconds.
        edited_at: u64,
    },
    /// The sender or the operator deleted a message.
    Removed {
        /// Which.
        id: Id,
        /// The sender's name as shown, where the frame stands in place of the message.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<&'a str>,
        /// When the message was stored, in Unix milliseconds, where the frame stands in its place.
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<u64>,
    },
    /// Rules that the operator has set for everyone: the whole state.
    Rules(&'a Rules),
    /// The reply to `ping`.
    Pong {
        /// The newest position; none while the instance cannot know it.
        head: Option<Id>,
    },
    /// A frame of the client was not accepted.
    Error {
        /// Why.
        code: ErrorCode,
        /// The message it concerns.
        #[serde(skip_serializing_if = "Option::is_none")]
        nonce: Option<&'a Nonce>,
        /// When trying again makes sense.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
        /// The kind of the rule that refused the message.
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<&'static str>,
    },
    /// The connection ends.
    Bye {
        /// Why.
        reason: Bye,
        /// Why the session ended, if it did and the cause is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<SessionEnd>,
        /// When to come back.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

/// The first frame: the room as the client may now show it.
#[derive(Debug, Serialize)]
pub struct Welcome<'a> {
    /// The client's own name as shown.
    pub you: &'a str,
    /// Whether `messages` continue what the client has.
    pub recovered: bool,
    /// The number of messages since the client was last here, if not all of them are in `messages`; none if unknown.
    pub missed: Option<u64>,
    /// `message` frames, and `removed` ones for deleted messages, already encoded.
    pub messages: &'a [&'a RawValue],
    /// The newest position.
    pub head: Id,
    /// The people here.
    pub members: Members<'a>,
    /// Rules that the operator has set for everyone, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<&'a Rules>,
    /// Names of people who are programs, whether they are here or not.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub bots: &'a [String],
    /// Limits for this client.
    pub limits: Limits,
    /// How often the server pings, in milliseconds.
    pub heartbeat_ms: u64,
    /// The server takes `attention`: always true.
    pub attention: bool,
}

/// The people here.
#[derive(Debug, Serialize)]
pub struct Members<'a> {
    /// Their number.
    pub count: usize,
    /// Names sorted by folded name; none in a full room.
    pub names: Option<&'a [String]>,
}

/// Limits for a client.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Limits {
    /// Most characters of a text.
    pub text_chars: usize,
    /// Messages per second in the long run; 0 is unlimited.
    pub messages_per_second: u32,
    /// How long after its time a message may be corrected, in milliseconds; 0: not at all.
    pub edit_ms: u64,
}

/// Why a frame was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not a frame of this protocol.
    BadFrame,
    /// The nonce was used for another text.
    BadNonce,
    /// The text is empty.
    Empty,
    /// The text is too long.
    TooLong,
    /// Only `join` and `ping` are accepted before the welcome.
    NotJoined,
    /// Too many: come again after `retry_after_ms`.
    RateLimited,
    /// A moderator has muted the person, for `retry_after_ms`.
    Muted,
    /// Only moderators and programs may write, for `retry_after_ms` if that ends by itself.
    ReadOnly,
    /// A rule that applies by itself refuses the text.
    Refused,
    /// The outcome is unknown: send it again, with the same nonce.
    Unavailable,
    /// The message is another person's.
    NotYours,
    /// The time for corrections is over.
    TooLate,
    /// The message is deleted, or no longer stored.
    Gone,
}

impl ErrorCode {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::BadNonce => "bad_nonce",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::NotJoined => "not_joined",
            Self::RateLimited => "rate_limited",
            Self::Muted => "muted",
            Self::ReadOnly => "read_only",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::NotYours => "not_yours",
            Self::TooLate => "too_late",
            Self::Gone => "gone",
        }
    }

    /// Whether it counts towards the errors that end a connection: those that the client caused.
    pub const fn is_fault(self) -> bool {
        !matches!(
            self,
            Self::RateLimited
                | Self::Muted
                | Self::ReadOnly
                | Self::Refused
                | Self::Unavailable
                | Self::TooLate
                | Self::Gone
        )
    }
}

impl<'a> ServerFrame<'a> {
    /// The frame that tells of a change, for clients that may show the message: its text from now on, or its deletion.
    pub fn change(row: &'a Row) -> Self {
        match row {
            Row::Message(message) => {
                Self::Edited { id: message.id, text: &message.text, edited_at: message.edited_at.unwrap_or_default() }
            }
            Row::Removed { id, .. } => Self::Removed { id: *id, from: None, at: None },
        }
    }
}

impl<'a> From<&'a Row> for ServerFrame<'a> {
    fn from(row: &'a Row) -> Self {
        match row {
            Row::Message(message) => Self::Message(message),
            Row::Removed { id, at, from } => Self::Removed { id: *id, from: Some(from), at: Some(*at) },
        }
    }
}

impl ServerFrame<'_> {
    /// The WebSocket frame's bytes, the same for every client.
    pub fn encode(&self) -> Bytes {
        text_frame(&self.json())
    }

    /// The frame's text.
    ///
    /// ```
    /// use ruang::protocol::{Id, ServerFrame};
    ///
    /// let removed = ServerFrame::Removed { id: Id::new(7, 43), from: None, at: None };
    /// assert_eq!(removed.json(), br#"{"type":"removed","id":"7-43"}"#);
    /// ```
    pub fn json(&self) -> Vec<u8> {
        // Every field is a string, a number or a list of them: serialising cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(frame: &ServerFrame<'_>) -> String {
        String::from_utf8(frame.json()).unwrap()
    }

    #[test]
    fn frames_are_written_as_the_protocol_says() {
        let nonce: Nonce = "n".parse().unwrap();
        let message = Message {
            id: Id::new(7, 43),
            nonce: nonce.clone(),
            from: "sari".into(),
            text: "halo".into(),
            at: 1_764_000_000_000,
            bot: false,
            alias: None,
            reply_to: None,
            edited_at: None,
        };
        assert_eq!(
            text(&ServerFrame::Message(&message)),
            r#"{"type":"message","id":"7-43","nonce":"n","from":"sari","text":"halo","at":1764000000000}"#
        );
        let changed = Message { reply_to: Some(Id::new(7, 40)), edited_at: Some(1_764_000_060_000), ..message.clone() };
        assert_eq!(
            text(&ServerFrame::Message(&changed)),
            r#"{"type":"message","id":"7-43","nonce":"n","from":"sari","text":"halo","at":1764000000000,"reply_to":"7-40","edited_at":1764000060000}"#
        );
        let changed = Row::from(changed);
        assert_eq!(
            text(&ServerFrame::change(&changed)),
            r#"{"type":"edited","id":"7-43","text":"halo","edited_at":1764000060000}"#
        );
        assert_eq!(text(&ServerFrame::change(&changed.removed())), r#"{"type":"removed","id":"7-43"}"#);
        assert_eq!(
            text(&ServerFrame::Ack { nonce: &nonce, id: Id::new(7, 43) }),
            r#"{"type":"ack","nonce":"n","id":"7-43"}"#
        );
        assert_eq!(text(&ServerFrame::Pong { head: None }), r#"{"type":"pong","head":null}"#);
        assert_eq!(
            text(&ServerFrame::Presence { joined: Some(&["a".into()]), left: Some(&[]), count: 12 }),
            r#"{"type":"presence","joined":["a"],"left":[],"count":12}"#
        );
        let removed = |from, at| text(&ServerFrame::Removed { id: Id::new(7, 43), from, at });
        assert_eq!(removed(None, None), r#"{"type":"removed","id":"7-43"}"#);
        assert_eq!(
            removed(Some("sari"), Some(1_764_000_000_000)),
            r#"{"type":"removed","id":"7-43","from":"sari","at":1764000000000}"#
        );
        let rules = Rules { slow_ms: 30_000, notice: Some("Sebentar lagi mati.".into()), ..Rules::default() };
        assert_eq!(
            text(&ServerFrame::Rules(&rules)),
            r#"{"type":"rules","slow_ms":30000,"notice":"Sebentar lagi mati."}"#
        );
    }

    #[test]
    fn refusals_are_written_as_the_protocol_says() {
        let nonce: Nonce = "n".parse().unwrap();
        let error =
            |code, retry_after_ms, rule| text(&ServerFrame::Error { code, nonce: Some(&nonce), retry_after_ms, rule });
        assert_eq!(
            error(ErrorCode::RateLimited, Some(200), None),
            r#"{"type":"error","code":"rate_limited","nonce":"n","retry_after_ms":200}"#
        );
        assert_eq!(
            error(ErrorCode::Refused, None, Some("word")),
            r#"{"type":"error","code":"refused","nonce":"n","rule":"word"}"#
        );
        assert_eq!(
            text(&ServerFrame::Bye { reason: Bye::SessionEnded, cause: None, retry_after_ms: None }),
            r#"{"type":"bye","reason":"session_ended"}"#
        );
        let cause = Some(SessionEnd::NameLost);
        assert_eq!(
            text(&ServerFrame::Bye { reason: Bye::SessionEnded, cause, retry_after_ms: None }),
            r#"{"type":"bye","reason":"session_ended","cause":"name_lost"}"#
        );
    }
}
