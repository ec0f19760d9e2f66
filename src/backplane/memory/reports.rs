//! Reports of messages. `redis/lua/report.lua` is the same in Lua.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::message_rates::MessageRates;
use crate::{
    backplane::{
        REPORT_RATE, REPORTED_KEPT, REPORTERS_KEPT, REPORTS_BYTES, ReportEntry, ReportQueue, ReportRequest,
        ReportedMessage,
    },
    protocol::Id,
};

#[derive(Clone)]
pub(super) struct Reports {
    messages: BTreeMap<Id, Vec<ReportEntry>>,
    rates: MessageRates,
}

impl Reports {
    pub(super) fn new(now: Instant) -> Self {
        Self { messages: BTreeMap::new(), rates: MessageRates::new(now) }
    }

    /// Puts a report on record, unless its person has reported the message before. `at` in Unix milliseconds.
    ///
    /// # Errors
    /// The time until the person may report again.
    pub(super) fn add(&mut self, request: ReportRequest, at: u64, now: Instant) -> Result<(), Duration> {
        let ReportRequest { id, name_key, name, reason } = request;
        let known = self.messages.get(&id).map(Vec::as_slice).unwrap_or_default();
        if known.iter().any(|entry| entry.name_key == name_key) {
            return Ok(());
        }
        self.rates.admit(&name_key, REPORT_RATE.pace(), now)?;
        let with = |reason| {
            let entry = ReportEntry { name_key: name_key.clone(), name: name.clone(), at, reason };
            let entries: Vec<_> = known.iter().cloned().chain([entry]).collect();
            let bytes = serde_json::to_vec(&entries).map_or(0, |json| json.len());
            (entries.len() <= REPORTERS_KEPT && bytes <= REPORTS_BYTES).then_some(entries)
        };
        if let Some(entries) = with(reason).or_else(|| with(None)) {
            self.messages.insert(id, entries);
        }
        if self.messages.len() > REPORTED_KEPT {
            let others = self.messages.iter().filter(|(other, _)| **other != id);
            let least = others.min_by_key(|(other, entries)| (entries.len(), **other)).map(|(other, _)| *other);
            least.map(|least| self.messages.remove(&least));
        }
        Ok(())
    }

    pub(super) fn has(&self, id: Id) -> bool {
        self.messages.contains_key(&id)
    }

    /// Drops the reports of a message. Returns false if there were none.
    pub(super) fn dismiss(&mut self, id: Id) -> bool {
        self.messages.remove(&id).is_some()
    }

    /// Drops the reports of messages that are gone.
    pub(super) fn retain(&mut self, is_stored: impl Fn(Id) -> bool) {
        self.messages.retain(|id, _| is_stored(*id));
    }

    pub(super) fn queue(&self, limit: usize) -> ReportQueue {
        let mut messages: Vec<_> = self.messages.iter().collect();
        messages.sort_by_key(|(id, entries)| Reverse((entries.len(), **id)));
        let message = |(id, entries): (&Id, &Vec<ReportEntry>)| ReportedMessage { id: *id, entries: entries.clone() };
        ReportQueue { open: self.messages.len(), messages: messages.into_iter().take(limit).map(message).collect() }
    }
}
