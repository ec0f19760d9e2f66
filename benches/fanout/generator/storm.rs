//! All clients are disconnected at once and reconnect.

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use mio::Token;

use super::{
    ConnectionState, Generator, Meter, Schedule,
    opening::{MAX_OPENING, ProgressLimit},
    request::{Load, StormResult},
};

impl Generator {
    /// Disconnects all clients except the first, which keeps sending, and reconnects them as fast as possible.
    pub(super) fn storm(&mut self, load: &Load) -> io::Result<StormResult> {
        let mut schedule = Schedule::new(load.rate);
        self.tally.ids = Some(Vec::new());
        self.tally.clear(self.next);
        self.send_until(Instant::now() + Duration::from_secs_f64(load.warm_seconds), load, &mut schedule)?;
        let clients = self.present;
        self.tally.clear(self.next);
        let meter = Meter::start(self, &load.watch)?;
        let mut disconnected = self.cut();
        self.reconnect_all(&mut disconnected, clients, load, &mut schedule)?;
        let back = meter.began.elapsed().as_secs_f64();
        self.send_until(Instant::now() + Duration::from_secs_f64(load.seconds), load, &mut schedule)?;
        let (cpu, _, stats) = meter.stop(self, &load.watch)?;
        self.await_newest_message()?;
        let recovered = self.tally.recovered;
        let (wrong, sent) = (self.tally.wrong + self.behind(), self.next - self.tally.first());
        Ok(StormResult { seconds: back, clients: clients - 1, recovered, wrong, sent, cpu, stats })
    }

    fn cut(&mut self) -> VecDeque<usize> {
        for client in self.clients.iter_mut().skip(1).filter(|client| client.state == ConnectionState::Present) {
            client.cut();
            self.present -= 1;
        }
        (1..self.clients.len()).collect()
    }

    fn reconnect_all(
        &mut self,
        disconnected: &mut VecDeque<usize>,
        clients: usize,
        load: &Load,
        schedule: &mut Schedule,
    ) -> io::Result<()> {
        let mut progress = ProgressLimit::new();
        while self.present < clients {
            while self.connecting(disconnected.len()) < MAX_OPENING
                && let Some(at) = disconnected.pop_front()
            {
                let client = &mut self.clients[at];
                client.since = client.next.checked_sub(1).and_then(|number| self.tally.id(number)).map(str::to_owned);
                client.reconnect(self.poll.registry(), Token(at))?;
            }
            self.send_until(Instant::now() + Duration::from_millis(1), load, schedule)?;
            progress.while_growing(self.present)?;
        }
        Ok(())
    }

    /// Returns the number of clients that are connecting.
    fn connecting(&self, waiting: usize) -> usize {
        self.clients.len() - self.present - waiting
    }

    fn await_newest_message(&mut self) -> io::Result<()> {
        let end = Instant::now() + super::STRAGGLERS;
        while self.behind() > 0 && Instant::now() < end {
            self.poll_once(Instant::now() + Duration::from_millis(5))?;
        }
        Ok(())
    }

    /// Returns the number of clients without the newest message.
    fn behind(&self) -> u64 {
        self.clients.iter().filter(|client| client.next != self.next).count() as u64
    }
}
