//! Reading the log.

use std::time::{SystemTime, UNIX_EPOCH};

use fred::{interfaces::StreamsInterface, types::Value};

use super::{Redis, answer, body};
use crate::{
    backplane::{Cursor, Inc, MISSED_AT_MOST, NEWEST, Page, Position, Present, Reading, Unavailable},
    protocol::{Id, Message},
};

/// An entry of the stream.
struct Entry {
    total: u64,
    /// None for the hidden entry at the beginning.
    message: Option<Message>,
}

impl Redis {
    pub(super) async fn read_room(&self, since: Option<Id>) -> Result<Reading, Unavailable> {
        let since = since.map(|id| id.to_string()).unwrap_or_default();
        let args = vec![since, MISSED_AT_MOST.to_string(), NEWEST.to_string(), self.history_age_ms()];
        let read = self.scripts.read(self.keys.room(), args).await?;
        let fields = answer::list(&read)?;
        let position = Position {
            epoch: answer::parse(fields.first())?,
            head: answer::parse(fields.get(1))?,
            v: answer::parse(fields.get(2))?,
        };
        let total: u64 = answer::parse(fields.get(3))?;
        let oldest: u64 = answer::parse(fields.get(6))?;
        let entries = answer::list(fields.get(7).ok_or(Unavailable)?)?;
        let mut rows = vec![];
        let mut first_total = None;
        for entry in entries {
            let Entry { total, message } = read_row(entry)?;
            if let Some(message) = message {
                first_total.get_or_insert(total);
                rows.push(message);
            }
        }
        let before = first_total.map_or(total, |first| first.saturating_sub(1));
        let people = answer::texts(fields.get(8))?;
        Ok(Reading {
            position,
            continues: answer::text(fields.get(4))? == "1",
            missed: answer::text(fields.get(5))?.parse().ok(),
            before,
            older: before + 1 > oldest,
            rows,
            people: people.chunks_exact(2).filter_map(|pair| present(&pair[0], &pair[1])).collect(),
        })
    }

    pub(super) async fn locate_message(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        let entries = self.range(id.to_string(), id.to_string(), 1).await?;
        Ok(entries.into_iter().find(|entry| entry.message.is_some()).map(|entry| entry.total))
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
        let oldest = self.keeping.oldest_ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let kept = |message: &Message| oldest.is_none_or(|oldest| message.at >= oldest);
        let mut messages: Vec<Message> = entries.into_iter().filter_map(|entry| entry.message).filter(kept).collect();
        let more = messages.len() > limit;
        messages.truncate(limit);
        if !matches!(cursor, Cursor::After(_)) {
            messages.reverse();
        }
        Ok(Page { messages, more, trimmed })
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
        Ok(Entry { total, message: body::read(answer::parse(parts.first())?, at, value("body")) })
    };
    answer::list(entries)?.iter().map(read).collect()
}

/// An entry as `read.lua` answers it: `[id, total, at, body]`.
fn read_row(row: &Value) -> Result<Entry, Unavailable> {
    let fields = answer::list(row)?;
    let at = answer::parse(fields.get(2))?;
    let message = body::read(answer::parse(fields.first())?, at, &answer::text(fields.get(3))?);
    Ok(Entry { total: answer::parse(fields.get(1))?, message })
}

fn present(who: &str, held: &str) -> Option<Present> {
    let (name, incs) = held.split_once('\n')?;
    let held_by = incs.split(' ').map(Inc::from).collect();
    Some(Present { who: who.to_owned(), name: name.to_owned(), held_by })
}
