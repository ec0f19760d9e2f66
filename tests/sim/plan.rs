//! The plan of a run: its size, its faults and what its people do, each with its time; derived from the seed.

use std::time::Duration;

use rand::{Rng, rngs::StdRng, seq::SliceRandom};

use super::{
    random::{generator, millis},
    torture::record::Moment,
};

/// The length of a round: faults first, then quiet, with a look at all rosters.
const ROUND: Duration = Duration::from_secs(60);
/// For how long of a round faults begin.
const FAULTS: Duration = Duration::from_secs(25);
/// When in a round the rosters are checked.
const CHECK: Duration = Duration::from_secs(40);

/// The length of a short plan.
const SHORT: Duration = Duration::from_secs(10);

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub instances: usize,
    pub people: usize,
    pub lease: Duration,
    pub grace: Duration,
    /// The longest pause between two messages of one person, in milliseconds.
    pub pause_ms: u64,
    pub steps: Vec<Step>,
    pub checks: Vec<Moment>,
    pub end: Moment,
}

/// An event of a plan, with its time.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub at: Moment,
    pub what: Happening,
}

#[derive(Clone, Copy, Debug)]
pub enum Happening {
    Fault(Fault),
    /// An act of one person, by number.
    Action(usize, Action),
}

/// A fault. Instances are given by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An instance is killed, and replaced.
    Kill(usize),
    /// An instance drains, and is replaced.
    Restart(usize),
    /// An instance stands still.
    Freeze(usize, Duration),
    /// An instance cannot reach Redis.
    Cut(usize, Duration),
    /// Calls and replies of an instance are late, by up to so many milliseconds.
    Late(usize, Duration, u64),
    /// Of an instance's calls and replies so many percent are lost.
    Lossy(usize, Duration, u32),
    /// Events reach an instance late, by up to so many milliseconds.
    EventsLate(usize, Duration, u64),
    /// So many percent of the events do not reach an instance.
    EventsLost(usize, Duration, u32),
    /// So many percent of the events reach an instance twice.
    EventsTwice(usize, Duration, u32),
    /// An instance's subscription receives nothing any more.
    Deaf(usize),
    /// All subscriptions end.
    SubscriptionsEnd,
    /// Redis stands still.
    RedisFreeze(Duration),
    /// The memory of Redis is full.
    RedisFull(Duration),
    /// Redis fails over to a replica that has not followed for so long.
    Failover(Duration),
    /// Redis loses everything.
    Flush,
    /// The clock of Redis is set, by so many milliseconds.
    ClockStep(i64),
}

impl Fault {
    /// The kind in one or two words.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::Restart(_) => "restart",
            Self::Freeze(..) => "freeze",
            Self::Cut(..) => "link cut",
            Self::Late(..) => "late calls",
            Self::Lossy(..) => "lost calls",
            Self::EventsLate(..) => "late events",
            Self::EventsLost(..) => "lost events",
            Self::EventsTwice(..) => "repeated events",
            Self::Deaf(_) => "deaf subscription",
            Self::SubscriptionsEnd => "subscriptions end",
            Self::RedisFreeze(_) => "redis freeze",
            Self::RedisFull(_) => "redis full",
            Self::Failover(_) => "failover",
            Self::Flush => "flush",
            Self::ClockStep(_) => "clock step",
        }
    }
}

/// An act of a person.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Their connection is lost, and they return.
    Away(Duration),
    /// They sleep for long, and return.
    Sleep(Duration),
    /// They have a second tab.
    SecondTab(Duration),
    /// They sign out, and in again.
    SignOut(Duration),
    /// Their window is hidden.
    Hide(Duration),
}

impl Plan {
    /// The plan of a seed, of so many rounds of a minute.
    pub fn seeded(seed: u64, rounds: u32) -> Self {
        Self::drawn(seed, rounds, 7000)
    }

    /// The plan of a seed, of a few seconds.
    pub fn short(seed: u64) -> Self {
        Self::drawn(seed, 1, 1500).until(SHORT)
    }

