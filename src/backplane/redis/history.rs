//! Reading the log.

use fred::{
    interfaces::{SortedSetsInterface, StreamsInterface},
    types::Value,
};

use super::{Redis, answer, body, scripts::Call};
use crate::{
    backplane::{Cursor, IncarnationId, MISSED_AT_MOST, NEWEST, Page, Position, Present, Snapshot, Unavailable},
    protocol::{Id, Row, Rules},
};

/// An entry of the stream.
struct Entry {
    total: u64,
    /// None for the hidden entry at the beginning.
    row: Option<Row>,
}

/// What `read.lua` answers in place of a body where the message was deleted.
const REMOVED: &str = "-";

impl Redis {
    pub(super) async fn read_room(&self, since: Option<Id>) -> Result<Snapshot, Unavailable> {
        let since = since.map(|id| id.to_string()).unwrap_or_default();
        let args = vec![since, MISSED_AT_MOST.to_string(), NEWEST.to_string(), self.history_age_ms()];
        let read = self.scripts.run(Call::Read, self.keys.room(), args).await?;
        let fields = answer::list(&read)?;
        let position = Position {
            epoch: answer::parse(fields.first())?,
            head: answer::parse(fields.get(1))?,
            version: answer::parse(fields.get(2))?,
        };
        let total: u64 = answer::parse(fields.get(3))?;
        let oldest: u64 = answer::parse(fields.get(6))?;
        let entries = answer::list(fields.get(7).ok_or(Unavailable)?)?;
        let mut rows = vec![];
        let mut first_total = None;
        for entry in entries {
            let Entry { total, row } = read_row(entry)?;
            if let Some(row) = row {
                first_total.get_or_insert(total);
                rows.push(row);
            }
        }
        let before = first_total.map_or(total, |first| first.saturating_sub(1));
        let people = answer::texts(fields.get(8))?;
        let notice = answer::text(fields.get(10))?;
        let removed = answer::list(fields.get(11).ok_or(Unavailable)?)?;
        Ok(Snapshot {
            position,
            continues: answer::text(fields.get(4))? == "1",
            missed: answer::text(fields.get(5))?.parse().ok(),
            before,
            older: before + 1 > oldest,
            rows,
            removed: removed.iter().map(|id| answer::parse(Some(id))).collect::<Result<_, _>>()?,
            rules: Rules { slow_ms: answer::parse(fields.get(9))?, notice: (!notice.is_empty()).then_some(notice) },
            people: people.chunks_exact(2).filter_map(|pair| present(&pair[0], &pair[1])).collect(),
        })
    }

    pub(super) async fn locate_message(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        let entries = self.range(id.to_string(), id.to_string(), 1).await?;
        Ok(entries.into_iter().find(|entry| entry.row.is_some()).map(|entry| entry.total))
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
        let oldest = self.keeping.oldest_ms(self.clock.now());
        let kept = |row: &Row| oldest.is_none_or(|oldest| row.at() >= oldest);
        let mut rows: Vec<Row> = entries.into_iter().filter_map(|entry| entry.row).filter(kept).collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        if !matches!(cursor, Cursor::After(_)) {
            rows.reverse();
        }
        self.mark_removed(&mut rows).await?;
        Ok(Page { rows, more, trimmed })
    }

    /// Asked after the messages themselves: what was deleted before them is not shown.
    async fn mark_removed(&self, rows: &mut [Row]) -> Result<(), Unavailable> {
        if rows.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = rows.iter().map(|row| row.id().to_string()).collect();
        let places: Vec<Option<f64>> = self.reads.zmscore(self.keys.removed(), ids).await.map_err(|_| Unavailable)?;
        for (row, place) in rows.iter_mut().zip(places) {
            if place.is_some() {
                *row = row.removed();
            }
        }
        Ok(())
    }

    async fn range(&self, from: String, to: String, count: u64) -> Result<Vec<Entry>, Unavailable> {
        let entries: Value =
            self.reads.xrange(self.keys.log(), from, to, Some(count)).await.map_err(|_| Unavailable)?;
        read_entries(&entries)
    }

    async fn range_back(&self, from: String, count: u64) -> Result<Vec<Entry>, Unavailable> {
        let entries: Value =
            self.reads.xrevrange(self.keys.log(), from, "-", Some(count)).await.map_err(|_| Unavailable)?;
        read_entries(&entries)
    }
}

/// Entries as Redis itself answers them: `[id, [field, value, …]]`.
fn read_entries(entries: &Value) -> Result<Vec<Entry>, Unavailable> {
    let read = |entry: &Value| {
        let parts = answer::list(entry)?;
        let fields = answer::texts(parts.get(1))?;
        let value = |name: &str| {
            fields.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str()).unwrap_or_default()
        };
        let (total, at) = (value("total").parse(), value("at").parse());
        let (total, at) = (total.map_err(|_| Unavailable)?, at.map_err(|_| Unavailable)?);
        let message = body::read(answer::parse(parts.first())?, at, value("body"));
        Ok(Entry { total, row: message.map(Row::from) })
    };
    answer::list(entries)?.iter().map(read).collect()
}

/// An entry as `read.lua` answers it: `[id, total, at, body]`.
fn read_row(row: &Value) -> Result<Entry, Unavailable> {
    let fields = answer::list(row)?;
    let at = answer::parse(fields.get(2))?;
    let id = answer::parse(fields.first())?;
    let row = match answer::text(fields.get(3))?.as_str() {
        REMOVED => Some(Row::Removed { id, at }),
        body => body::read(id, at, body).map(Row::from),
    };
    Ok(Entry { total: answer::parse(fields.get(1))?, row })
}

fn present(name_key: &str, held: &str) -> Option<Present> {
    let (name, incs) = held.split_once('\n')?;
    let held_by = incs.split(' ').map(IncarnationId::from).collect();
    Some(Present { name_key: name_key.into(), name: name.to_owned(), held_by })
}
