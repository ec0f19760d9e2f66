//! The newest messages of the log, without a hole: reconnects and pages are served from here. Plain and synchronous.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    backplane::{Cursor, MISSED_AT_MOST, NEWEST, Page, Snapshot, around},
    protocol::{Id, Row, ServerFrame, ShownChanges},
    websocket::text_frame,
};

/// Most bytes of messages in one welcome.
pub const CATCH_UP_BYTES: usize = 128 * 1024;
/// Messages in a welcome that does not continue what the client has.
pub const FIRST_PAGE: usize = 50;

/// The newest messages, oldest first.
#[derive(Debug, Default)]
pub struct HistoryCache {
    rows: VecDeque<EncodedMessage>,
    /// How many messages the log had held before the first row.
    before: u64,
    /// Whether the log keeps messages older than the first row.
    older: bool,
    /// The position before the first row, where nothing older is kept and that position still is.
    start: Option<Id>,
    /// Whether the log was read.
    loaded: bool,
    /// Grows with every change.
    revision: u64,
}

/// A message, encoded once for all clients.
#[derive(Clone, Debug)]
pub struct EncodedMessage {
    /// The message, or its deletion.
    pub row: Row,
    /// Its WebSocket frame.
    pub frame: Bytes,
    /// The frame's JSON, for a welcome.
    pub raw: Arc<RawValue>,
}

impl EncodedMessage {
    /// Encodes a message.
    pub fn new(row: Row) -> Self {
        let raw = to_raw_value(&ServerFrame::from(&row)).unwrap_or_else(|_| RawValue::NULL.to_owned());
        let frame = text_frame(raw.get().as_bytes());
        Self { row, frame, raw: raw.into() }
    }
}

/// The messages of a client's welcome.
#[derive(Debug)]
pub struct CatchUp<'a> {
    /// Whether the rows follow what the client has.
    pub recovered: bool,
    /// How many messages the client missed that are not all in the rows; none if unknown.
    pub missed: Option<u64>,
    /// The rows, oldest first.
    pub rows: Vec<&'a EncodedMessage>,
}

/// The position that a client resumes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeFrom {
    /// It has none: a first visit.
    Nothing,
    /// After this id, which may be cached or lost.
    At(Id),
    /// After the n-th message ever, which is in the log but no longer cached.
    Ordinal(u64),
}

impl HistoryCache {
    /// Adds a snapshot's messages, or replaces all by them.
    pub fn adopt(&mut self, snapshot: &Snapshot, encoded: Vec<EncodedMessage>) {
        self.revision += 1;
        if !(snapshot.continues && self.loaded) {
            *self = Self {
                rows: VecDeque::new(),
                before: snapshot.before,
                older: snapshot.older,
                start: snapshot.start,
                loaded: true,
                revision: self.revision,
            };
        }
        for message in encoded {
            self.push(message);
        }
    }

    /// Adds the next message.
    pub fn push(&mut self, message: EncodedMessage) {
        self.revision += 1;
        self.rows.push_back(message);
        if self.rows.len() > NEWEST {
            self.rows.pop_front();
            self.before += 1;
            self.older = true;
            self.start = None;
        }
    }

    /// Drops messages sent before `oldest`, in Unix milliseconds.
    pub fn trim_old(&mut self, oldest: u64) {
        while let Some(cached) = self.rows.pop_front_if(|cached| cached.row.at() < oldest) {
            self.before += 1;
            self.older = false;
            self.start = Some(cached.row.id());
            self.revision += 1;
        }
    }

    /// Puts the present state of a message in place of the cached one.
    pub fn replace(&mut self, row: Row) {
        if let Some(index) = self.index(row.id()) {
            self.rows[index] = EncodedMessage::new(row);
            self.revision += 1;
        }
    }

    /// The cached message or deletion with this id.
    pub fn row(&self, id: Id) -> Option<&Row> {
        self.index(id).map(|index| &self.rows[index].row)
    }

    /// Returns a change that a client shows and the cached message lacks: it is on its way, or Redis has lost it.
    pub fn lacking(&self, shown: &ShownChanges) -> Option<(Id, Option<u64>)> {
        let lacks = |(id, edited_at): &(&Id, &Option<u64>)| self.row(**id).is_some_and(|row| lacks(row, **edited_at));
        shown.iter().rev().find(lacks).map(|(id, edited_at)| (*id, *edited_at))
    }