    /// The plan up to a moment.
    pub fn until(mut self, end: Moment) -> Self {
        self.end = end;
        self.steps.retain(|step| step.at < end);
        self.checks.retain(|at| *at < end);
        self
    }

    fn drawn(seed: u64, rounds: u32, fault_pause_ms: u64) -> Self {
        let rng = &mut generator(seed, "plan", 0);
        let (instances, people) = (rng.random_range(2..=7), rng.random_range(3..=8));
        let (lease, grace) = (millis(rng, 5000, 9000), millis(rng, 3000, 6000));
        let pause_ms = [600, 2500, 8000][rng.random_range(0..3)];
        let (mut steps, mut checks) = (vec![], vec![]);
        let mut kinds = vec![];
        for round in 0..rounds {
            let began = ROUND * round;
            let mut at = began + millis(rng, 2000, 6000);
            while at < began + FAULTS {
                if kinds.is_empty() {
                    kinds = (0..KINDS).collect();
                    kinds.shuffle(rng);
                }
                let fault = fault(kinds.pop().unwrap_or_default(), instances, lease, rng);
                steps.push(Step { at, what: Happening::Fault(fault) });
                at += millis(rng, 200, fault_pause_ms);
            }
            let mut at = began + millis(rng, 1000, 4000);
            while at < began + FAULTS {
                let person = rng.random_range(0..people);
                steps.push(Step { at, what: Happening::Action(person, action(rng)) });
                at += millis(rng, 300, 5000);
            }
            checks.push(began + CHECK);
        }
        steps.sort_by_key(|step| step.at);
        Self { seed, instances, people, lease, grace, pause_ms, steps, checks, end: ROUND * rounds }
    }
}

const KINDS: u32 = 18;

fn fault(kind: u32, instances: usize, lease: Duration, rng: &mut StdRng) -> Fault {
    let one = rng.random_range(0..instances);
    let lease_ms = u64::try_from(lease.as_millis()).unwrap_or_default();
    match kind {
        0 => Fault::Kill(one),
        1 => Fault::Restart(one),
        2 => Fault::Freeze(one, millis(rng, lease_ms + 500, lease_ms + 4000)),
        3 => Fault::Freeze(one, millis(rng, 200, lease_ms * 2 / 5)),
        4 => Fault::Cut(one, millis(rng, 100, lease_ms * 2 / 5)),
        5 => Fault::Cut(one, millis(rng, lease_ms + 1000, lease_ms + 4000)),
        6 => Fault::Late(one, millis(rng, 1000, 6000), rng.random_range(50..2500)),
        7 => Fault::Lossy(one, millis(rng, 1000, 6000), rng.random_range(2..15)),
        8 => Fault::EventsLate(one, millis(rng, 1000, 6000), rng.random_range(20..1500)),
        9 => Fault::EventsLost(one, millis(rng, 1000, 6000), rng.random_range(5..60)),
        10 => Fault::EventsTwice(one, millis(rng, 1000, 6000), rng.random_range(5..60)),
        11 => Fault::Deaf(one),
        12 => Fault::SubscriptionsEnd,
        13 => Fault::RedisFreeze(millis(rng, 300, 6000)),
        14 => Fault::RedisFull(millis(rng, 300, 6000)),
        15 => Fault::Failover(millis(rng, 0, 3000)),
        16 => Fault::ClockStep([-3_600_000, -5000, 5000, 3_600_000][rng.random_range(0..4)]),
        // Rarer than the others.
        _ if rng.random_range(0..3) == 0 => Fault::Flush,
        _ => Fault::Failover(Duration::ZERO),
    }
}

fn action(rng: &mut StdRng) -> Action {
    match rng.random_range(0..12) {
        0..4 => Action::Away(millis(rng, 0, 1500)),
        4..6 => Action::Away(millis(rng, 3000, 9000)),
        6 => Action::Sleep(millis(rng, 30_000, 900_000)),
        7..9 => Action::SecondTab(millis(rng, 500, 8000)),
        9..11 => Action::SignOut(millis(rng, 0, 2500)),
        _ => Action::Hide(millis(rng, 2000, 20_000)),
    }
}
