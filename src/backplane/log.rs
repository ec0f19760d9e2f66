//! Messages on their way into the log, and pages of history.

use sha2::{Digest, Sha256};

use super::{IncarnationId, Person, change::hex};
use crate::{
    automod::SharedChecks,
    protocol::{Id, Nonce, Row, Text},
    telemetry::TraceParent,
};

/// A message on its way into the log.
#[derive(Clone, Debug)]
pub struct Post {
    /// The incarnation it comes through.
    pub incarnation: IncarnationId,
    /// The sender.
    pub person: Person,
    /// The sender's own id for it.
    pub nonce: Nonce,
    /// The text.
    pub text: Text,
    /// The message that it answers; dropped if that one is deleted or not stored.
    pub reply_to: Option<Id>,
    /// The name that a program shows after its own.
    pub alias: Option<String>,
    /// The trace that its delivery belongs to, if it is traced.
    pub trace: Option<TraceParent>,
    /// The rules that are left to check.
    pub checks: SharedChecks,
}

impl Post {
    /// A digest of the text and the alias, in hex: tells a retry from another message under the same nonce.
    pub fn fingerprint(&self) -> String {
        let mut digest = Sha256::new_with_prefix(self.text.as_str());
        if let Some(alias) = &self.alias {
            // Neither has a control character.
            digest.update(b"\0");
            digest.update(alias);
        }
        hex(&digest.finalize()[..16])
    }
}

/// Selects a page of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// The newest messages.
    Newest,
    /// The newest of those before this id.
    Before(Id),
    /// The oldest of those after this id.
    After(Id),
    /// This id and its neighbours.
    Around(Id),
}

/// A page of history, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Messages and deletions.
    pub rows: Vec<Row>,
    /// Whether there is more in the direction of the cursor; around an id, whether there are earlier rows.
    pub more: bool,
    /// Around an id, whether there are later rows.
    pub more_after: bool,
    /// Whether the cursor's id is not in the log, or no longer: the rows are the nearest that are kept, and around that id none.
    pub trimmed: bool,
}

/// The rows of a page with the row `index` of `len` in the middle, as far as there are enough on both sides.
pub fn around(index: usize, len: usize, limit: usize) -> std::ops::Range<usize> {
    let start = index.saturating_sub(limit / 2).min(len.saturating_sub(limit));
    start..len.min(start + limit)
}
