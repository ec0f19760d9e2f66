//! What will be done to the room: all of it follows from the seed.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};

/// What a run is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where all chance comes from.
    pub seed: u64,
    /// For how long faults are done.
    pub lasting: Duration,
    /// How many people.
    pub people: usize,
    /// How many instances.
    pub instances: usize,
    /// `RUANG_LEASE`.
    pub lease: Duration,
    /// `RUANG_LEAVE_GRACE`.
    pub grace: Duration,
    /// Faults between two times of peace, in which rosters are compared.
    pub round: usize,
    /// Clients that mean harm to the first instance, which then is never stopped; with them comes a page that stays open.
    pub hostile: usize,
}

impl Default for Options {
    fn default() -> Self {
        let (lease, grace) = (Duration::from_secs(3), Duration::from_secs(3));
        Self { seed: 1, lasting: Duration::from_secs(60), people: 6, instances: 3, lease, grace, round: 8, hostile: 0 }
    }
}

/// Something that happens to instances or to Redis. An instance is named by any number: the doer takes it modulo.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// `kill -9`, and another one is started.
    Kill(usize),
    /// SIGTERM to one, and another one is started.
    Restart(usize),
    /// SIGTERM to each, one after the other, each replaced first.
    RollingRestart,
    /// SIGSTOP for this long beyond the lease, then SIGCONT.
    Freeze(usize, Duration),
    /// SIGSTOP and SIGCONT to Redis.
    RedisFreeze(Duration),
    /// `kill -9` to Redis, and after this long it is started again.
    RedisRestart(Duration),
    /// `CLIENT KILL TYPE pubsub`.
    KillSubscribers,
    /// `CLIENT KILL TYPE normal`.
    KillClients,
    /// `SCRIPT FLUSH`.
    ForgetScripts,
}

/// Something that happens to one person.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    /// The connection is cut; they come back after this long.
    Away(Duration),
    /// A second tab for this long.
    SecondTab(Duration),
    /// They sign out, and sign in again after this long.
    SignOut(Duration),
}

impl Turn {
    /// Which kind it is: a word or two.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Away(_) => "away",
            Self::SecondTab(_) => "second tab",
            Self::SignOut(_) => "sign-out",
        }
    }

    /// How long the person has then no connection of their own will.
    pub fn away_for(self) -> Duration {
        match self {
            Self::Away(how_long) | Self::SignOut(how_long) => how_long,
            Self::SecondTab(_) => Duration::ZERO,
        }
    }
}

/// All chance about servers.
pub struct Faults(StdRng, Vec<Fault>);

impl Faults {
    /// From a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed), Vec::new())
    }

    /// How long to wait, and what to do then. Each kind comes once before any comes again.
    pub fn next(&mut self) -> (Duration, Fault) {
        if self.1.is_empty() {
            self.1 = self.one_of_each();
        }
        let chosen = self.0.random_range(0..self.1.len());
        (millis(&mut self.0, 500, 3000), self.1.swap_remove(chosen))
    }

    fn one_of_each(&mut self) -> Vec<Fault> {
        let rng = &mut self.0;
        vec![
            Fault::Kill(rng.random_range(0..1000)),
            Fault::Restart(rng.random_range(0..1000)),
            Fault::RollingRestart,
            Fault::Freeze(rng.random_range(0..1000), millis(rng, 500, 3000)),
            Fault::RedisFreeze(millis(rng, 500, 6000)),
            Fault::RedisRestart(millis(rng, 0, 3000)),
            Fault::KillSubscribers,
            Fault::KillClients,
            Fault::ForgetScripts,
        ]
    }
}

/// All chance about people.
pub struct Turns(StdRng);

impl Turns {
    /// From a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed ^ 0x7475_726e))
    }

    /// How long to wait, whose turn it is (modulo), and what it is.
    pub fn next(&mut self) -> (Duration, usize, Turn) {
        let rng = &mut self.0;
        let turn = match rng.random_range(0..10) {
            0..4 => Turn::Away(millis(rng, 0, 1500)),
            4..6 => Turn::Away(millis(rng, 3000, 7000)),
            6..8 => Turn::SecondTab(millis(rng, 500, 5000)),
            _ => Turn::SignOut(millis(rng, 0, 2500)),
        };
        (millis(rng, 400, 2500), rng.random_range(0..1000), turn)
    }
}

fn millis(rng: &mut StdRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(rng.random_range(from..=to))
}
