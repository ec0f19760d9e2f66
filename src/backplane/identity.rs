//! Random ids: of one life of an instance, and of a session.

use std::{borrow::Borrow, fmt, sync::Arc};

use rand::Rng;
use sha2::{Digest, Sha256};

use crate::name::NameKey;

/// The beginning of the tags of programs. Random tags are hexadecimal.
const BOT: &str = "bot-";

/// One life of an instance: a random id. An instance takes a new one whenever the backplane may no longer know whom it
/// holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncarnationId(Arc<str>);

impl IncarnationId {
    /// A new incarnation.
    pub fn random() -> Self {
        Self::draw(&mut rand::rng())
    }

    /// A new incarnation, whose id is drawn from these random numbers.
    pub fn draw(rng: &mut impl Rng) -> Self {
        Self(format!("{:016x}", rng.random::<u64>()).into())
    }

    /// The id as stored in the backplane.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for IncarnationId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Borrow<str> for IncarnationId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Identifies a session to the room. Not a secret: the cookie cannot be derived from it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SessionTag(Arc<str>);

impl SessionTag {
    /// A new tag.
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()).into())
    }

    /// The tag of a program: the same on every instance, so that all its connections and requests are one session.
    pub fn of_bot(name_key: &NameKey) -> Self {
        let digest = Sha256::digest(name_key.as_bytes());
        let digits: String = digest[..14].iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("{BOT}{digits}").into())
    }

    /// Whether this is the tag of a program.
    pub fn is_bot(&self) -> bool {
        self.0.starts_with(BOT)
    }

    /// The tag as stored in the backplane.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SessionTag {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for SessionTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.8}…", self.0)
    }
}