    /// Returns a number that grows with every change: pages with the same one are equal.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The number of cached messages.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The newest position; none before the log was read.
    pub fn head(&self) -> Option<Id> {
        self.rows.back().map(|cached| cached.row.id()).or(self.start)
    }

    /// Whether `id` may be in the log but not here.
    pub fn may_be_older(&self, id: Id) -> bool {
        self.older && self.rows.front().is_some_and(|first| id < first.row.id())
    }

    /// The messages for a client that resumes from `since`, beside changes of so many bytes; `None`: changes are missing.
    pub fn catch_up(&self, since: ResumeFrom, change_bytes: Option<usize>) -> CatchUp<'_> {
        match since {
            ResumeFrom::Nothing => CatchUp { recovered: true, missed: Some(0), rows: self.newest(CATCH_UP_BYTES) },
            ResumeFrom::Ordinal(seen) => {
                let missed = (self.before + self.rows.len() as u64).saturating_sub(seen);
                CatchUp { recovered: false, missed: Some(missed), rows: self.newest(CATCH_UP_BYTES) }
            }
            ResumeFrom::At(id) if Some(id) == self.start => self.continue_from(0, change_bytes),
            ResumeFrom::At(id) => match self.index(id) {
                None => CatchUp { recovered: false, missed: None, rows: self.newest(CATCH_UP_BYTES) },
                Some(index) => self.continue_from(index + 1, change_bytes),
            },
        }
    }

    /// A page of history, if all of it is cached.
    pub fn page(&self, cursor: Cursor, limit: usize) -> Option<Page> {
        let len = self.rows.len();
        let (range, more) = match cursor {
            Cursor::Newest => (len.saturating_sub(limit)..len, len > limit || self.older),
            Cursor::Before(id) => {
                let end = self.index(id)?;
                (end.saturating_sub(limit)..end, end > limit || self.older)
            }
            Cursor::After(id) => {
                let start = self.index(id)? + 1;
                let end = len.min(start + limit);
                (start..end, end < len)
            }
            Cursor::Around(id) => {
                let range = around(self.index(id)?, len, limit);
                (range.clone(), range.start > 0 || self.older)
            }
        };
        let complete = match cursor {
            Cursor::After(_) => true,
            // Messages before the first row may belong on the page.
            Cursor::Around(_) => range.start > 0 || !self.older,
            Cursor::Newest | Cursor::Before(_) => range.len() == limit || !self.older,
        };
        let more_after = matches!(cursor, Cursor::Around(_)) && range.end < len;
        let rows = self.rows.range(range).map(|cached| cached.row.clone()).collect();
        (self.loaded && complete).then_some(Page { rows, more, more_after, trimmed: false })
    }

    fn continue_from(&self, first: usize, change_bytes: Option<usize>) -> CatchUp<'_> {
        let missed = self.rows.len() - first;
        let bytes: usize = self.rows.range(first..).map(|cached| cached.frame.len()).sum();
        if missed <= MISSED_AT_MOST && change_bytes.is_some_and(|changes| bytes + changes <= CATCH_UP_BYTES) {
            return CatchUp { recovered: true, missed: Some(0), rows: self.rows.range(first..).collect() };
        }
        CatchUp { recovered: false, missed: Some(missed as u64), rows: self.newest(CATCH_UP_BYTES) }
    }

    /// The newest messages, at most [`FIRST_PAGE`] of them and `at_most` bytes.
    pub fn newest(&self, at_most: usize) -> Vec<&EncodedMessage> {
        let mut bytes = 0;
        let fits = |cached: &&EncodedMessage| {
            bytes += cached.frame.len();
            bytes <= at_most
        };
        let mut rows: Vec<_> = self.rows.iter().rev().take(FIRST_PAGE).take_while(fits).collect();
        rows.reverse();
        rows
    }

    fn index(&self, id: Id) -> Option<usize> {
        self.rows.binary_search_by_key(&id, |cached| cached.row.id()).ok()
    }
}

/// Whether a message was never edited at this time or later, and is not deleted. No time: it should be deleted.
pub fn lacks(row: &Row, edited_at: Option<u64>) -> bool {
    row.message().is_some_and(|message| edited_at.is_none_or(|at| message.edited_at.is_none_or(|own| own < at)))
}

#[cfg(test)]
mod tests;
