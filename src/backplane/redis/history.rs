//! Reading the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    RedisBackplane, body,
    people::people,
    reply::{PositionReply, number},
};
use crate::{
    address::AddressKey,
    automod::AutoRules,
    backplane::{
        Change, Cursor, MISSED_AT_MOST, NEWEST, PEOPLE_AT_ONCE, Page, Position, Snapshot, Unavailable, around,
    },
    protocol::{Door, Id, Row, Rules},
};

#[derive(Serialize)]
struct SnapshotArgument {
    history: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_age_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    missed_at_most: usize,
    newest: usize,
    address_key: String,
    people_at_once: usize,
    steps_bytes: usize,
}

#[derive(Serialize)]
struct PageArgument {
    #[serde(skip_serializing_if = "Option::is_none")]
    history_age_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    around: Option<Id>,
    count: usize,
}

#[derive(Deserialize)]
struct Reply {
    position: PositionReply,
    #[serde(deserialize_with = "number")]
    total: u64,
    continues: bool,
    missed: Option<String>,
    #[serde(deserialize_with = "number")]
    oldest: u64,
    #[serde(default)]
    rows: Vec<Entry>,
    #[serde(deserialize_with = "number")]
    slow_ms: u64,
    notice: Option<String>,
    /// JSON, like the next.
    read_only: Option<String>,
    closed: Option<String>,
    /// JSON by name.
    #[serde(default)]
    auto: BTreeMap<String, String>,
    #[serde(default)]
    changes: Vec<ChangeEntry>,
    changes_after: Option<Id>,
    address_key: String,
    /// Their number; absent if they are as at the reader's position.
    people: Option<String>,
    /// Field and value in turn.
    all: Option<Vec<String>>,
    /// JSON without the outer brackets.
    steps: Option<String>,
}

/// A position of the log.
#[derive(Deserialize)]
struct Entry {
    id: Id,
    #[serde(deserialize_with = "number")]
    total: u64,
    #[serde(deserialize_with = "number")]
    at: u64,
    /// Absent for a hidden position: the one before the first message, or before those that are young enough.
    body: Option<String>,
}

/// A changed message.
#[derive(Deserialize)]
struct ChangeEntry {
    #[serde(deserialize_with = "number")]
    version: u64,
    head: Id,
    id: Id,
    #[serde(deserialize_with = "number")]
    at: u64,
    body: String,
}

/// Most bytes of steps of presence in a snapshot: about 20,000 people.
const STEPS_BYTES: usize = 1 << 20;
/// Begins the body of a deleted message.
const REMOVED: char = '-';

impl RedisBackplane {
    pub(super) async fn read_room(&self, from: Option<Position>) -> Result<Snapshot, Unavailable> {
        let history_age_ms = self.history_age_ms();
        let argument = SnapshotArgument {
            history: self.policy.history,
            history_age_ms,
            since: from.map(|from| from.head),
            epoch: from.map(|from| from.epoch.to_string()),
            version: from.map(|from| from.version.to_string()),
            missed_at_most: MISSED_AT_MOST,
            newest: NEWEST,
            address_key: self.new_address_key.encode(),
            people_at_once: PEOPLE_AT_ONCE,
            steps_bytes: STEPS_BYTES,
        };
        let keys = self.keys.with_own([self.keys.address_key()]);
        let read: Reply = self.snapshots.run(&self.snapshots.read, keys, &argument).await?;
        let position = Position::from(read.position);
        let people = people(read.people.as_deref(), read.all, read.steps.as_deref()).ok_or(Unavailable)?;
        let hidden = read.rows.iter().take_while(|entry| entry.body.is_none()).last().map(|entry| entry.id);
        let messages: Vec<(u64, Row)> =
            read.rows.into_iter().filter_map(|entry| Some((entry.total, entry.row()?))).collect();
        let before = messages.first().map_or(read.total, |(total, _)| total.saturating_sub(1));
        Ok(Snapshot {
            position,
            continues: read.continues,
            missed: read.missed.and_then(|missed| missed.parse().ok()),
            before,
            older: before + 1 > read.oldest,
            start: hidden,
            rows: messages.into_iter().map(|(_, row)| row).collect(),
            changes: read.changes.into_iter().rev().filter_map(ChangeEntry::change).collect(),
            changes_after: read.changes_after,
            rules: Rules {
                slow_ms: read.slow_ms,
                notice: read.notice,
                read_only: read.read_only.and_then(door),
                closed: read.closed.and_then(door),
            },
            auto: AutoRules::from_fields(&read.auto),
            people,
            address_key: AddressKey::decode(&read.address_key),
        })
    }

