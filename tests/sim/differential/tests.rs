//! The tests of the comparison.

use std::{
    collections::BTreeSet,
    fmt::Write,
    time::{Duration, Instant},
};

use super::{
    call::{Call, calls},
    mutants::Mutant,
    pair::{Difference, Pair},
};
use crate::kit::redis::Redis;

/// Calls of a sequence.
const CALLS: usize = 200;
/// For how long every test run compares, and how many mutants it looks at.
const A_WHILE: Duration = Duration::from_secs(5);
const SOME: usize = 6;
/// Sequences within which a mutant must be found.
const SEQUENCES: u64 = 40;
/// Mutants that are not found, each with the reason.
const EXPLAINED: &str = include_str!("survivors.txt");

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn simulated_calls_have_one_reply_on_both_engines() {
    let redis = Redis::start_with(&["--appendonly", "no"]).await;
    let mut pair = Pair::on(&redis, str::to_owned).await;
    let limit = setting("RUANG_SIM_SECONDS").map_or(A_WHILE, Duration::from_secs);
    let (began, first) = (Instant::now(), setting("RUANG_SIM_FIRST").unwrap_or(1));
    let mut seed = setting("RUANG_SIM_SEED").unwrap_or(first);
    let mut count = 0;
    while began.elapsed() < limit && (count == 0 || setting("RUANG_SIM_SEED").is_none()) {
        let calls = calls(seed, CALLS);
        if let Err(difference) = pair.run(&calls).await {
            panic!("replay with RUANG_SIM_SEED={seed}\n{}", shortest(&mut pair, calls, difference).await);
        }
        (seed, count) = (seed + 1, count + CALLS);
    }
    println!("{count} calls in {:.1} s, from seed {first} on", began.elapsed().as_secs_f64());
}

/// Leaves out calls for as long as the engines differ.
async fn shortest(pair: &mut Pair, mut calls: Vec<Call>, mut difference: Difference) -> String {
    let mut size = calls.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < calls.len() {
            let mut fewer = calls.clone();
            fewer.drain(from..(from + size).min(calls.len()));
            match pair.run(&fewer).await {
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

/// In every test run a few of them; all with `make mutants`.
#[tokio::test]
async fn mutants_of_the_scripts_are_found() {
    let redis = Redis::start_with(&["--appendonly", "no"]).await;
    let mut mutants = Mutant::all();
    let total = mutants.len();
    if setting("RUANG_MUTANTS").is_none() {
        mutants = mutants.into_iter().filter(|mutant| !is_explained(mutant)).step_by(total / SOME).collect();
    }
    let (mut survivors, count) = (BTreeSet::new(), mutants.len());
    for mutant in mutants {
        let mut pair = Pair::on(&redis, |script| mutant.edit(script)).await;
        let mut is_found = false;
        for seed in 1..=SEQUENCES {
            is_found = pair.run(&calls(seed, CALLS)).await.is_err();
            if is_found {
                break;
            }
        }
        if !is_found {
            if !is_explained(&mutant) {
                println!("survives: {}", mutant.name());
            }
            survivors.insert(mutant.name());
        }
    }
    println!("{count} of {total} mutants, {} survive", survivors.len());
    survivors.retain(|name| !explained().any(|(explained, _)| explained == name));
    assert!(survivors.is_empty(), "not found and not explained: {survivors:#?}");
}

fn is_explained(mutant: &Mutant) -> bool {
    explained().any(|(name, _)| name == mutant.name())
}

/// Lines `mutant  #  reason`.
fn explained() -> impl Iterator<Item = (&'static str, &'static str)> {
    EXPLAINED.lines().filter_map(|line| line.split_once("  #  "))
}
