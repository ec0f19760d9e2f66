//! Rules that can be broken on purpose, to see that the checker reports each.

use super::torture::checker::ViolationKind;

/// A rule of the backplane's contract, broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// "Once": a nonce that is repeated is stored again.
    Once,
    /// "One log": of two messages in a row the first is not delivered, and the second does not show it.
    NoSilentHole,
    /// "One log": two messages in a row are delivered in the wrong order, and do not show it.
    Order,
    /// An acknowledged message is stored.
    Stored,
    /// Each failover begins an epoch.
    NewEpoch,
    /// A read from a lost position does not continue it.
    LostPosition,
    /// An ended session is out of the room.
    EndedSession,
    /// "Leases": the people of a dead incarnation are released.
    Reaped,
    /// "One presence": only the release by the last holder is a departure.
    LastHolder,
    /// The delivered message is the stored one.
    SameText,
    /// An acknowledged change is stored.
    ChangeStored,
    /// A change is delivered.
    ChangeDelivered,
    /// A read has the changes that its reader missed.
    ChangesMissed,
    /// "Leases": a heartbeat of a lease of a former epoch changes nothing.
    FormerLease,
}

impl Rule {
    /// The violation that the checker reports when it is broken.
    pub fn violation(self) -> ViolationKind {
        match self {
            Self::Once => ViolationKind::Doubled,
            Self::NoSilentHole | Self::Order | Self::LostPosition => ViolationKind::SilentGap,
            Self::Stored | Self::NewEpoch | Self::SameText | Self::ChangeStored => ViolationKind::Lost,
            Self::EndedSession | Self::Reaped => ViolationKind::Ghost,
            Self::LastHolder => ViolationKind::Refusal,
            Self::ChangeDelivered | Self::ChangesMissed => ViolationKind::Stale,
            Self::FormerLease => ViolationKind::Roster,
        }
    }

    /// All rules.
    pub const ALL: [Self; 14] = [
        Self::Once,
        Self::NoSilentHole,
        Self::Order,
        Self::Stored,
        Self::NewEpoch,
        Self::LostPosition,
        Self::EndedSession,
        Self::Reaped,
        Self::LastHolder,
        Self::SameText,
        Self::ChangeStored,
        Self::ChangeDelivered,
        Self::ChangesMissed,
        Self::FormerLease,
    ];
}
