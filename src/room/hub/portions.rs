//! Reads missed messages in portions when there are more than a snapshot has, so that clients miss nothing.

use std::time::Instant;

use super::{
    Hub,
    backplane_calls::{CallResult, ReadContext},
};
use crate::{
    backplane::{Cursor, MISSED_AT_MOST, Page, Position, Snapshot, SnapshotPeople, Unavailable},
    room::{
        bounded,
        history_cache::EncodedMessage,
        lease::{ReadOutcome, Reply},
    },
};

/// Most missed messages that are read in portions; above that, clients get a welcome with a gap.
const PORTIONS_AT_MOST: u64 = 20 * MISSED_AT_MOST as u64;

/// The kind of the next read of the room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum NextRead {
    /// A snapshot. If it is too far ahead, portions follow.
    #[default]
    Snapshot,
    /// The next portion of messages.
    Portion,
    /// A snapshot that is applied even if messages before it are missing: they cannot be read.
    LastSnapshot,
    /// A snapshot that replaces everything: Redis has lost changes of messages that clients were sent.
    Whole,
}

impl Hub {
    /// Begins to read portions, if the messages between the position and the snapshot are all in the log. Returns whether it
    /// does; if so, only the snapshot's people are adopted now.
    pub(super) fn begin_portions(&mut self, snapshot: &Snapshot, context: &ReadContext, now: Instant) -> bool {
        let is_same_epoch = context.position.is_some_and(|before| before.epoch == snapshot.position.epoch);
        let is_near = snapshot.missed.is_some_and(|missed| missed <= PORTIONS_AT_MOST);
        if snapshot.continues || !is_near || !is_same_epoch || self.next_read == NextRead::LastSnapshot {
            return false;
        }
        // Senders are announced before their messages, but in a room too large for their names to be shown.
        if !matches!(snapshot.people, SnapshotPeople::Many(_)) {
            self.adopt_people(snapshot, context, now);
            self.send_changes(now);
        }
        self.next_read = NextRead::Portion;
        let actions = self.lease.on_reply(now, Reply::Read(ReadOutcome::Partial));
        self.carry_out(actions, now);
        true
    }

    pub(super) fn call_portion(&mut self, from: Position) {
        let (backplane, is_full) = (self.backplane.clone(), self.fanout.is_full());
        self.calls.push(Box::pin(async move {
            // While too much is queued for the clients it is tried again later.
            let read = async {
                if is_full { Err(Unavailable) } else { backplane.page(Cursor::After(from.head), MISSED_AT_MOST).await }
            };
            CallResult::Portion(from, bounded(read).await)
        }));
    }

    /// Delivers a portion of messages, if it follows the current position.
    pub(super) fn adopt_portion(&mut self, from: Position, result: Result<Page, Unavailable>) -> ReadOutcome {
        let Some(page) = result.ok().filter(|_| self.gap_detector.position() == Some(from)) else {
            return ReadOutcome::Failed;
        };
        if follows(&page, from) {
            self.next_read = if page.more { NextRead::Portion } else { NextRead::Snapshot };
            self.deliver_portion(page);
        } else {
            self.next_read = NextRead::LastSnapshot;
        }
        ReadOutcome::Partial
    }

    fn deliver_portion(&mut self, page: Page) {
        for row in page.rows {
            let message = EncodedMessage::new(row);
            self.gap_detector.move_to_message(message.row.id());
            self.state.push_message(message, |message| self.broadcast(&message.frame));
        }
    }
}

/// Whether the page's rows follow the position without a hole.
fn follows(page: &Page, from: Position) -> bool {
    let numbers = from.head.n + 1..;
    let follow = page.rows.iter().zip(numbers).all(|(row, n)| row.id().epoch == from.head.epoch && row.id().n == n);
    follow && !page.trimmed && !page.rows.is_empty()
}
