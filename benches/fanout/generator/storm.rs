//! Everybody loses the connection at once and comes back.

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use mio::Token;

use super::{
    Generator, Meter, Schedule, Stage,
    opening::{ON_THE_WAY, Patience},
    order::{Load, Stormed},
};

impl Generator {
    /// Cuts all clients but the first, which goes on sending, and lets them come back as fast as they are let in.
    pub(super) fn storm(&mut self, load: &Load) -> io::Result<Stormed> {
        let mut schedule = Schedule::new(load.rate);
        self.tally.ids = Some(Vec::new());
        self.tally.clear(self.next);
        self.send_until(Instant::now() + Duration::from_secs_f64(load.warm_seconds), load, &mut schedule)?;
        let clients = self.present;
        self.tally.clear(self.next);
        let meter = Meter::start(self, &load.watch)?;
        let mut away = self.cut();
        self.bring_back(&mut away, clients, load, &mut schedule)?;
        let back = meter.began.elapsed().as_secs_f64();
        self.send_until(Instant::now() + Duration::from_secs_f64(load.seconds), load, &mut schedule)?;
        let (cpu, _, own) = meter.stop(self, &load.watch)?;
        self.await_all_the_same()?;
        let recovered = self.tally.recovered;
        let (wrong, sent) = (self.tally.wrong + self.behind(), self.next - self.tally.first());
        Ok(Stormed { seconds: back, clients: clients - 1, recovered, wrong, sent, cpu, own })
    }

    fn cut(&mut self) -> VecDeque<usize> {
        for client in self.clients.iter_mut().skip(1).filter(|client| client.stage == Stage::Present) {
            client.cut();
            self.present -= 1;
        }
        (1..self.clients.len()).collect()
    }

    fn bring_back(
        &mut self,
        away: &mut VecDeque<usize>,
        clients: usize,
        load: &Load,
        schedule: &mut Schedule,
    ) -> io::Result<()> {
        let mut patience = Patience::new();
        while self.present < clients {
            while self.absent_but(away.len()) < ON_THE_WAY
                && let Some(at) = away.pop_front()
            {
                let client = &mut self.clients[at];
                client.since = client.next.checked_sub(1).and_then(|number| self.tally.id(number)).map(str::to_owned);
                client.reconnect(self.poll.registry(), Token(at))?;
            }
            self.send_until(Instant::now() + Duration::from_millis(1), load, schedule)?;
            patience.while_growing(self.present)?;
        }
        Ok(())
    }

    /// How many are neither there nor still to begin.
    fn absent_but(&self, waiting: usize) -> usize {
        self.clients.len() - self.present - waiting
    }

    fn await_all_the_same(&mut self) -> io::Result<()> {
        let end = Instant::now() + super::STRAGGLERS;
        while self.behind() > 0 && Instant::now() < end {
            self.turn(Instant::now() + Duration::from_millis(5))?;
        }
        Ok(())
    }

    /// How many clients lack the newest message.
    fn behind(&self) -> u64 {
        self.clients.iter().filter(|client| client.next != self.next).count() as u64
    }
}
