//! Counts of the frames that all clients of a generator received.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{histogram::Histogram, request::Latency, stamp::Stamp};

/// Counts since the last clear, on one clock.
pub struct Tally {
    began: Instant,
    pub deliveries: u64,
    pub bytes: u64,
    pub presence_bytes: u64,
    latency: Histogram,
    cross: Histogram,
    hidden: Histogram,
    /// From the first connect to the welcome.
    joining: Histogram,
    /// Clients that did not get into the room, by the reason.
    pub refused: BTreeMap<String, usize>,
    /// Messages from this number on: deliveries, and time of the last.
    first: u64,
    spread: Vec<Spread>,
    /// Deliveries out of order; meaningful while only one client sends.
    pub wrong: u64,
    /// The ids of messages, stored if clients reconnect.
    pub ids: Option<Vec<String>>,
    pub recovered: usize,
}

#[derive(Clone, Copy)]
struct Spread {
    sent: u64,
    last: u64,
    count: usize,
}

#[derive(Deserialize)]
struct Welcome {
    recovered: bool,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    id: String,
    text: String,
}

impl Tally {
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            deliveries: 0,
            bytes: 0,
            presence_bytes: 0,
            latency: Histogram::default(),
            cross: Histogram::default(),
            hidden: Histogram::default(),
            joining: Histogram::default(),
            refused: BTreeMap::new(),
            first: 0,
            spread: Vec::new(),
            wrong: 0,
            ids: None,
            recovered: 0,
        }
    }

    /// Returns the nanoseconds on the stamps' clock.
    pub fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// Starts a measurement. Messages before this number only count as deliveries.
    pub fn clear(&mut self, first: u64) {
        let ids = self.ids.take();
        *self = Self { began: self.began, first, ids, ..Self::new() };
    }

    /// Records a sent message.
    pub fn sent(&mut self, stamp: Stamp) {
        self.spread.push(Spread { sent: stamp.sent, last: stamp.sent, count: 0 });
    }

    /// Counts a delivery to a client at this target that expects this number next.
    pub fn message(&mut self, payload: &[u8], target: u64, hidden: bool, next: &mut u64) {
        let Some((stamp, _)) = Stamp::find(payload) else { return };
        let now = self.now();
        self.deliveries += 1;
        let latency = now.saturating_sub(stamp.sent);
        if hidden { &mut self.hidden } else { &mut self.latency }.record(latency);
        if stamp.target != target {
            self.cross.record(latency);
        }
        if let Some(spread) = stamp.number.checked_sub(self.first).and_then(|at| self.spread.get_mut(at as usize)) {
            spread.count += 1;
            spread.last = now;
        }
        self.wrong += u64::from(stamp.number != *next && *next != 0);
        *next = stamp.number + 1;
        self.note_id(stamp.number, payload);
    }

    /// Counts a client that is in the room after this time.
    pub fn joined(&mut self, after: Duration) {
        self.joining.record(after.as_nanos() as u64);
    }

    /// Counts a client that did not get into the room.
    pub fn refuse(&mut self, reason: &str) {
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        *self.refused.entry(reason).or_default() += 1;
    }

    /// Counts the messages of a welcome; only those of ruang have any.
    pub fn welcome(&mut self, payload: &[u8], next: &mut u64) {
        if self.ids.is_none() {
            return;
        }
        let Ok(welcome) = serde_json::from_slice::<Welcome>(payload) else { return };
        self.recovered += usize::from(welcome.recovered);
        for message in welcome.messages {
            let Some((stamp, _)) = Stamp::find(message.text.as_bytes()) else { continue };
            self.wrong += u64::from(stamp.number != *next && *next != 0);
            *next = stamp.number + 1;
            self.keep_id(stamp.number, message.id);
        }
    }

    /// Returns the id of a message by its number.
    pub fn id(&self, number: u64) -> Option<&str> {
        self.ids.as_ref()?.get(number as usize).map(String::as_str).filter(|id| !id.is_empty())
    }

    /// Returns the number of the first message since the clear.
    pub fn first(&self) -> u64 {
        self.first
    }

    pub fn latency(&self) -> Latency {
        summary(&self.latency)
    }

    pub fn cross(&self) -> Latency {
        summary(&self.cross)
    }

    pub fn hidden(&self) -> Latency {
        summary(&self.hidden)
    }

    pub fn joining(&self) -> Latency {
        summary(&self.joining)
    }

    /// Returns the latency to the last client, of messages that this many clients received.
    pub fn last(&self, clients: usize) -> Latency {
        let mut times = Histogram::default();
        for spread in self.spread.iter().filter(|spread| spread.count == clients) {
            times.record(spread.last - spread.sent);
        }
        summary(&times)
    }

    /// Returns the missing deliveries if each message goes to this many clients.
    pub fn missing(&self, clients: usize) -> i64 {
        self.spread.iter().map(|spread| clients as i64 - spread.count as i64).sum()
    }

    fn note_id(&mut self, number: u64, payload: &[u8]) {
        if self.ids.as_ref().is_some_and(|ids| ids.get(number as usize).is_none_or(String::is_empty))
            && let Ok(message) = serde_json::from_slice::<Message>(payload)
        {
            self.keep_id(number, message.id);
        }
    }

    fn keep_id(&mut self, number: u64, id: String) {
        if let Some(ids) = &mut self.ids {
            let at = number as usize;
            ids.resize(ids.len().max(at + 1), String::new());
            ids[at] = id;
        }
    }
}

fn summary(histogram: &Histogram) -> Latency {
    Latency { p50: histogram.quantile(0.5), p99: histogram.quantile(0.99), max: histogram.quantile(1.0) }
}
