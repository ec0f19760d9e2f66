//! All clients are disconnected at once and reconnect.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use crate::{
    generator::request::StormResult,
    members,
    options::Options,
    process::Failure,
    report::Line,
    setup::{ATTEMPTS, Pace, Setup},
    wait,
};

/// Commands that read the log of messages.
const LOG_READS: [&str; 3] = ["xrange", "xrevrange", "xread"];
/// Time within which rosters become equal, with a tolerance for the requests.
const ROSTERS_WITHIN: Duration = Duration::from_secs(10);

/// Ten thousand clients lose their connection while one client keeps sending.
pub fn storm(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "storm";
    let clients = options.clients(10_000);
    let mut ruang = Setup::with_clients(&options.ruang(2), clients)?;
    let cookie = ruang.opened.as_ref().map(|opened| opened.cookie.clone()).unwrap_or_default();
    let (mut stormed, mut calls) = run_storm(&mut ruang)?;
    for _ in 1..ATTEMPTS {
        if stormed.stats.kept_up() {
            break;
        }
        (stormed, calls) = run_storm(&mut ruang)?;
    }
    let targets = &ruang.targets;
    let equal = wait::within(ROSTERS_WITHIN, "rosters are equal", || {
        let rosters =
            targets.iter().map(|target| members::names(*target, &cookie)).collect::<Result<Vec<_>, _>>().ok()?;
        rosters.iter().all(|roster| roster.len() == clients && *roster == rosters[0]).then_some(())
    });
    let reads = LOG_READS.iter().filter_map(|name| calls.get(*name)).sum::<u64>();
    let lost = stormed.clients.saturating_sub(stormed.recovered);
    let back = Line::new(ROW, format!("{clients} cut at once and back"), stormed.seconds, "s")
        .at_most(6.0, 3.0)
        .require(lost == 0, format!("{lost} clients did not recover the missed messages"))
        .require(stormed.wrong == 0, format!("{} messages came twice, out of order or never", stormed.wrong))
        .require(equal.is_ok(), "the rosters are not equal and full")
        .unless_saturated(&stormed.stats);
    let all = calls.values().sum::<u64>();
    let each = Line::new(
        ROW,
        "  commands in Redis for each client, sessions and claims among them",
        all as f64 / clients as f64,
        "",
    );
    let log = Line::new(ROW, "  reads of the log in Redis, any number of clients", reads as f64, "")
        .with_detail(json!(calls));
    Ok(vec![back.with_detail(stormed), log, each])
}

/// Runs a storm; returns its result and the number of Redis commands meanwhile.
fn run_storm(ruang: &mut Setup) -> Result<(StormResult, BTreeMap<String, u64>), Failure> {
    let redis = ruang.redis.as_ref().ok_or("no Redis")?;
    let before = redis.calls()?;
    let load = ruang.load(Pace { rate: 5.0, senders: 1, seconds: 2.0 });
    let stormed = ruang.driver.storm(load)?;
    Ok((stormed, since(&before, &redis.calls()?)))
}

fn since(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let more = |(name, calls): (&String, &u64)| {
        let calls = calls - before.get(name).unwrap_or(&0);
        (calls > 0).then(|| (name.clone(), calls))
    };
    after.iter().filter_map(more).collect()
}
