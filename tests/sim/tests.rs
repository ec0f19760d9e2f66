//! The tests of the simulation.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use parking_lot::Mutex;

use super::{
    plan::Plan,
    report::{Totals, failure},
    rule::Rule,
    run::run,
    shrink::shrink,
    world::Keep,
};

/// Seeds of every test run, and for how long they run at most.
const SEEDS: u64 = 14;
const A_WHILE: Duration = Duration::from_secs(18);
/// After how many seeds a long run reports its figures.
const SEEDS_PER_REPORT: u64 = 500;
/// Rounds of a minute in the run of one seed.
const ROUNDS: u32 = 3;
/// Seeds within which a broken rule must be reported.
const SEEDS_PER_RULE: u64 = 60;
/// Seeds that once showed a fault of the room or of the checker.
const FAILED_ONCE: [u64; 4] = [4000, 4004, 10_059, 10_063];
/// How long a failed run is shortened.
const SHRINKING: Duration = Duration::from_secs(6);

/// The seeds and lengths to simulate, from the environment.
#[derive(Parser)]
pub struct Settings {
    /// Replay this seed alone
    #[arg(env = "RUANG_SIM_SEED")]
    pub seed: Option<u64>,
    /// The first seed
    #[arg(long, env = "RUANG_SIM_FIRST", default_value_t = 1)]
    pub first: u64,
    /// For how long, in seconds; by default so many seeds, for a while at most
    #[arg(long, env = "RUANG_SIM_SECONDS")]
    pub seconds: Option<f64>,
    /// Try all mutants of the scripts, from this one on
    #[arg(long, env = "RUANG_MUTANTS")]
    pub mutants: Option<usize>,
}

impl Settings {
    /// Reads the environment.
    pub fn load() -> Self {
        Self::parse_from(["simulation"])
    }
}

#[test]
fn simulated_faults_break_no_promise() {
    let settings = Settings::load();
    let search = Search {
        began: Instant::now(),
        limit: settings.seconds.map_or(A_WHILE, Duration::from_secs_f64),
        next: AtomicU64::new(settings.seed.unwrap_or(settings.first)),
        end: settings.seed.or(settings.seconds.is_none().then(|| settings.first + SEEDS - 1)),
        has_failed: AtomicBool::new(false),
        totals: Mutex::default(),
    };
    // A short run leaves the other cores to the other tests.
    let threads = settings.seconds.and_then(|_| thread::available_parallelism().ok()).map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| search.run());
        }
    });
    println!("{}", search.totals.into_inner().report(search.began.elapsed()));
}

/// Seeds that several threads simulate.
struct Search {
    began: Instant,
    limit: Duration,
    next: AtomicU64,
    end: Option<u64>,
    has_failed: AtomicBool,
    totals: Mutex<Totals>,
}

impl Search {
    fn run(&self) {
        while self.began.elapsed() < self.limit && !self.has_failed.load(Ordering::Relaxed) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if self.end.is_some_and(|end| seed > end) {
                return;
            }
            let plan = Plan::seeded(seed, ROUNDS);
            let outcome = run(&plan, None, Keep::Nothing);
            if let Some(violation) = outcome.violations.first() {
                self.has_failed.store(true, Ordering::Relaxed);
                let (plan, outcome) = shrink(&plan, None, violation.kind, SHRINKING);
                panic!("replay with RUANG_SIM_SEED={seed}\n{}", failure(&plan, &outcome));
            }
            let mut totals = self.totals.lock();
            totals.add(&plan, &outcome);
            if totals.seeds.is_multiple_of(SEEDS_PER_REPORT) {
                println!("up to seed {seed}: {}", totals.report(self.began.elapsed()));
            }
        }
    }
}

/// Each is the end of a search; the document tells what it found.
#[test]
fn seeds_that_failed_once_pass() {
    for seed in FAILED_ONCE {
        let plan = Plan::seeded(seed, ROUNDS);
        let outcome = run(&plan, None, Keep::Nothing);
        assert!(outcome.violations.is_empty(), "{}", failure(&plan, &outcome));
    }
}

#[test]
fn one_seed_is_one_history() {
    for seed in 0..100 {
        let plan = Plan::short(seed);
        assert_eq!(run(&plan, None, Keep::Digest).digest, run(&plan, None, Keep::Digest).digest, "of seed {seed}");
    }
}

#[test]
fn every_broken_rule_is_reported() {
    for rule in Rule::ALL {
        let kind = rule.violation();
        let report = (1..=SEEDS_PER_RULE).find_map(|seed| {
            let violations = run(&Plan::seeded(seed, 1), Some(rule), Keep::Nothing).violations;
            let violation = violations.into_iter().find(|violation| violation.kind == kind)?;
            Some(format!("seed {seed}: {}", violation.what))
        });
        println!("{rule:?}: {kind:?}, {}", report.unwrap_or_else(|| panic!("{rule:?} is broken and not reported")));
    }
}
