//! Changes of stored messages: edits and deletions.

use sha2::{Digest, Sha256};

use super::{IncarnationId, Person};
use crate::{
    automod::SharedChecks,
    protocol::{Id, Nonce, Row, Text},
};

/// Most changes that are kept for those who resume.
pub const CHANGES_KEPT: usize = 2000;
/// Most bytes of text in them.
pub const CHANGE_BYTES: usize = 1024 * 1024;

/// A person's request to change a message of their own.
#[derive(Clone, Debug)]
pub struct ChangeRequest {
    /// The incarnation it comes through.
    pub incarnation: IncarnationId,
    /// The person.
    pub person: Person,
    /// The person's own id for the request.
    pub nonce: Nonce,
    /// The message.
    pub id: Id,
    /// The new state of the message.
    pub state: NewState,
    /// The rules that are left to check.
    pub checks: SharedChecks,
}

/// The new state of a changed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewState {
    /// It has this text.
    Edited(Text),
    /// It is deleted; its position stays.
    Deleted,
}

impl ChangeRequest {
    /// A digest of the request, in hex: tells a retry from another request, or a message, under the same nonce.
    pub fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        // A text has no such character, so no message has this digest.
        digest.update(format!("\0{}\0", self.id));
        if let NewState::Edited(text) = &self.state {
            digest.update(text.as_str());
        }
        hex(&digest.finalize()[..16])
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The newest change of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The presence version that it was the step to.
    pub version: u64,
    /// The newest message at that time.
    pub head: Id,
    /// The message from then on.
    pub row: Row,
}
