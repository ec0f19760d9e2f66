//! The log: messages in order, and the nonces of the last ten minutes.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use crate::{
    backplane::{
        Change, ChangeLog, ChangeRequest, Cursor, MISSED_AT_MOST, NEWEST, NONCE_MEMORY, NewState, Page, Person,
        Position, Post, PublishError, SessionTag, Snapshot, around,
    },
    name::NameKey,
    protocol::{Id, Message, Nonce, Row},
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
    /// The session that sent each of them.
    senders: VecDeque<SessionTag>,
    changes: ChangeLog,
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
            senders: VecDeque::new(),
            changes: ChangeLog::default(),
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

    /// Returns the result for a call whose nonce is stored.
    pub(super) fn duplicate(
        &self,
        person: &Person,
        nonce: &Nonce,
        fingerprint: &str,
    ) -> Option<Result<Id, PublishError>> {
        let (id, known) = self.nonces.get(&(person.name_key.clone(), nonce.clone()))?;
        Some(if known == fingerprint { Ok(*id) } else { Err(PublishError::BadNonce) })
    }

    pub(super) fn append(&mut self, post: Post, at: u64, now: Instant) -> Arc<Message> {
        let fingerprint = post.fingerprint();
        let Person { name_key, name, session, .. } = post.person;
        let key = (name_key, post.nonce.clone());
        let reply_to = post.reply_to.filter(|id| self.message(*id).is_some());
        self.n += 1;
        let id = Id::new(self.epoch, self.n);
        let at = self.newest_at.max(at);
        let message = Arc::new(Message {
            id,
            nonce: post.nonce,
            from: name,
            text: post.text.as_str().to_owned(),
            at,
            reply_to,
            edited_at: None,
            bot: session.is_bot(),
            alias: post.alias,
        });
        self.nonces.insert(key, (id, fingerprint), now);
        (self.head, self.newest_at) = (id, at);
        self.rows.push_back(Row::Message(Arc::clone(&message)));
        self.senders.push_back(session);
        while self.rows.len() > self.keep {
            self.pop();
            self.anchor = None;
        }
        message
    }

    /// Whether a request may be carried out now, in Unix milliseconds.
    pub(super) fn may_change(&self, request: &ChangeRequest, window_ms: u64, now: u64) -> Result<(), PublishError> {
        let message = self.message(request.id).ok_or(PublishError::Gone)?;
        if self.index(request.id).is_none_or(|index| self.senders[index] != request.person.session) {
            return Err(PublishError::NotYours);
        }
        let is_edit = request.state != NewState::Deleted;
        if is_edit && (window_ms == 0 || now > message.at.saturating_add(window_ms)) {
            return Err(PublishError::TooLate);
        }
        Ok(())
    }

    /// Carries out a request, as the step to a version. Returns the message from then on.
    pub(super) fn change(&mut self, request: &ChangeRequest, version: u64, at: u64, now: Instant) -> Option<Row> {
        let message = self.message(request.id)?;
        let row = match &request.state {
            NewState::Deleted => Row::Message(Arc::clone(message)).removed(),
            NewState::Edited(text) => {
                let text = text.as_str().to_owned();
                // Later than the edit before it, even if the clock was set back.
                let at = at.max(message.edited_at.map_or(message.at, |former| former + 1));
                Message { text, edited_at: Some(at), ..Message::clone(message) }.into()
            }
        };
        let key = (request.person.name_key.clone(), request.nonce.clone());
        self.nonces.insert(key, (request.id, request.fingerprint()), now);
        self.replace(row.clone(), version);
        Some(row)
    }

    /// Deletes a message, as the step to a version; its position stays. Returns false if there is none.
    pub(super) fn remove(&mut self, id: Id, version: u64) -> bool {
        let Some(row) = self.message(id).map(|message| Row::Message(Arc::clone(message)).removed()) else {
            return false;
        };
        self.replace(row, version);
        true
    }

    /// The name of the sender of a message that is not deleted.
    pub(super) fn author(&self, id: Id) -> Option<&str> {
        self.message(id).map(|message| message.from.as_str())
    }

    fn replace(&mut self, row: Row, version: u64) {
        if let Some(index) = self.index(row.id()) {
            self.rows[index] = row.clone();
            self.changes.push(Change { version, head: self.head, row });
        }
    }

    fn message(&self, id: Id) -> Option<&Arc<Message>> {
        match &self.rows[self.index(id)?] {
            Row::Message(message) => Some(message),
            Row::Removed { .. } => None,
        }
    }

    /// Drops the oldest message.
    fn pop(&mut self) {
        let Some(row) = self.rows.pop_front() else { return };
        self.senders.pop_front();
        self.changes.remove(row.id());
        self.trimmed += 1;
    }

    /// Deletes messages sent before `oldest`, in Unix milliseconds. The last of them stays as a position.
    pub(super) fn trim_old(&mut self, oldest: u64) {
        while let Some(row) = self.rows.front().filter(|row| row.at() < oldest) {
            self.anchor = Some(row.id());
            self.pop();
        }
    }

    pub(super) fn read(&self, from: Option<Position>) -> Snapshot {
        let since = from.map(|from| from.head);
        let same_epoch = from.filter(|from| from.epoch == self.epoch);
        let missed_changes = same_epoch.map(|from| self.changes.after_version(from.version));
        // Rows up to the reader's position, if that is known.
        let known = since.and_then(|id| self.rows_up_to(id));
        let missed = known.map(|known| self.rows.len() - known);
        let continues = missed.is_some_and(|missed| missed <= MISSED_AT_MOST) && missed_changes != Some(None);
        let is_complete = continues && missed_changes.is_some();
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
            changes: missed_changes.flatten().filter(|_| continues).unwrap_or_else(|| self.changes.all()),
            changes_after: self.changes.dropped_head().filter(|_| !is_complete),
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
            Cursor::Around(id) => {
                let Some(index) = self.index(id) else { return Page { trimmed: true, ..Page::default() } };
                let range = around(index, len, limit);
                (range.clone(), range.start > 0, false)
            }
        };
        let more_after = matches!(cursor, Cursor::Around(_)) && range.end < len;
        Page { rows: self.rows.range(range).cloned().collect(), more, more_after, trimmed }
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

type Key = (NameKey, Nonce);
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
