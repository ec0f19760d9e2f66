//! The room as one instance keeps it open.

use crate::backplane::{Claim, Cursor, Page, SessionTag, Unavailable};

/// A handle to this instance's hub; cheap to clone.
#[derive(Clone)]
pub struct Room;

/// One page of the people here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersPage {
    /// Names as shown, sorted by folded name.
    pub names: Vec<String>,
    /// Everybody in the room.
    pub count: usize,
    /// Whether there are more after the last name.
    pub more: bool,
}

impl Room {
    /// A page of history, from what is at hand where possible.
    pub async fn page(&self, _cursor: Cursor, _limit: usize) -> Result<Page, Unavailable> {
        Err(Unavailable)
    }

    /// Up to `limit` names after the name `after` (as shown; need not be present), sorted by folded name.
    pub async fn members(&self, _after: Option<&str>, _limit: usize) -> Result<MembersPage, Unavailable> {
        Err(Unavailable)
    }

    /// Takes a name for a session, or renews it.
    pub async fn claim(&self, _who: &str, _session: &SessionTag) -> Result<Claim, Unavailable> {
        Err(Unavailable)
    }

    /// Ends a session's presence and claim on every instance; its sockets close with 4001.
    pub async fn end(&self, _session: &SessionTag, _who: &str) -> Result<(), Unavailable> {
        Err(Unavailable)
    }

    /// Fit for new people: the backplane is heard, and the instance is not draining.
    pub fn ready(&self) -> bool {
        false
    }
}
