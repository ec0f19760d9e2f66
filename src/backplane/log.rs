//! What goes into the log, and pages of what is in it.

use sha2::{Digest, Sha256};

use super::{IncarnationId, SessionTag};
use crate::{
    name::NameKey,
    protocol::{Id, Nonce, Row, Text},
    telemetry::TraceParent,
};

/// A message on its way into the log.
#[derive(Clone, Debug)]
pub struct Post {
    /// The incarnation it comes through.
    pub incarnation: IncarnationId,
    /// The session it was sent by.
    pub session: SessionTag,
    /// The uniqueness key of the sender's name.
    pub name_key: NameKey,
    /// The sender's name as shown.
    pub from: String,
    /// The sender's own id for it.
    pub nonce: Nonce,
    /// What is said.
    pub text: Text,
    /// The trace that delivering it is a part of, if it is traced.
    pub trace: Option<TraceParent>,
}

impl Post {
    /// A digest of the text, in hex: what tells a retry from another message under the same nonce.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.text.as_str().as_bytes());
        digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Which page of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// The newest messages.
    Newest,
    /// The newest of those before this id.
    Before(Id),
    /// The oldest of those after this id.
    After(Id),
}

/// A page of history, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The messages, and where some were deleted.
    pub rows: Vec<Row>,
    /// Whether there is more in the direction that was asked for.
    pub more: bool,
    /// Whether the cursor itself is no longer (or never was) in the log: this is what is kept.
    pub trimmed: bool,
}
