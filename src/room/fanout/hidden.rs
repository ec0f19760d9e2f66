//! The hidden clients of one shard. Their frames are gathered and sent in one write per second to each client.
//! Plain and synchronous.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use indexmap::IndexMap;
use tokio::time::Instant;

use super::coalesce::CHUNK_BYTES;
use crate::room::{local_members::ConnectionId, recipient::Recipient};

/// Frames are gathered for at most this long.
const GATHER: Duration = Duration::from_secs(1);
/// Parts of the clients that are written to at different times of a second, so that other clients wait less.
const COHORTS: u32 = 8;

/// Hidden clients, in cohorts.
pub(super) struct HiddenClients {
    cohorts: Vec<Cohort>,
}

/// Clients that are written to at the same time.
struct Cohort {
    clients: IndexMap<ConnectionId, HiddenClient>,
    /// Frames since the last write to all, oldest first.
    gathered: Vec<Bytes>,
    bytes: usize,
    /// When the next write to all is due; in the past while nothing is gathered.
    due: Instant,
}

/// A client, and how many of the gathered bytes it does not need.
struct HiddenClient {
    recipient: Arc<dyn Recipient>,
    skipped: usize,
}

/// One write: a client, and its frames.
pub(super) type Write = (Arc<dyn Recipient>, Bytes);

impl HiddenClients {
    pub(super) fn new(now: Instant) -> Self {
        let cohort = |n| {
            // Cohorts are due at evenly spread times of each second.
            let due = now + GATHER * n / COHORTS;
            Cohort { clients: IndexMap::new(), gathered: vec![], bytes: 0, due }
        };
        Self { cohorts: (0..COHORTS).map(cohort).collect() }
    }

    /// Adds a client. It needs no frame that was gathered before.
    pub(super) fn insert(&mut self, connection: ConnectionId, recipient: Arc<dyn Recipient>) {
        let cohort = self.cohort(connection);
        let skipped = cohort.bytes;
        cohort.clients.insert(connection, HiddenClient { recipient, skipped });
    }

    /// Removes a client. Returns it, and its frames.
    pub(super) fn remove(&mut self, connection: ConnectionId) -> Option<Write> {
        let cohort = self.cohort(connection);
        let client = cohort.clients.swap_remove(&connection)?;
        let frames = cohort.frames_after(client.skipped);
        if cohort.clients.is_empty() {
            cohort.clear();
        }
        Some((client.recipient, frames))
    }

    /// Returns a client and its frames, which are then no longer gathered for it.
    pub(super) fn flush(&mut self, connection: ConnectionId) -> Option<Write> {
        let cohort = self.cohort(connection);
        let bytes = cohort.bytes;
        let client = cohort.clients.get_mut(&connection)?;
        let skipped = std::mem::replace(&mut client.skipped, bytes);
        let recipient = Arc::clone(&client.recipient);
        Some((recipient, cohort.frames_after(skipped)))
    }

    /// Gathers frames for all clients.
    pub(super) fn gather(&mut self, frames: &Bytes, now: Instant) {
        for cohort in &mut self.cohorts {
            if !cohort.clients.is_empty() {
                cohort.gather(frames.clone(), now);
            }
        }
    }

    /// The time of the next write; none while nothing is gathered.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.cohorts.iter().filter(|cohort| cohort.bytes > 0).map(|cohort| cohort.due).min()
    }

    /// Takes the writes that are due: a second has passed, or enough bytes are gathered.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Write> {
        let due = self.cohorts.iter_mut().filter(|cohort| cohort.is_due(now));
        due.flat_map(Cohort::take).collect()
    }

    /// All clients.
    pub(super) fn recipients(&self) -> impl Iterator<Item = &Arc<dyn Recipient>> {
        self.cohorts.iter().flat_map(|cohort| cohort.clients.values()).map(|client| &client.recipient)
    }

    fn cohort(&mut self, connection: ConnectionId) -> &mut Cohort {
        // The connections of one shard have equal remainders of small divisors: multiplied (Fibonacci hashing), they spread.
        // The three highest bits are one of 8 cohorts.
        let spread = connection.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61;
        &mut self.cohorts[usize::try_from(spread).unwrap_or_default()]
    }
}

impl Cohort {
    fn gather(&mut self, frames: Bytes, now: Instant) {
        if self.bytes == 0 && self.due <= now {
            let late = now.duration_since(self.due).as_secs() + 1;
            self.due += GATHER.saturating_mul(u32::try_from(late).unwrap_or(u32::MAX));
        }
        self.bytes += frames.len();
        self.gathered.push(frames);
    }

    fn is_due(&self, now: Instant) -> bool {
        self.bytes > 0 && (self.due <= now || self.bytes >= CHUNK_BYTES)
    }

    fn take(&mut self) -> Vec<Write> {
        let frames = self.frames_after(0);
        self.clear();
        let clients = self.clients.values_mut().filter_map(|client| {
            let skipped = std::mem::take(&mut client.skipped);
            (skipped < frames.len()).then(|| (Arc::clone(&client.recipient), frames.slice(skipped..)))
        });
        clients.collect()
    }

    /// The gathered frames without the first `skipped` bytes. They are joined once for all clients.
    fn frames_after(&mut self, skipped: usize) -> Bytes {
        if self.gathered.len() > 1 {
            let mut joined = BytesMut::with_capacity(self.bytes);
            joined.extend(self.gathered.drain(..));
            self.gathered.push(joined.freeze());
        }
        self.gathered.first().map_or_else(Bytes::new, |frames| frames.slice(skipped..))
    }

    fn clear(&mut self) {
        self.gathered.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests;
