//! Names of people: what may be one, how it is shown, and which two are the same.

/// A name somebody may carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    shown: String,
    who: String,
}

impl Name {
    /// The name as shown: NFC, trimmed, inner spaces collapsed.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The uniqueness key: the shown name case folded, look-alikes mapped.
    pub fn who(&self) -> &str {
        &self.who
    }
}
