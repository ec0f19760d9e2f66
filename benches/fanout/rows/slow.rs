//! The cost of one slow client for the others.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    options::Options,
    process::{self, Failure},
    report::{Line, median},
    setup::{Pace, Setup},
    wait,
};

/// High enough to fill the kernel's buffers soon.
const RATE: f64 = 50.0;
/// Limit until the slow client is disconnected: those buffers, then the protocol's ten seconds.
const DISCONNECT_LIMIT: Duration = Duration::from_secs(60);

/// A thousand clients, with and without another that reads one byte per second.
pub fn slow(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "slow";
    let clients = options.clients(1000);
    let mut ruang = Setup::with_clients(&options.ruang(2), clients)?;
    let pace = Pace { rate: RATE, senders: 20.min(clients), seconds: 4.0 };
    let without = (0..options.rounds().max(2)).map(|_| ruang.run(pace)).collect::<Result<Vec<_>, _>>()?;
    let ids = ruang.server_ids();
    let open = descriptors(&ids)?;
    let slow = ruang.clients(1, 0.0);
    ruang.driver.slow(slow)?;
    let began = Instant::now();
    let watcher = thread::spawn(move || {
        let is_cut = || descriptors(&ids).is_ok_and(|now| now <= open).then(|| began.elapsed());
        wait::within(DISCONNECT_LIMIT, "the slow client is disconnected", is_cut)
    });
    let mut with = vec![ruang.run(pace)?];
    while !watcher.is_finished() {
        with.push(ruang.run(pace)?);
    }
    let cut = watcher.join().map_err(|_| "the watcher panicked")?;
    let [quiet, beside] = [&without, &with].map(|all| median(all.iter().map(|one| one.latency.p99)));
    let what = format!("p99 of {clients} beside a slow client ÷ without ({beside:.1} ÷ {quiet:.1} ms)");
    let line = Line::new(ROW, what, beside / quiet, "")
        .at_most(1.1, 1.02)
        .require(cut.is_ok(), format!("the slow client was not disconnected within {DISCONNECT_LIMIT:?}"))
        .checked(&without)
        .checked(&with)
        .with_detail(json!({ "without": without, "with": with }));
    let seconds = cut.unwrap_or_default().as_secs_f64();
    Ok(vec![line, Line::new(ROW, "  the slow client is cut after", seconds, "s")])
}

fn descriptors(ids: &[u32]) -> std::io::Result<usize> {
    ids.iter().map(|id| process::descriptors(*id)).sum()
}
