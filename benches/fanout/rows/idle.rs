//! The cost of an idle client: memory and the CPU of heartbeats.

use serde_json::json;

use crate::{
    options::Options,
    process::Failure,
    report::Line,
    setup::{Pace, Setup},
};

/// Seconds for the servers to free the memory of joining.
const SETTLE_SECONDS: f64 = 5.0;
/// Two heartbeats of every client and many of the servers.
const WATCHED_SECONDS: f64 = 50.0;

/// Ten thousand joined clients, compared with a tenth of them.
pub fn idle(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "idle";
    let many = options.clients(10_000);
    let few = many / 10;
    let mut ruang = Setup::empty(&options.ruang(2))?;
    let first = ruang.add(few, 0.0)?;
    ruang.run(Pace::silent(SETTLE_SECONDS))?;
    let small = ruang.resident_bytes()?;
    ruang.add(many - few, 0.0)?;
    ruang.run(Pace::silent(SETTLE_SECONDS))?;
    let large = ruang.resident_bytes()?;
    let watched = ruang.run(Pace::silent(if options.quick { 5.0 } else { WATCHED_SECONDS }))?;
    let each = (large - small) / 1024.0 / (many - few) as f64;
    let memory = Line::new(ROW, format!("resident memory per client, slope {few} … {many}"), each, "KiB")
        .at_most(6.0, 3.0)
        .with_detail(json!({ "few_bytes": small, "many_bytes": large, "opened": first }));
    let used = ruang.servers_cpu(&watched.cpu) * 1e6 / watched.seconds / many as f64;
    let cpu = Line::new(ROW, format!("CPU per client and second, {many} idle"), used, "µs")
        .at_most(3.0, 1.0)
        .checked(std::slice::from_ref(&watched))
        .with_detail(watched);
    Ok(vec![memory, cpu])
}
