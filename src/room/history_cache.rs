//! The newest messages, at hand: what reconnects and pages are answered from.
//!
//! Plain and synchronous. Always a contiguous end of the log.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    backplane::{Cursor, MISSED_AT_MOST, NEWEST, Page, Snapshot},
    protocol::{Id, Row, ServerFrame},
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
    /// Messages that the log had held before the first row.
    before: u64,
    /// Whether the log keeps messages older than the first row.
    older: bool,
    /// The position before the first row, where nothing older is kept and that position still is.
    start: Option<Id>,
    /// Whether it was ever filled.
    loaded: bool,
    /// Grows with every change.
    revision: u64,
}

/// A message, with its frame encoded once for all who will get it.
#[derive(Clone, Debug)]
pub struct EncodedMessage {
    /// The message, or where one was deleted.
    pub row: Row,
    /// Its WebSocket frame, as it goes over the wire.
    pub frame: Bytes,
    /// The same text, as it is put into a welcome.
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

/// What a client that was last at some position is to be shown.
#[derive(Debug)]
pub struct CatchUp<'a> {
    /// Whether the rows continue what it has.
    pub recovered: bool,
    /// How many messages came since, when they are more than the rows can be; none where that cannot be known.
    pub missed: Option<u64>,
    /// The rows, oldest first.
    pub rows: Vec<&'a EncodedMessage>,
}

/// Where a client was last, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeFrom {
    /// It comes for the first time.
    Nothing,
    /// At this id, which may be at hand or lost.
    At(Id),
    /// At an id no longer at hand but still in the log, as its n-th message ever.
    CatchingUp(u64),
}

impl HistoryCache {
    /// Starts anew from a reading, or continues with it.
    pub fn take(&mut self, snapshot: &Snapshot, encoded: Vec<EncodedMessage>) {
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
        for kept in encoded {
            self.push(kept);
        }
    }

    /// Adds the next message.
    pub fn push(&mut self, kept: EncodedMessage) {
        self.revision += 1;
        self.rows.push_back(kept);
        if self.rows.len() > NEWEST {
            self.rows.pop_front();
            self.before += 1;
            self.older = true;
            self.start = None;
        }
    }

    /// Lets go of what was said before `oldest`, in Unix milliseconds.
    pub fn forget(&mut self, oldest: u64) {
        while let Some(kept) = self.rows.pop_front_if(|kept| kept.row.at() < oldest) {
            self.before += 1;
            self.older = false;
            self.start = Some(kept.row.id());
            self.revision += 1;
        }
    }

    /// Deletes a message, if it is at hand: its position stays.
    pub fn remove(&mut self, id: Id) {
        if let Some(index) = self.index(id) {
            self.rows[index] = EncodedMessage::new(self.rows[index].row.removed());
            self.revision += 1;
        }
    }

    /// The messages at hand that somebody wrote, by their name as shown; oldest first.
    pub fn said_by(&self, name: &str) -> Vec<Id> {
        let messages = self.rows.iter().filter_map(|kept| kept.row.message());
        messages.filter(|message| message.from == name).map(|message| message.id).collect()
    }

    /// Returns a number that grows with every change: pages with the same one are equal.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many are at hand.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The newest position; none before the log was read.
    pub fn head(&self) -> Option<Id> {
        self.rows.back().map(|kept| kept.row.id()).or(self.start)
    }

    /// Whether asking the log about `id` could tell more than is known here.
    pub fn must_ask_for(&self, id: Id) -> bool {
        self.older && self.rows.front().is_some_and(|first| id < first.row.id())
    }

    /// What to show a client that was last at `since`.
    pub fn catch_up(&self, since: ResumeFrom) -> CatchUp<'_> {
        match since {
            ResumeFrom::Nothing => CatchUp { recovered: true, missed: Some(0), rows: self.newest() },
            ResumeFrom::CatchingUp(seen) => {
                let missed = (self.before + self.rows.len() as u64).saturating_sub(seen);
                CatchUp { recovered: false, missed: Some(missed), rows: self.newest() }
            }
            ResumeFrom::At(id) if Some(id) == self.start => self.continue_from(0),
            ResumeFrom::At(id) => match self.index(id) {
                None => CatchUp { recovered: false, missed: None, rows: self.newest() },
                Some(index) => self.continue_from(index + 1),
            },
        }
    }

    /// A page of history, if all of it is at hand.
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
        };
        let complete = range.len() == limit || !self.older || matches!(cursor, Cursor::After(_));
        let rows = self.rows.range(range).map(|kept| kept.row.clone()).collect();
        (self.loaded && complete).then_some(Page { rows, more, trimmed: false })
    }

    fn continue_from(&self, first: usize) -> CatchUp<'_> {
        let missed = self.rows.len() - first;
        let bytes: usize = self.rows.range(first..).map(|kept| kept.frame.len()).sum();
        if missed <= MISSED_AT_MOST && bytes <= CATCH_UP_BYTES {
            return CatchUp { recovered: true, missed: Some(0), rows: self.rows.range(first..).collect() };
        }
        CatchUp { recovered: false, missed: Some(missed as u64), rows: self.newest() }
    }

    fn newest(&self) -> Vec<&EncodedMessage> {
        let mut bytes = 0;
        let fits = |kept: &&EncodedMessage| {
            bytes += kept.frame.len();
            bytes <= CATCH_UP_BYTES
        };
        let mut rows: Vec<_> = self.rows.iter().rev().take(FIRST_PAGE).take_while(fits).collect();
        rows.reverse();
        rows
    }

    fn index(&self, id: Id) -> Option<usize> {
        self.rows.binary_search_by_key(&id, |kept| kept.row.id()).ok()
    }
}

#[cfg(test)]
mod tests;
