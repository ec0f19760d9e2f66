//! The load generator: very many clients on one thread, with minimal work per received frame, so that the servers' cost
//! dominates. A separate process that reads requests as lines of JSON from its standard input.

mod arrival;
mod client;
pub mod dialect;
mod histogram;
mod hostile;
mod opening;
pub mod request;
mod resp;
pub mod sign_in;
pub mod slow;
pub mod stamp;
mod storm;
mod tally;
mod token;
mod visit;
pub mod websocket;

use std::{
    io::{self, BufRead, Write},
    time::{Duration, Instant},
};

use mio::{Events, Poll};

use self::{
    arrival::Browsers,
    client::{Client, ConnectionState},
    dialect::Dialect,
    histogram::Histogram,
    request::{GeneratorStats, Load, LoadResult, Reply, Request},
    stamp::Stamp,
    tally::Tally,
};
use crate::process;

/// Interval of the probes of its own lag.
const PROBE: Duration = Duration::from_millis(5);
/// Limit for deliveries of the last messages.
const STRAGGLERS: Duration = Duration::from_secs(5);
/// Clients of which the same share is hidden; a sender is the first of one.
const GROUP: usize = 50;
const EVENTS: usize = 1024;
const SCRATCH: usize = 64 * 1024;

/// Clients and what they have received.
struct Generator {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    clients: Vec<Client>,
    /// Browsers that have no socket yet.
    browsers: Browsers,
    present: usize,
    tally: Tally,
    /// The number of the next message.
    next: u64,
    lag: Histogram,
    probe: Instant,
}

/// Handles requests from standard input until it ends.
pub fn run() -> Result<(), process::Failure> {
    process::raise_descriptors();
    let mut generator = Generator::new()?;
    let mut replies = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request = serde_json::from_str(&line?)?;
        let reply = generator.handle(request).unwrap_or_else(|error| Reply::Failed(error.to_string()));
        serde_json::to_writer(&mut replies, &reply)?;
        writeln!(replies)?;
        replies.flush()?;
    }
    Ok(())
}

/// The schedule of messages.
struct Schedule {
    began: Instant,
    rate: f64,
    sent: u64,
}

impl Schedule {
    fn new(rate: f64) -> Self {
        Self { began: Instant::now(), rate, sent: 0 }
    }

