//! What the log keeps of a message beside its id and time: JSON, the same in the stream and on the channel.

use serde::{Deserialize, Serialize};

use crate::{
    backplane::Post,
    protocol::{Id, Message, Nonce},
};

#[derive(Serialize, Deserialize)]
struct Body {
    nonce: Nonce,
    from: String,
    text: String,
}

pub(super) fn write(post: &Post) -> String {
    let body = Body { nonce: post.nonce.clone(), from: post.from.clone(), text: post.text.as_str().to_owned() };
    // Three strings: serialising cannot fail.
    serde_json::to_string(&body).unwrap_or_default()
}

/// The message, if this is one that this version can read.
pub(super) fn read(id: Id, at: u64, body: &str) -> Option<Message> {
    let Body { nonce, from, text } = serde_json::from_str(body).ok()?;
    Some(Message { id, nonce, from, text, at })
}
