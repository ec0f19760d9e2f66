//! The tests of the simulation.

use std::time::{Duration, Instant};

use clap::Parser;

use super::{
    plan::Plan,
    report::{Totals, failure},
    rule::Rule,
    run::run,
    shrink::shrink,
};

/// Seeds of every test run, and for how long they run at most.
const SEEDS: u64 = 14;
const A_WHILE: Duration = Duration::from_secs(18);
/// Rounds of a minute in the run of one seed.
const ROUNDS: u32 = 3;
/// Seeds within which a broken rule must be reported.
const SEEDS_PER_RULE: u64 = 60;
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
    /// Try all mutants of the scripts
    #[arg(long, env = "RUANG_MUTANTS")]
    pub mutants: Option<u64>,
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
    let (began, mut totals) = (Instant::now(), Totals::default());
    let limit = settings.seconds.map_or(A_WHILE, Duration::from_secs_f64);
    let last = settings.seconds.map_or(settings.first + SEEDS - 1, |_| u64::MAX);
    let (first, last) = settings.seed.map_or((settings.first, last), |seed| (seed, seed));
    for seed in first..=last {
        if began.elapsed() > limit {
            break;
        }
        let plan = Plan::seeded(seed, ROUNDS);
        let outcome = run(&plan, None, false);
        totals.add(&plan, &outcome.record);
        if let Some(violation) = outcome.violations.first() {
            let (plan, outcome) = shrink(&plan, None, violation.kind, SHRINKING);
            panic!("replay with RUANG_SIM_SEED={seed}\n{}", failure(&plan, &outcome));
        }
    }
    println!("{}", totals.report(began.elapsed()));
}

#[test]
fn one_seed_is_one_history() {
    for seed in 0..100 {
        let plan = Plan::short(seed);
        assert_eq!(run(&plan, None, false).digest, run(&plan, None, false).digest, "of seed {seed}");
    }
}

#[test]
fn every_broken_rule_is_reported() {
    for rule in Rule::ALL {
        let kind = rule.violation();
        let report = (1..=SEEDS_PER_RULE).find_map(|seed| {
            let violations = run(&Plan::seeded(seed, 1), Some(rule), false).violations;
            let violation = violations.into_iter().find(|violation| violation.kind == kind)?;
            Some(format!("seed {seed}: {}", violation.what))
        });
        println!("{rule:?}: {kind:?}, {}", report.unwrap_or_else(|| panic!("{rule:?} is broken and not reported")));
    }
}