    /// Returns when the next message is due, if any.
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
            browsers: Browsers::default(),
            present: 0,
            tally: Tally::new(),
            next: 0,
            lag: Histogram::default(),
            probe: Instant::now(),
        })
    }

    fn handle(&mut self, request: Request) -> io::Result<Reply> {
        match request {
            Request::Open(open) => self.open(&open).map(Reply::OpenResult),
            Request::Load(load) => self.load(&load).map(Reply::LoadResult),
            Request::Storm(load) => self.storm(&load).map(Reply::StormResult),
            Request::Hide(share) => self.hide(share).map(|()| Reply::Done),
            Request::Slow(open) => slow::begin(&open).map(Reply::OpenResult),
            Request::Arrive(arrive) => self.arrive(&arrive).map(Reply::ArriveResult),
            Request::Hostile(open) => hostile::begin(&open).map(Reply::OpenResult),
        }
    }

    fn load(&mut self, load: &Load) -> io::Result<LoadResult> {
        let before = self.present;
        let mut schedule = Schedule::new(load.rate);
        self.tally.clear(self.next);
        self.send_until(Instant::now() + Duration::from_secs_f64(load.warm_seconds), load, &mut schedule)?;
        self.tally.clear(self.next);
        let meter = Meter::start(self, &load.watch)?;
        self.send_until(meter.began + Duration::from_secs_f64(load.seconds), load, &mut schedule)?;
        let (cpu, seconds, stats) = meter.stop(self, &load.watch)?;
        let (deliveries, bytes, sent) = (self.tally.deliveries, self.tally.bytes, self.next - self.tally.first());
        let (latency, cross, hidden) = (self.tally.latency(), self.tally.cross(), self.tally.hidden());
        self.await_stragglers()?;
        Ok(LoadResult {
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
            hidden,
            last: self.tally.last(self.present),
            stats,
        })
    }

    /// Reports this share of the clients as hidden. Senders are the last of each [`GROUP`] to be hidden.
    fn hide(&mut self, share: f64) -> io::Result<()> {
        for (at, client) in self.clients.iter_mut().enumerate() {
            client.hidden = (GROUP - at % GROUP) as f64 <= share * GROUP as f64;
            let visible = !client.hidden;
            client.send(&Dialect::attention(visible))?;
        }
        Ok(())
    }

    /// Sends due messages and handles events until `end`.
    fn send_until(&mut self, end: Instant, load: &Load, schedule: &mut Schedule) -> io::Result<()> {
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            while let Some(due) = schedule.due().filter(|due| *due <= now) {
                self.lag.record(now.duration_since(due).as_nanos() as u64);
                self.send_message(schedule.sent as usize % load.senders, load)?;
                schedule.sent += 1;
            }
            self.poll_once(schedule.due().map_or(end, |due| due.min(end)))?;
        }
    }

    /// Sends a message from the sender of this index. Senders are spread evenly over the clients.
    fn send_message(&mut self, sender: usize, load: &Load) -> io::Result<()> {
        let at = sender * (self.clients.len() / load.senders).max(1) % self.clients.len();
        let client = &mut self.clients[at];
        if client.state != ConnectionState::Present {
            return Err(io::Error::other("a sender was disconnected"));
        }
        let stamp = Stamp { number: self.next, target: client.target, sent: self.tally.now() };
        self.tally.sent(stamp);
        self.next += 1;
        client.send(&client.dialect.message(stamp.number, &stamp.text(load.text_bytes)))
    }

    /// Waits for events until `until` and handles them.
    fn poll_once(&mut self, until: Instant) -> io::Result<()> {
        let now = Instant::now();
        if now >= self.probe {
            self.lag.record(now.duration_since(self.probe).as_nanos() as u64);
            self.probe = now + PROBE;
        }
        let progress = until.min(self.probe).saturating_duration_since(now);
        match self.poll.poll(&mut self.events, Some(progress)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            if self.browsers.on_event(event, &mut self.scratch, &mut self.tally) {
                continue;
            }
            let client = &mut self.clients[event.token().0];
            let was_present = client.state == ConnectionState::Present;
            if client.on_event(event, &mut self.scratch, &mut self.tally) {
                self.present -= usize::from(was_present);
                self.present += usize::from(client.state == ConnectionState::Present);
            }
        }
        Ok(())
    }

    fn await_stragglers(&mut self) -> io::Result<()> {
        let end = Instant::now() + STRAGGLERS;
        while self.tally.missing(self.present) > 0 && Instant::now() < end {
            self.poll_once(end)?;
        }
        Ok(())
    }
}

/// Measures CPU usage between two moments.
struct Meter {
    began: Instant,
    cpu: Vec<f64>,
    stats: f64,
}

impl Meter {
    fn start(generator: &mut Generator, watch: &[u32]) -> io::Result<Self> {
        generator.lag = Histogram::default();
        generator.probe = Instant::now() + PROBE;
        let cpu = process::cpu_seconds_of(watch)?;
        Ok(Self { began: Instant::now(), cpu, stats: process::cpu_seconds(std::process::id())? })
    }

    fn stop(self, generator: &Generator, watch: &[u32]) -> io::Result<(Vec<f64>, f64, GeneratorStats)> {
        let seconds = self.began.elapsed().as_secs_f64();
        let used = |(pid, before): (&u32, f64)| Ok(process::cpu_seconds(*pid)? - before);
        let cpu = watch.iter().zip(self.cpu).map(used).collect::<io::Result<_>>()?;
        let share = (process::cpu_seconds(std::process::id())? - self.stats) / seconds;
        Ok((cpu, seconds, GeneratorStats { cpu: share, lag_p99: generator.lag.quantile(0.99) }))
    }
}