    pub(super) async fn locate_message(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        let listed = self.list(Cursor::Around(id), 1).await?;
        Ok(listed.entries.get(listed.before).filter(|entry| entry.id == id).map(|entry| entry.total))
    }

    pub(super) async fn read_page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        // One more tells whether there is more, and one more makes up for the hidden position.
        let Listed { is_known, before, entries } = self.list(cursor, limit + 2).await?;
        if let Cursor::Around(id) = cursor {
            return Ok(page_around(id, before, entries, limit));
        }
        let mut rows: Vec<Row> = entries.into_iter().filter_map(Entry::row).collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        if !matches!(cursor, Cursor::After(_)) {
            rows.reverse();
        }
        Ok(Page { rows, more, more_after: false, trimmed: !is_known })
    }

    async fn list(&self, cursor: Cursor, count: usize) -> Result<Listed, Unavailable> {
        let mut argument =
            PageArgument { history_age_ms: self.history_age_ms(), before: None, after: None, around: None, count };
        match cursor {
            Cursor::Newest => {}
            Cursor::Before(id) => argument.before = Some(id),
            Cursor::After(id) => argument.after = Some(id),
            Cursor::Around(id) => argument.around = Some(id),
        }
        let reply = self.snapshots.run_list(&self.snapshots.page, self.keys.of_script(), &argument).await?;
        Listed::read(reply).ok_or(Unavailable)
    }
}

/// The reply of `page.lua`.
struct Listed {
    is_known: bool,
    /// The entries before the cursor, if the page is around it.
    before: usize,
    entries: Vec<Entry>,
}

impl Listed {
    fn read(reply: Vec<String>) -> Option<Self> {
        let mut reply = reply.into_iter();
        let (is_known, before) = (reply.next()? == "1", reply.next()?.parse().ok()?);
        let mut entries = vec![];
        while let Some(id) = reply.next() {
            let (id, total, at) = (id.parse().ok()?, reply.next()?.parse().ok()?, reply.next()?.parse().ok()?);
            entries.push(Entry { id, total, at, body: Some(reply.next()?).filter(|body| !body.is_empty()) });
        }
        Some(Self { is_known, before, entries })
    }
}

/// A page with the entry after the first `before` in the middle; empty if that one is not there.
fn page_around(id: Id, before: usize, entries: Vec<Entry>, limit: usize) -> Page {
    let hidden = entries.iter().take(before).filter(|entry| entry.body.is_none()).count();
    let rows: Vec<Row> = entries.into_iter().filter_map(Entry::row).collect();
    let middle = before - hidden;
    if rows.get(middle).map(Row::id) != Some(id) {
        return Page { trimmed: true, ..Page::default() };
    }
    let range = around(middle, rows.len(), limit);
    let (more, more_after) = (range.start > 0, range.end < rows.len());
    Page { rows: rows[range].to_vec(), more, more_after, trimmed: false }
}

impl ChangeEntry {
    fn change(self) -> Option<Change> {
        let Self { version, head, id, at, body } = self;
        let row = Entry { id, total: 0, at, body: Some(body) }.row()?;
        Some(Change { version, head, row })
    }
}

impl Entry {
    /// The message, or its deletion, if this version can read it; none for a hidden position.
    fn row(self) -> Option<Row> {
        let body = self.body?;
        let read = |body| body::read(self.id, self.at, body).map(Row::from);
        match body.strip_prefix(REMOVED) {
            Some(body) => {
                let unreadable = || Row::Removed { id: self.id, at: self.at, from: String::new() };
                Some(read(body).map_or_else(unreadable, |row| row.removed()))
            }
            None => read(&body),
        }
    }
}

/// A door, if this version can read it.
fn door(stored: String) -> Option<Door> {
    serde_json::from_str(&stored).ok()
}
