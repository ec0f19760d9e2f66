//! The log: messages in order, and the nonces of those said lately.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use crate::{
    backplane::{Cursor, MISSED_AT_MOST, NEWEST, NONCE_MEMORY, Page, Position, Post, PublishError, Snapshot},
    name::NameKey,
    protocol::{Id, Message, Row},
};

pub(super) struct Log {
    /// The position before the first row, where that is known: none once rows gave way to newer ones.
    anchor: Option<Id>,
    /// The newest message's id, or that before the first one ever.
    head: Id,
    /// When that was, in Unix milliseconds.
    newest_at: u64,
    /// Messages kept, oldest first; contiguous.
    rows: VecDeque<Row>,
    /// Messages no longer kept.
    trimmed: usize,
    keep: usize,
    said: Said,
}

impl Log {
    pub(super) fn new(epoch: u64, keep: usize) -> Self {
        let anchor = Id::new(epoch, 0);
        Self {
            anchor: Some(anchor),
            head: anchor,
            newest_at: 0,
            rows: VecDeque::new(),
            trimmed: 0,
            keep,
            said: Said::default(),
        }
    }

    pub(super) fn head(&self) -> Id {
        self.head
    }

    /// What a post is answered whose nonce is known.
    pub(super) fn said(&self, post: &Post) -> Option<Result<Id, PublishError>> {
        let (id, known) = self.said.get(&(post.name_key.clone(), post.nonce.clone()))?;
        Some(if *known == post.fingerprint() { Ok(*id) } else { Err(PublishError::BadNonce) })
    }

    pub(super) fn append(&mut self, post: Post, at: u64, now: Instant) -> Arc<Message> {
        let fingerprint = post.fingerprint();
        let key = (post.name_key, post.nonce.clone());
        let id = Id::new(self.head.epoch, self.head.n + 1);
        let at = self.newest_at.max(at);
        let text = post.text.as_str().to_owned();
        let message = Arc::new(Message { id, nonce: post.nonce, from: post.from, text, at });
        self.said.remember(key, (id, fingerprint), now);
        (self.head, self.newest_at) = (id, at);
        self.rows.push_back(Row::Message(Arc::clone(&message)));
        while self.rows.len() > self.keep {
            self.rows.pop_front();
            self.trimmed += 1;
            self.anchor = None;
        }
        message
    }

    /// Deletes a message: its position stays. False if there is none.
    pub(super) fn remove(&mut self, id: Id) -> bool {
        let row = self.index(id).map(|index| &mut self.rows[index]);
        let Some(row) = row.filter(|row| row.message().is_some()) else { return false };
        *row = row.removed();
        true
    }

    /// Deletes what was said before `oldest`, in Unix milliseconds. Whoever has seen the last of it misses nothing.
    pub(super) fn forget(&mut self, oldest: u64) {
        while let Some(row) = self.rows.pop_front_if(|row| row.at() < oldest) {
            self.trimmed += 1;
            self.anchor = Some(row.id());
        }
    }

    pub(super) fn read(&self, since: Option<Id>) -> Snapshot {
        // How many rows come before the first that is new to the reader, if its position is known.
        let seen = since.and_then(|id| self.rows_up_to(id));
        let missed = seen.map(|seen| self.rows.len() - seen);
        let continues = missed.is_some_and(|missed| missed <= MISSED_AT_MOST);
        let first = match seen {
            Some(seen) if continues => seen,
            _ => self.rows.len().saturating_sub(NEWEST),
        };
        Snapshot {
            position: Position { epoch: self.head.epoch, head: self.head, version: 0 },
            continues,
            missed: missed.map(|missed| missed as u64),
            before: (self.trimmed + first) as u64,
            older: first > 0,
            rows: self.rows.range(first..).cloned().collect(),
            removed: self.rows.iter().filter(|row| row.message().is_none()).map(Row::id).collect(),
            ..Snapshot::default()
        }
    }

    pub(super) fn locate(&self, id: Id) -> Option<u64> {
        self.rows_up_to(id).filter(|rows| *rows > 0).map(|rows| (self.trimmed + rows) as u64)
    }

    pub(super) fn page(&self, cursor: Cursor, limit: usize) -> Page {
        let len = self.rows.len();
        let known = |id| self.rows_up_to(id).filter(|rows| *rows > 0);
        let (range, more, trimmed) = match cursor {
            Cursor::Newest => (len.saturating_sub(limit)..len, len > limit, false),
            Cursor::Before(id) => {
                // An id that is not in the log still has a place in its order.
                let end = known(id).map_or_else(|| self.rows.partition_point(|row| row.id() < id), |rows| rows - 1);
                (end.saturating_sub(limit)..end, end > limit, known(id).is_none())
            }
            Cursor::After(id) => {
                let start = self.rows.partition_point(|row| row.id() <= id);
                let end = len.min(start + limit);
                (start..end, end < len, known(id).is_none())
            }
        };
        Page { rows: self.rows.range(range).cloned().collect(), more, trimmed }
    }

    /// How many of the kept rows are up to and including `id`, if that exact position is known.
    fn rows_up_to(&self, id: Id) -> Option<usize> {
        if Some(id) == self.anchor {
            return Some(0);
        }
        self.index(id).map(|index| index + 1)
    }

    fn index(&self, id: Id) -> Option<usize> {
        self.rows.binary_search_by_key(&id, Row::id).ok()
    }
}

type Key = (NameKey, crate::protocol::Nonce);
type Answer = (Id, String);

/// Nonces in two generations: the older is dropped whole, at most once in [`NONCE_MEMORY`].
#[derive(Default)]
struct Said {
    current: HashMap<Key, Answer>,
    previous: HashMap<Key, Answer>,
    turned: Option<Instant>,
}

impl Said {
    fn get(&self, key: &Key) -> Option<&Answer> {
        self.current.get(key).or_else(|| self.previous.get(key))
    }

    fn remember(&mut self, key: Key, answer: Answer, now: Instant) {
        let turned = *self.turned.get_or_insert(now);
        if now.duration_since(turned) >= NONCE_MEMORY {
            self.previous = std::mem::take(&mut self.current);
            self.turned = Some(now);
        }
        self.current.insert(key, answer);
    }
}
