//! Browsers that arrive together: they open the pages, sign in, open a socket and join.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Token, event::Event};

use super::{
    Generator, Meter,
    client::Client,
    dialect::Dialect,
    opening::ProgressLimit,
    request::{Arrive, ArriveResult, SignIn, Step},
    sign_in::sign_in,
    tally::Tally,
    visit::{Progress, Visit},
};
use crate::process;

/// Tokens of browsers begin here; those of clients are below.
const FIRST_TOKEN: usize = 1 << 32;

/// Browsers that start before events of others are handled: one thread does both.
const STARTS_AT_ONCE: usize = 128;

/// Browsers that have no socket yet.
#[derive(Default)]
pub(super) struct Browsers {
    /// `None` once a browser has its pages, or was refused.
    visits: Vec<Option<Visit>>,
    /// Browsers whose request was answered, and how many of their steps they have done.
    ready: VecDeque<(usize, usize)>,
    /// The number of steps that each browser has done.
    done: Vec<usize>,
}

impl Browsers {
    /// Handles an event of a browser. Returns whether it was one.
    pub(super) fn on_event(&mut self, event: &Event, scratch: &mut [u8], tally: &mut Tally) -> bool {
        let Some(at) = event.token().0.checked_sub(FIRST_TOKEN) else { return false };
        if let Some(visit) = self.visits.get_mut(at).and_then(Option::as_mut) {
            let progress = visit.on_event(event, scratch);
            self.note(at, progress, tally);
        }
        true
    }

    fn note(&mut self, at: usize, progress: Progress, tally: &mut Tally) {
        match progress {
            Progress::Waits => {}
            Progress::Answered => {
                self.done[at] += 1;
                self.ready.push_back((at, self.done[at]));
            }
            Progress::Refused(reason) => {
                tally.refuse(&reason);
                self.visits[at] = None;
            }
        }
    }
}

impl Generator {
    /// Lets browsers arrive.
    pub(super) fn arrive(&mut self, arrive: &Arrive) -> io::Result<ArriveResult> {
        let sessions = match arrive.sign_in {
            SignIn::Done => sign_in(&arrive.targets, self.clients.len(), arrive.count)?,
            _ => Vec::new(),
        };
        self.browsers = Browsers::default();
        self.tally.clear(self.next);
        let (first, there_before) = (self.clients.len(), self.present);
        let steps = arrive.sign_in.steps();
        let meter = Meter::start(self, &arrive.watch)?;
        let mut cpu = Vec::new();
        let rounds = if arrive.step_by_step { 1..=steps.len() } else { steps.len()..=steps.len() };
        for allowed in rounds {
            let before = process::cpu_seconds_of(&arrive.watch)?;
            self.take_steps(arrive, &sessions, allowed, first, there_before)?;
            let after = process::cpu_seconds_of(&arrive.watch)?;
            cpu.push((steps[allowed - 1], after.iter().zip(before).map(|(after, before)| after - before).collect()));
        }
        let welcomed = self.present - there_before;
        let (_, seconds, stats) = meter.stop(self, &arrive.watch)?;
        let cookie = self.clients.get(first).map(|client| client.cookie.clone()).unwrap_or_default();
        let (refused, each) = (self.tally.refused.clone(), self.tally.joining());
        Ok(ArriveResult { seconds, welcomed, refused, each, cpu, cookie, stats })
    }

    /// Lets every browser take its first `allowed` steps.
    fn take_steps(
        &mut self,
        arrive: &Arrive,
        sessions: &[String],
        allowed: usize,
        first: usize,
        there_before: usize,
    ) -> io::Result<()> {
        let steps = arrive.sign_in.steps();
        let pace = if arrive.over_seconds > 0.0 { arrive.count as f64 / arrive.over_seconds } else { f64::INFINITY };
        let (began, mut progress) = (Instant::now(), ProgressLimit::new());
        let mut waiting = std::mem::take(&mut self.browsers.ready);
        loop {
            let due = (began.elapsed().as_secs_f64() * pace + 1.0).min(arrive.count as f64) as usize;
            let due = due.min(self.browsers.visits.len() + STARTS_AT_ONCE);
            while self.browsers.visits.len() < due {
                self.start(arrive, sessions, first)?;
            }
            waiting.append(&mut self.browsers.ready);
            for (at, done) in std::mem::take(&mut waiting) {
                if done >= allowed {
                    waiting.push_back((at, done));
                } else if steps[done] == Step::Socket {
                    self.open_socket(at)?;
                } else if let Some(visit) = &mut self.browsers.visits[at] {
                    let progress = visit.begin(steps[done], &arrive.sign_in);
                    self.browsers.note(at, progress, &mut self.tally);
                }
            }
            let entered = self.present - there_before;
            let ended = entered + waiting.len() + self.tally.refused.values().sum::<usize>();
            if ended >= arrive.count {
                self.browsers.ready = waiting;
                return Ok(());
            }
            self.poll_once(Instant::now() + Duration::from_millis(2))?;
            progress.while_growing(self.browsers.done.iter().sum::<usize>() + ended)?;
        }
    }

    /// Starts the next browser; one that has a session already opens its socket.
    fn start(&mut self, arrive: &Arrive, sessions: &[String], first: usize) -> io::Result<()> {
        let at = self.browsers.visits.len();
        let target = at % arrive.targets.len();
        let address = arrive.targets[target];
        self.browsers.done.push(0);
        if let Some(cookie) = sessions.get(at) {
            self.browsers.visits.push(None);
            return self.connect(target, address, cookie.clone(), Instant::now());
        }
        let registry = self.poll.registry();
        let visit = Visit::connect(first + at, (target, address), registry, Token(FIRST_TOKEN + at))?;
        self.browsers.visits.push(Some(visit));
        self.browsers.ready.push_back((at, 0));
        Ok(())
    }

    fn open_socket(&mut self, at: usize) -> io::Result<()> {
        let Some(visit) = self.browsers.visits[at].take() else { return Ok(()) };
        self.connect(visit.target, visit.address, visit.cookies, visit.began)
    }

    fn connect(&mut self, target: usize, address: SocketAddr, cookie: String, began: Instant) -> io::Result<()> {
        let token = Token(self.clients.len());
        let registry = self.poll.registry();
        let mut client = Client::connect(address, target as u64, Dialect::Ruang, cookie, registry, token)?;
        client.began = began;
        self.clients.push(client);
        Ok(())
    }
}
