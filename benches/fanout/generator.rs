//! The load: very many clients on one thread, as cheap a received frame as can be, so that it is the servers' cost that
//! shows. It is a process of its own and does what it is told in lines of JSON on its standard input.

mod client;
pub mod dialect;
mod histogram;
mod hostile;
mod opening;
pub mod order;
mod resp;
mod sign_in;
mod slow;
pub mod stamp;
mod storm;
mod tally;
pub mod websocket;

use std::{
    io::{self, BufRead, Write},
    time::{Duration, Instant},
};

use mio::{Events, Poll};

use self::{
    client::{Client, Stage},
    histogram::Histogram,
    order::{Answer, Load, Measured, Order, Own},
    stamp::Stamp,
    tally::Tally,
};
use crate::process;

/// How often it looks how late it is.
const PROBE: Duration = Duration::from_millis(5);
/// How long deliveries of the last messages may take.
const STRAGGLERS: Duration = Duration::from_secs(5);
const EVENTS: usize = 1024;
const SCRATCH: usize = 64 * 1024;

/// Clients and what they have received.
struct Generator {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    clients: Vec<Client>,
    present: usize,
    tally: Tally,
    /// The number of the next message.
    next: u64,
    lag: Histogram,
    probe: Instant,
}

/// Does what standard input says until it ends.
pub fn run() -> Result<(), process::Failure> {
    process::raise_descriptors();
    let mut generator = Generator::new()?;
    let mut answers = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let order = serde_json::from_str(&line?)?;
        let answer = generator.obey(order).unwrap_or_else(|error| Answer::Failed(error.to_string()));
        serde_json::to_writer(&mut answers, &answer)?;
        writeln!(answers)?;
        answers.flush()?;
    }
    Ok(())
}

/// When messages are due.
struct Schedule {
    began: Instant,
    rate: f64,
    sent: u64,
}

impl Schedule {
    fn new(rate: f64) -> Self {
        Self { began: Instant::now(), rate, sent: 0 }
    }

    /// The moment of the next message, if there are any.
    fn due(&self) -> Option<Instant> {
        (self.rate > 0.0).then(|| self.began + Duration::from_secs_f64(self.sent as f64 / self.rate))
    }
}

impl Generator {
    fn new() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            scratch: vec![0; SCRATCH],
            clients: Vec::new(),
            present: 0,
            tally: Tally::new(),
            next: 0,
            lag: Histogram::default(),
            probe: Instant::now(),
        })
    }

    fn obey(&mut self, order: Order) -> io::Result<Answer> {
        match order {
            Order::Open(open) => self.open(&open).map(Answer::Opened),
            Order::Load(load) => self.load(&load).map(Answer::Measured),
            Order::Storm(load) => self.storm(&load).map(Answer::Stormed),
            Order::Slow(open) => slow::begin(&open).map(Answer::Opened),
            Order::Hostile(open) => hostile::begin(&open).map(Answer::Opened),
        }
    }

    fn load(&mut self, load: &Load) -> io::Result<Measured> {
        let before = self.present;
        let mut schedule = Schedule::new(load.rate);
        self.tally.clear(self.next);
        self.send_until(Instant::now() + Duration::from_secs_f64(load.warm_seconds), load, &mut schedule)?;
        self.tally.clear(self.next);
        let meter = Meter::start(self, &load.watch)?;
        self.send_until(meter.began + Duration::from_secs_f64(load.seconds), load, &mut schedule)?;
        let (cpu, seconds, own) = meter.stop(self, &load.watch)?;
        let (deliveries, bytes, sent) = (self.tally.deliveries, self.tally.bytes, self.next - self.tally.first());
        let (latency, cross) = (self.tally.latency(), self.tally.cross());
        self.await_stragglers()?;
        Ok(Measured {
            seconds,
            clients: self.present,
            sent,
            deliveries,
            bytes,
            missing: self.tally.missing(self.present),
            lost: before - self.present,
            cpu,
            latency,
            cross,
            last: self.tally.last(self.present),
            own,
        })
    }

    /// Sends what is due and takes what comes, until then.
    fn send_until(&mut self, end: Instant, load: &Load, schedule: &mut Schedule) -> io::Result<()> {
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            while let Some(due) = schedule.due().filter(|due| *due <= now) {
                self.lag.record(now.duration_since(due).as_nanos() as u64);
                self.say(schedule.sent as usize % load.senders, load)?;
                schedule.sent += 1;
            }
            self.turn(schedule.due().map_or(end, |due| due.min(end)))?;
        }
    }

    /// Lets the sender of this index say something. Senders are spread evenly over the clients.
    fn say(&mut self, sender: usize, load: &Load) -> io::Result<()> {
        let at = sender * (self.clients.len() / load.senders).max(1) % self.clients.len();
        let client = &mut self.clients[at];
        if client.stage != Stage::Present {
            return Err(io::Error::other("a client that should send was cut"));
        }
        let stamp = Stamp { number: self.next, target: client.target, sent: self.tally.now() };
        self.tally.sent(stamp);
        self.next += 1;
        client.send(&client.dialect.saying(stamp.number, &stamp.text(load.text_bytes)))
    }

    /// Waits for events until then at the latest, and handles what has come.
    fn turn(&mut self, until: Instant) -> io::Result<()> {
        let now = Instant::now();
        if now >= self.probe {
            self.lag.record(now.duration_since(self.probe).as_nanos() as u64);
            self.probe = now + PROBE;
        }
        let patience = until.min(self.probe).saturating_duration_since(now);
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let client = &mut self.clients[event.token().0];
            let was_present = client.stage == Stage::Present;
            if client.on_event(event, &mut self.scratch, &mut self.tally) {
                self.present -= usize::from(was_present);
                self.present += usize::from(client.stage == Stage::Present);
            }
        }
        Ok(())
    }

    fn await_stragglers(&mut self) -> io::Result<()> {
        let end = Instant::now() + STRAGGLERS;
        while self.tally.missing(self.present) > 0 && Instant::now() < end {
            self.turn(end)?;
        }
        Ok(())
    }
}

/// Reads at both ends of a measurement what was used between them.
struct Meter {
    began: Instant,
    cpu: Vec<f64>,
    own: f64,
}

impl Meter {
    fn start(generator: &mut Generator, watch: &[u32]) -> io::Result<Self> {
        generator.lag = Histogram::default();
        generator.probe = Instant::now() + PROBE;
        let cpu = watch.iter().map(|pid| process::cpu_seconds(*pid)).collect::<io::Result<_>>()?;
        Ok(Self { began: Instant::now(), cpu, own: process::cpu_seconds(std::process::id())? })
    }

    fn stop(self, generator: &Generator, watch: &[u32]) -> io::Result<(Vec<f64>, f64, Own)> {
        let seconds = self.began.elapsed().as_secs_f64();
        let used = |(pid, before): (&u32, f64)| Ok(process::cpu_seconds(*pid)? - before);
        let cpu = watch.iter().zip(self.cpu).map(used).collect::<io::Result<_>>()?;
        let share = (process::cpu_seconds(std::process::id())? - self.own) / seconds;
        Ok((cpu, seconds, Own { cpu: share, lag_p99: generator.lag.quantile(0.99) }))
    }
}
