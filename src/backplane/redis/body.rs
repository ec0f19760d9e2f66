//! The part of a message that is stored beside its id and time: JSON, the same in the stream and on the channel.

use serde::{Deserialize, Serialize};

use crate::{
    backplane::Post,
    protocol::{Id, Message, Nonce},
    telemetry::TraceParent,
};

#[derive(Serialize, Deserialize)]
struct Body {
    nonce: Nonce,
    from: String,
    text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    bot: bool,
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Id>,
    /// Written by `change.lua`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edited_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<TraceParent>,
}

/// The bodies of a post: without what it answers and, if it is an answer, with that.
pub(super) fn write(post: &Post) -> Vec<String> {
    let (nonce, from, text) = (post.nonce.clone(), post.person.name.clone(), post.text.as_str().to_owned());
    let (bot, alias, trace) = (post.person.session.is_bot(), post.alias.clone(), post.trace.clone());
    let mut body = Body { nonce, from, text, bot, alias, reply_to: None, edited_at: None, trace };
    // Strings and numbers: serialising cannot fail.
    let mut bodies = vec![serde_json::to_string(&body).unwrap_or_default()];
    if post.reply_to.is_some() {
        body.reply_to = post.reply_to;
        bodies.push(serde_json::to_string(&body).unwrap_or_default());
    }
    bodies
}

/// The message, if this version can read it.
pub(super) fn read(id: Id, at: u64, body: &str) -> Option<Message> {
    read_traced(id, at, body).map(|(message, _)| message)
}

/// The message, and the trace that it was sent in.
pub(super) fn read_traced(id: Id, at: u64, body: &str) -> Option<(Message, Option<TraceParent>)> {
    let Body { nonce, from, text, bot, alias, reply_to, edited_at, trace } = serde_json::from_str(body).ok()?;
    Some((Message { id, nonce, from, text, at, bot, alias, reply_to, edited_at }, trace))
}
