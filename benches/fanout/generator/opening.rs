//! Opening clients and waiting until they are in the room.

use std::{
    io,
    time::{Duration, Instant},
};

use mio::Token;

use super::{
    Generator, Meter,
    client::Client,
    dialect::Dialect,
    order::{Open, Opened},
    sign_in::sign_in,
};

/// How many are on their way at a time: within what servers let wait to be accepted.
pub(super) const ON_THE_WAY: usize = 256;
/// How long nobody may get in before it is given up.
const PATIENCE: Duration = Duration::from_secs(20);

impl Generator {
    /// Opens more clients.
    pub(super) fn open(&mut self, open: &Open) -> io::Result<Opened> {
        let first = self.clients.len();
        let mut cookies = vec![String::new(); open.count];
        if open.dialect == Dialect::Ruang {
            cookies = sign_in(&open.targets, first, open.count)?;
        }
        let cookie = cookies.first().cloned().unwrap_or_default();
        self.tally.clear(self.next);
        let meter = Meter::start(self, &[])?;
        let pace = if open.over_seconds > 0.0 { open.count as f64 / open.over_seconds } else { f64::INFINITY };
        let mut patience = Patience::new();
        let mut cookies = cookies.into_iter();
        let (began, wanted) = (Instant::now(), self.present + open.count);
        let there_before = self.present;
        while self.present < wanted {
            let entered = self.present - there_before;
            let allowed = (began.elapsed().as_secs_f64() * pace + 1.0).min((entered + ON_THE_WAY) as f64) as usize;
            while self.clients.len() - first < allowed
                && let Some(cookie) = cookies.next()
            {
                self.begin(open, cookie)?;
            }
            self.turn(Instant::now() + Duration::from_millis(5))?;
            patience.while_growing(self.present)?;
        }
        let (_, seconds, own) = meter.stop(self, &[])?;
        Ok(Opened { seconds, bytes: self.tally.bytes, presence_bytes: self.tally.presence_bytes, own, cookie })
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

/// Gives up when a number no longer grows.
pub(super) struct Patience {
    grown: Instant,
    number: usize,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { grown: Instant::now(), number: 0 }
    }

    pub(super) fn while_growing(&mut self, number: usize) -> io::Result<()> {
        if number != self.number {
            *self = Self { grown: Instant::now(), number };
        }
        if self.grown.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("only {number} clients are in the room, and no more come")));
        }
        Ok(())
    }
}
