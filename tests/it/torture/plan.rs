//! The plan of a run: faults and actions, derived from the seed.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};

/// The options of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed of all random choices.
    pub seed: u64,
    /// Time during which faults are injected.
    pub duration: Duration,
    /// Number of participants.
    pub participants: usize,
    /// Number of instances.
    pub instances: usize,
    /// `RUANG_LEASE`.
    pub lease: Duration,
    /// `RUANG_LEAVE_GRACE`.
    pub grace: Duration,
    /// Number of faults between two phases without faults, in which rosters are checked.
    pub round: usize,
    /// Number of hostile clients of the first instance, which is then never stopped and has an open page.
    pub hostile: usize,
}

impl Default for Options {
    fn default() -> Self {
        let (lease, grace) = (Duration::from_secs(3), Duration::from_secs(3));
        Self {
            seed: 1,
            duration: Duration::from_secs(60),
            participants: 6,
            instances: 3,
            lease,
            grace,
            round: 8,
            hostile: 0,
        }
    }
}

/// A fault of instances or Redis. An instance is given as any number, taken modulo.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// SIGKILL to one; another one is started.
    Kill(usize),
    /// SIGTERM to one; another one is started.
    Restart(usize),
    /// SIGTERM to each in turn, each replaced first.
    RollingRestart,
    /// SIGSTOP for this long beyond the lease, then SIGCONT.
    Freeze(usize, Duration),
    /// SIGSTOP and SIGCONT to Redis.
    RedisFreeze(Duration),
    /// SIGKILL to Redis, which is restarted after this time.
    RedisRestart(Duration),
    /// `CLIENT KILL TYPE pubsub`.
    KillSubscribers,
    /// `CLIENT KILL TYPE normal`.
    KillClients,
    /// `SCRIPT FLUSH`.
    ForgetScripts,
}

/// An action of one participant.
#[derive(Clone, Copy, Debug)]
pub enum PersonAction {
    /// The connection is cut; the participant returns after this time.
    Away(Duration),
    /// A second tab for this time.
    SecondTab(Duration),
    /// A sign-out, and a sign-in after this time.
    SignOut(Duration),
}

impl PersonAction {
    /// Returns the kind in one or two words.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Away(_) => "away",
            Self::SecondTab(_) => "second tab",
            Self::SignOut(_) => "sign-out",
        }
    }

    /// Returns the time away by choice.
    pub fn away_for(self) -> Duration {
        match self {
            Self::Away(duration) | Self::SignOut(duration) => duration,
            Self::SecondTab(_) => Duration::ZERO,
        }
    }
}

/// The random plan of faults.
pub struct FaultPlan(StdRng, Vec<Fault>);

impl FaultPlan {
    /// Creates a plan from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed), Vec::new())
    }

    /// Returns the pause and the next fault. Each kind comes once before any is repeated.
    pub fn next(&mut self) -> (Duration, Fault) {
        if self.1.is_empty() {
            self.1 = self.one_of_each();
        }
        let index = self.0.random_range(0..self.1.len());
        (millis(&mut self.0, 500, 3000), self.1.swap_remove(index))
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

/// The random plan of actions.
pub struct PersonActionPlan(StdRng);

impl PersonActionPlan {
    /// Creates a plan from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed ^ 0x7475_726e))
    }

    /// Returns the pause, the participant (modulo) and the action.
    pub fn next(&mut self) -> (Duration, usize, PersonAction) {
        let rng = &mut self.0;
        let turn = match rng.random_range(0..10) {
            0..4 => PersonAction::Away(millis(rng, 0, 1500)),
            4..6 => PersonAction::Away(millis(rng, 3000, 7000)),
            6..8 => PersonAction::SecondTab(millis(rng, 500, 5000)),
            _ => PersonAction::SignOut(millis(rng, 0, 2500)),
        };
        (millis(rng, 400, 2500), rng.random_range(0..1000), turn)
    }
}

fn millis(rng: &mut StdRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(rng.random_range(from..=to))
}
