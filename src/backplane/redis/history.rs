//! Reading the log.

use std::collections::HashMap;

use fred::interfaces::{SortedSetsInterface, StreamsInterface};
use serde::{Deserialize, Serialize};

use super::{
    RedisBackplane, body,
    reply::{PositionReply, number},
    scripts::unavailable,
};
use crate::{
    backplane::{Cursor, MISSED_AT_MOST, NEWEST, Page, Position, Snapshot, Unavailable},
    protocol::{Id, Row, Rules},
};

#[derive(Serialize)]
struct Argument {
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Id>,
    missed_at_most: usize,
    newest: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_age_ms: Option<u64>,
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
    #[serde(default)]
    removed: Vec<Id>,
}

/// An entry of the stream.
#[derive(Deserialize)]
struct Entry {
    id: Id,
    #[serde(deserialize_with = "number")]
    total: u64,
    #[serde(deserialize_with = "number")]
    at: u64,
    /// Absent for the hidden entry at the beginning of the log.
    body: Option<String>,
}

/// Begins the body that `read.lua` returns of a deleted message.
const REMOVED: char = '-';

impl RedisBackplane {
    pub(super) async fn read_room(&self, from: Option<Position>) -> Result<Snapshot, Unavailable> {
        let history_age_ms = self.history_age_ms();
        let since = from.map(|from| from.head);
        let argument = Argument { since, missed_at_most: MISSED_AT_MOST, newest: NEWEST, history_age_ms };
        let read: Reply = self.snapshots.run(&self.snapshots.read, self.keys.room(), &argument).await?;
        let position = Position::from(read.position);
        let is_known = from.is_some_and(|from| from.has_people_of(position));
        let people = if is_known { None } else { Some(self.read_people().await?) };
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
            removed: read.removed,
            rules: Rules { slow_ms: read.slow_ms, notice: read.notice },
            people,
        })
    }

    pub(super) async fn locate_message(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        let entries = self.range(id.to_string(), id.to_string(), 1).await?;
        Ok(entries.first().map(|entry| entry.total))
    }

    pub(super) async fn read_page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        // One more tells whether there is more, and one more makes up for the hidden entry.
        let count = limit as u64 + 2;
        let (entries, trimmed) = match cursor {
            Cursor::Newest => (self.range_back("+".to_owned(), count).await?, false),
            Cursor::Before(id) => {
                let known = self.locate_message(id).await?.is_some();
                (self.range_back(format!("({id}"), count).await?, !known)
            }
            Cursor::After(id) => {
                let known = self.locate_message(id).await?.is_some();
                (self.range(format!("({id}"), "+".to_owned(), count).await?, !known)
            }
        };
        let oldest = self.policy.oldest_ms(self.clock.now());
        let is_kept = |row: &Row| oldest.is_none_or(|oldest| row.at() >= oldest);
        let mut rows: Vec<Row> = entries.into_iter().filter_map(Entry::row).filter(is_kept).collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        if !matches!(cursor, Cursor::After(_)) {
            rows.reverse();
        }
        self.mark_removed(&mut rows).await?;
        Ok(Page { rows, more, trimmed })
    }

    /// Reads the deletions after the messages: a message deleted in between is not shown.
    async fn mark_removed(&self, rows: &mut [Row]) -> Result<(), Unavailable> {
        if rows.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = rows.iter().map(|row| row.id().to_string()).collect();
        let places: Vec<Option<f64>> =
            self.reads.zmscore(self.keys.removed(), ids).await.map_err(|error| unavailable("page", &error))?;
        for (row, place) in rows.iter_mut().zip(places) {
            if place.is_some() {
                *row = row.removed();
            }
        }
        Ok(())
    }

    async fn range(&self, from: String, to: String, count: u64) -> Result<Vec<Entry>, Unavailable> {
        let entries: StreamEntries = self
            .reads
            .xrange_values(self.keys.log(), from, to, Some(count))
            .await
            .map_err(|error| unavailable("page", &error))?;
        entries.into_iter().map(Entry::of_stream).collect()
    }

    async fn range_back(&self, from: String, count: u64) -> Result<Vec<Entry>, Unavailable> {
        let entries: StreamEntries = self
            .reads
            .xrevrange_values(self.keys.log(), from, "-", Some(count))
            .await
            .map_err(|error| unavailable("page", &error))?;
        entries.into_iter().map(Entry::of_stream).collect()
    }
}

/// Entries as Redis itself replies them.
type StreamEntries = Vec<(String, HashMap<String, String>)>;

impl Entry {
    fn of_stream((id, mut fields): (String, HashMap<String, String>)) -> Result<Self, Unavailable> {
        let parse = |text: Option<&String>| text.and_then(|text| text.parse().ok()).ok_or(Unavailable);
        let (total, at) = (parse(fields.get("total"))?, parse(fields.get("at"))?);
        Ok(Self { id: id.parse().map_err(|_| Unavailable)?, total, at, body: fields.remove("body") })
    }

    /// The message, or its deletion, if this version can read it; none for a hidden entry.
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
