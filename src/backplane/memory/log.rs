//! The log: messages in order, and the nonces of the last ten minutes.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use crate::{
    backplane::{Cursor, MISSED_AT_MOST, NEWEST, NONCE_MEMORY, Page, Person, Position, Post, PublishError, Snapshot},
    name::NameKey,
    protocol::{Id, Message, Row},
};

#[derive(Clone)]
pub(super) struct Log {
    epoch: u64,
    /// Messages of the epoch.
    n: u64,
    /// The position before the first row; none once rows were trimmed by number.
    anchor: Option<Id>,
    /// The newest message's id, or the position before the first one ever.
    head: Id,
    /// The newest message's time, in Unix milliseconds.
    newest_at: u64,
    /// Messages stored, oldest first; contiguous.
    rows: VecDeque<Row>,
    /// Messages no longer stored.
    trimmed: usize,
    keep: usize,
    nonces: Nonces,
}

impl Log {
    pub(super) fn new(epoch: u64, keep: usize) -> Self {
        let anchor = Id::new(epoch, 0);
        Self {
            epoch,
            n: 0,
            anchor: Some(anchor),
            head: anchor,
            newest_at: 0,
            rows: VecDeque::new(),
            trimmed: 0,
            keep,
            nonces: Nonces::default(),
        }
    }

    /// Begins a new epoch after the messages so far.
    pub(super) fn begin_epoch(&mut self, epoch: u64) {
        (self.epoch, self.n) = (epoch, 0);
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn head(&self) -> Id {
        self.head
    }

    /// Returns the result for a post whose nonce is stored.
    pub(super) fn duplicate(&self, post: &Post) -> Option<Result<Id, PublishError>> {
        let (id, known) = self.nonces.get(&(post.person.name_key.clone(), post.nonce.clone()))?;
        Some(if *known == post.fingerprint() { Ok(*id) } else { Err(PublishError::BadNonce) })
    }

    pub(super) fn append(&mut self, post: Post, at: u64, now: Instant) -> Arc<Message> {
        let fingerprint = post.fingerprint();
        let Person { name_key, name, session } = post.person;
        let key = (name_key, post.nonce.clone());
        self.n += 1;
        let id = Id::new(self.epoch, self.n);
        let at = self.newest_at.max(at);
        let text = post.text.as_str().to_owned();
        let message =
            Arc::new(Message { id, nonce: post.nonce, from: name, text, at, bot: session.is_bot(), alias: post.alias });
        self.nonces.insert(key, (id, fingerprint), now);
        (self.head, self.newest_at) = (id, at);
        self.rows.push_back(Row::Message(Arc::clone(&message)));
        while self.rows.len() > self.keep {
            self.rows.pop_front();
            self.trimmed += 1;
            self.anchor = None;
        }
        message
    }

    /// Deletes a message; its position stays. Returns false if there is none.
    pub(super) fn remove(&mut self, id: Id) -> bool {
        let row = self.index(id).map(|index| &mut self.rows[index]);
        let Some(row) = row.filter(|row| row.message().is_some()) else { return false };
        *row = row.removed();
        true
    }

    /// Deletes messages sent before `oldest`, in Unix milliseconds. The last of them stays as a position.
    pub(super) fn trim_old(&mut self, oldest: u64) {
        while let Some(row) = self.rows.pop_front_if(|row| row.at() < oldest) {
            self.trimmed += 1;
            self.anchor = Some(row.id());
        }
    }

    pub(super) fn read(&self, since: Option<Id>) -> Snapshot {
        // Rows up to the reader's position, if that is known.
        let known = since.and_then(|id| self.rows_up_to(id));
        let missed = known.map(|known| self.rows.len() - known);
        let continues = missed.is_some_and(|missed| missed <= MISSED_AT_MOST);
        let first = match known {
            Some(known) if continues => known,
            _ => self.rows.len().saturating_sub(NEWEST),
        };
        Snapshot {
            position: Position { epoch: self.epoch, head: self.head, version: 0 },
            continues,
            missed: missed.map(|missed| missed as u64),
            before: (self.trimmed + first) as u64,
            older: first > 0,
            start: self.anchor.filter(|_| first == 0),
            rows: self.rows.range(first..).cloned().collect(),
            removed: self.rows.iter().filter(|row| row.message().is_none()).map(Row::id).collect(),
            ..Snapshot::default()
        }
    }

    pub(super) fn locate(&self, id: Id) -> Option<u64> {
        self.rows_up_to(id).map(|rows| (self.trimmed + rows) as u64)
    }

    pub(super) fn page(&self, cursor: Cursor, limit: usize) -> Page {
        let len = self.rows.len();
        let (range, more, trimmed) = match cursor {
            Cursor::Newest => (len.saturating_sub(limit)..len, len > limit, false),
            Cursor::Before(id) => {
                // An id that is not in the log still has a place in its order.
                let end = self.rows.partition_point(|row| row.id() < id);
                (end.saturating_sub(limit)..end, end > limit, self.rows_up_to(id).is_none())
            }
            Cursor::After(id) => {
                let start = self.rows.partition_point(|row| row.id() <= id);
                let end = len.min(start + limit);
                (start..end, end < len, self.rows_up_to(id).is_none())
            }
        };
        Page { rows: self.rows.range(range).cloned().collect(), more, trimmed }
    }

    /// Returns how many of the rows are up to and including `id`, if that exact position is known.
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
type Value = (Id, String);

/// Nonces, each with its message's id and fingerprint, in two generations: the older is dropped whole, at most once per
/// [`NONCE_MEMORY`].
#[derive(Clone, Default)]
struct Nonces {
    current: HashMap<Key, Value>,
    previous: HashMap<Key, Value>,
    rotated: Option<Instant>,
}

impl Nonces {
    fn get(&self, key: &Key) -> Option<&Value> {
        self.current.get(key).or_else(|| self.previous.get(key))
    }

    fn insert(&mut self, key: Key, value: Value, now: Instant) {
        let rotated = *self.rotated.get_or_insert(now);
        if now.duration_since(rotated) >= NONCE_MEMORY {
            self.previous = std::mem::take(&mut self.current);
            self.rotated = Some(now);
        }
        self.current.insert(key, value);
    }
}
