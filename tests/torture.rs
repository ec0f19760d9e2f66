//! `cargo test --test torture -- --seed 7 --minutes 30`: the torture for as long as one likes. `docs/torture.md`.

#![allow(dead_code, unused_imports, unused_macros, reason = "the kit is shared with the tests that use all of it")]
#![allow(clippy::unwrap_used, reason = "in a test that is how it fails")]

#[path = "it"]
mod it {
    pub mod kit;
    pub mod torture;
}

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use it::{kit, torture};

/// People who chat over several instances, faults by chance, and a checker that judges what everybody saw.
#[derive(Parser)]
struct Command {
    /// Where all chance comes from: the same faults in the same order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// For how long faults are done.
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// How many people.
    #[arg(long, default_value_t = 6)]
    people: usize,
    /// How many instances.
    #[arg(long, default_value_t = 3)]
    instances: usize,
    /// A soak: so many clients mean harm to one instance that is never stopped, and a page stays open on it.
    #[arg(long, default_value_t = 0)]
    hostile: usize,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let Command { seed, minutes, people, instances, hostile } = Command::parse();
    let lasting = Duration::from_secs_f64(minutes * 60.0);
    let options = torture::Options { seed, lasting, people, instances, hostile, ..torture::Options::default() };
    println!("torture with seed {seed} for {minutes} minutes: {people} people, {instances} instances");
    let record = torture::run(&options).await;
    let violations = torture::checker::check(&record);
    println!("{}", torture::report::report(&options, &record, &violations));
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
