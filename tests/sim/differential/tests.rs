//! The tests of the comparison.

use std::{
    collections::BTreeSet,
    fmt::Write,
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Runtime};

use super::{
    call::{Call, calls},
    mutants::Mutant,
    pair::{Difference, Pair},
};
use crate::{kit::redis::Redis, tests::Settings};

/// Calls of a sequence.
const CALLS: usize = 200;
/// For how long every test run compares, and how many mutants it looks at.
const A_WHILE: Duration = Duration::from_secs(5);
const SOME: usize = 6;
/// Sequences within which a mutant must be found.
const SEQUENCES: u64 = 25;
/// Parts of the replies where Redis sends none.
const NO_REPLY: [&str; 2] = ["Unavailable", "does not reply"];
/// Mutants that are not found, each with the reason.
const EXPLAINED: &str = include_str!("survivors.txt");

#[test]
fn simulated_calls_have_one_reply_on_both_engines() {
    let server = Server::start();
    let mut pair = Pair::on(server.port(), str::to_owned);
    let settings = Settings::load();
    let limit = settings.seconds.map_or(A_WHILE, Duration::from_secs_f64);
    let first = settings.seed.unwrap_or(settings.first);
    let (began, mut seed, mut count) = (Instant::now(), first, 0);
    while began.elapsed() < limit && (count == 0 || settings.seed.is_none()) {
        let calls = calls(seed, CALLS);
        if let Err(difference) = pair.run(seed, &calls) {
            panic!("replay with RUANG_SIM_SEED={seed}\n{}", shortest(&mut pair, seed, calls, difference));
        }
        (seed, count) = (seed + 1, count + CALLS);
    }
    println!("{count} calls in {:.1} s, from seed {first} on", began.elapsed().as_secs_f64());
}

/// A Redis for many pairs.
struct Server {
    redis: Redis,
    _runtime: Runtime,
}

impl Server {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let redis = runtime.block_on(Redis::start_with(&["--appendonly", "no"]));
        Self { redis, _runtime: runtime }
    }

    fn port(&self) -> u16 {
        self.redis.port()
    }
}

/// Leaves out calls for as long as the engines differ.
fn shortest(pair: &mut Pair<'_>, seed: u64, mut calls: Vec<Call>, mut difference: Difference) -> String {
    let mut size = calls.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < calls.len() {
            let mut fewer = calls.clone();
            fewer.drain(from..(from + size).min(calls.len()));
            match pair.run(seed, &fewer) {
                Err(found) => (calls, difference) = (fewer, found),
                Ok(()) => from += size,
            }
        }
        size /= 2;
    }
    let mut text = String::new();
    for (number, call) in calls.iter().enumerate() {
        let _ = writeln!(text, "{number:4} {call:?}");
    }
    let Difference { at, memory, redis } = difference;
    let _ = writeln!(text, "{at}\nmemory: {memory}\nRedis:  {redis}");
    text
}

/// In every test run a few of one script; all with `make mutants`.
#[test]
fn mutants_of_the_scripts_are_found() {
    let (mut mutants, mut survivors) = (Mutant::all(), BTreeSet::new());
    let (total, is_all) = (mutants.len(), Settings::load().mutants.is_some());
    mutants.retain(|mutant| !is_explained(mutant));
    if !is_all {
        mutants.retain(|mutant| mutant.file() == "claim");
        mutants = mutants.into_iter().step_by(5).take(SOME).collect();
    }
    let (count, mut server) = (mutants.len(), Server::start());
    for (number, mutant) in mutants.into_iter().enumerate() {
        if !is_found(&mut server, &mutant) {
            println!("survives: {}", mutant.name());
            survivors.insert(mutant.name());
        }
        if is_all && number % 20 == 19 {
            println!("{} of {count}", number + 1);
        }
    }
    println!("{count} of {total} mutants, {} survive", survivors.len());
    assert!(survivors.is_empty(), "not found and not explained: {survivors:#?}");
}

fn is_found(server: &mut Server, mutant: &Mutant) -> bool {
    let mut pair = Pair::on(server.port(), |script| mutant.edit(script));
    let difference = (1..=SEQUENCES).find_map(|seed| pair.run(seed, &calls(seed, CALLS)).err());
    if difference.as_ref().is_some_and(|difference| NO_REPLY.iter().any(|part| difference.redis.contains(part))) {
        // The script may loop for ever.
        *server = Server::start();
    }
    difference.is_some()
}

fn is_explained(mutant: &Mutant) -> bool {
    explained().any(|(name, _)| name == mutant.name())
}

/// Lines `mutant  #  reason`.
fn explained() -> impl Iterator<Item = (&'static str, &'static str)> {
    EXPLAINED.lines().filter_map(|line| line.split_once("  #  "))
}
