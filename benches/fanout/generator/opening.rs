//! Opens clients and waits until they are in the room.

use std::{
    io,
    time::{Duration, Instant},
};

use mio::Token;

use super::{
    Generator, Meter,
    client::Client,
    dialect::Dialect,
    request::{Open, OpenResult},
    sign_in::sign_in,
};

/// Highest number of clients that are connecting: within the servers' accept queues.
pub(super) const MAX_OPENING: usize = 256;
/// Time without a new client after which opening fails.
const NO_PROGRESS_LIMIT: Duration = Duration::from_secs(20);

impl Generator {
    /// Opens more clients.
    pub(super) fn open(&mut self, open: &Open) -> io::Result<OpenResult> {
        let first = self.clients.len();
        let mut cookies = vec![String::new(); open.count];
        if open.dialect == Dialect::Ruang {
            cookies = sign_in(&open.targets, first, open.count)?;
        }
        let cookie = cookies.first().cloned().unwrap_or_default();
        self.tally.clear(self.next);
        let meter = Meter::start(self, &[])?;
        let pace = if open.over_seconds > 0.0 { open.count as f64 / open.over_seconds } else { f64::INFINITY };
        let mut progress = ProgressLimit::new();
        let mut cookies = cookies.into_iter();
        let (began, wanted) = (Instant::now(), self.present + open.count);
        let there_before = self.present;
        while self.present < wanted {
            let entered = self.present - there_before;
            let allowed = (began.elapsed().as_secs_f64() * pace + 1.0).min((entered + MAX_OPENING) as f64) as usize;
            while self.clients.len() - first < allowed
                && let Some(cookie) = cookies.next()
            {
                self.begin(open, cookie)?;
            }
            self.poll_once(Instant::now() + Duration::from_millis(5))?;
            progress.while_growing(self.present)?;
        }
        let (_, seconds, stats) = meter.stop(self, &[])?;
        Ok(OpenResult { seconds, bytes: self.tally.bytes, presence_bytes: self.tally.presence_bytes, stats, cookie })
    }

    fn begin(&mut self, open: &Open, cookie: String) -> io::Result<()> {
        let at = self.clients.len();
        let target = at % open.targets.len();
        let address = open.targets[target];
        let registry = self.poll.registry();
        let client = Client::connect(address, target as u64, open.dialect, cookie, registry, Token(at))?;
        self.clients.push(client);
        Ok(())
    }
}

/// Fails when a number stops growing.
pub(super) struct ProgressLimit {
    grown: Instant,
    number: usize,
}

impl ProgressLimit {
    pub(super) fn new() -> Self {
        Self { grown: Instant::now(), number: 0 }
    }

    pub(super) fn while_growing(&mut self, number: usize) -> io::Result<()> {
        if number != self.number {
            *self = Self { grown: Instant::now(), number };
        }
        if self.grown.elapsed() > NO_PROGRESS_LIMIT {
            return Err(io::Error::other(format!(
                "only {number} clients are in the room, and the number does not grow"
            )));
        }
        Ok(())
    }
}
