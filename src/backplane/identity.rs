//! Random ids: of one life of an instance, and of a session.

use std::{borrow::Borrow, fmt, sync::Arc};

use rand::Rng;

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
