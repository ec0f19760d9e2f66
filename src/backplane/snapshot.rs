//! The room's position, and a read of all of it.

use super::{Change, Delta, Present};
use crate::{
    address::AddressKey,
    automod::AutoRules,
    protocol::{Id, Row, Rules},
};

/// A position of the room: the state of a subscriber that has received every event up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The current branch of history.
    pub epoch: u64,
    /// The newest id, kept over a change of epoch; `n` = 0 stands for a log without messages.
    pub head: Id,
    /// The presence version.
    pub version: u64,
}

impl Position {
    /// Whether the same people are in the room at another position.
    pub fn has_people_of(self, other: Self) -> bool {
        (self.epoch, self.version) == (other.epoch, other.version)
    }
}

/// One atomic read of the room.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The room's position; the last row, if any, is `position.head`.
    pub position: Position,
    /// Whether the exact id that was read from is still in the log, at most [`MISSED_AT_MOST`](super::MISSED_AT_MOST) messages behind the head,
    /// and no change since then is missing.
    /// Then `rows` continue it; else they are the newest [`NEWEST`](super::NEWEST).
    pub continues: bool,
    /// How many messages came after that id, where that exact id is still in the log.
    pub missed: Option<u64>,
    /// How many messages the log had held before the first row.
    pub before: u64,
    /// Whether messages older than the first row are kept.
    pub older: bool,
    /// The position before the first row, where nothing older is kept and that position still is.
    pub start: Option<Id>,
    /// Messages and deletions, oldest first.
    pub rows: Vec<Row>,
    /// Changes since the reader's position, or, where that is of another epoch or none, the newest ones; at most
    /// [`CHANGES_KEPT`](super::CHANGES_KEPT), oldest first.
    pub changes: Vec<Change>,
    /// Changes made while this id or an earlier one was the newest may be missing; none if all are here.
    pub changes_after: Option<Id>,
    /// The rules in force.
    pub rules: Rules,
    /// The rules that apply by themselves.
    pub auto: AutoRules,
    /// The people in the room.
    pub people: SnapshotPeople,
    /// The secret of the room's hashes of addresses: the same for every reader, made by the first.
    pub address_key: Option<AddressKey>,
}

/// Most people that a [`Snapshot`] contains.
pub const PEOPLE_AT_ONCE: usize = 1000;

/// The people in the room at the position of a [`Snapshot`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SnapshotPeople {
    /// The same as at the reader's position.
    #[default]
    Same,
    /// All of them, in no order, where they are at most [`PEOPLE_AT_ONCE`].
    All(Vec<Present>),
    /// Those of the reader's position with these changes, in turn.
    Changed(Vec<Delta>),
    /// So many that they are read in portions, with [`Backplane::people`](super::Backplane::people).
    Many(usize),
}

/// Some of the people in the room. A read of all portions returns everyone who is in the room throughout; a person who joins
/// or leaves meanwhile may be in one or not, or in two: the events after the read began decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeoplePortion {
    /// The epoch in which it was read. Portions of two epochs do not fit together.
    pub epoch: u64,
    /// The people.
    pub people: Vec<Present>,
    /// The cursor of the next portion; none after the last.
    pub next: Option<String>,
}

impl Snapshot {
    /// Whether the snapshot contains a message.
    pub fn has(&self, id: Id) -> bool {
        // The newest may be too old to be shown.
        self.position.head == id || self.rows.iter().any(|row| row.id() == id)
    }
}
