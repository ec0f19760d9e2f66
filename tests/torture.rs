//! `cargo test --test torture -- --seed 7 --minutes 30`: the torture for any time. See `docs/torture.md`.

#![allow(dead_code, unused_imports, unused_macros, reason = "the kit is shared with the tests that use all of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

#[path = "it"]
mod it {
    pub mod kit;
    pub mod torture;
}

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use it::{kit, torture};

/// Participants chat over several instances with random faults; a checker judges what they received.
#[derive(Parser)]
struct Command {
    /// The seed: the same faults in the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Minutes during which faults are injected
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Number of participants
    #[arg(long, default_value_t = 6)]
    people: usize,
    /// Number of instances
    #[arg(long, default_value_t = 3)]
    instances: usize,
    /// A soak: number of hostile clients of one instance that is never stopped and has an open page
    #[arg(long, default_value_t = 0)]
    hostile: usize,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let Command { seed, minutes, people, instances, hostile } = Command::parse();
    let duration = Duration::from_secs_f64(minutes * 60.0);
    let options =
        torture::Options { seed, duration, participants: people, instances, hostile, ..torture::Options::default() };
    println!("torture with seed {seed} for {minutes} minutes: {people} people, {instances} instances");
    let record = torture::run(&options).await;
    let violations = torture::checker::check(&record);
    println!("{}", torture::report::report(&options, &record, &violations));
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
