//! Messages per second that one Redis and several instances take.

use serde_json::json;

use crate::{
    generator::request::LoadResult,
    options::Options,
    process::Failure,
    report::Line,
    setup::{Pace, Setup},
};

const ROW: &str = "publish";
const INSTANCES: usize = 4;
const TALKERS: usize = 200;
const LISTENERS: usize = 50;
/// Messages per second, in all.
const RATES: [f64; 7] = [500.0, 1000.0, 2000.0, 3000.0, 5000.0, 7500.0, 10_000.0];
/// The highest p99 in milliseconds at which messages count as taken.
const P99_MS: f64 = 100.0;
/// Bar and aim of the time between two messages, in microseconds.
const BARS: (f64, f64) = (1000.0, 100.0);

/// Talkers in a room with listeners, faster and faster, until messages are missing.
pub fn publish(options: &Options) -> Result<Vec<Line>, Failure> {
    let mut ruang = Setup::with_clients(&options.ruang(INSTANCES), TALKERS + LISTENERS)?;
    let (mut best, mut lines) = (None, Vec::new());
    for rate in RATES {
        let load = ruang.load(Pace { rate, senders: TALKERS, seconds: options.seconds() });
        let measured = ruang.driver.load(load)?;
        let servers = ruang.servers_cpu(&measured.cpu);
        let redis = measured.cpu.iter().sum::<f64>() - servers;
        let [servers, redis, generator] =
            [servers / measured.seconds, redis / measured.seconds, measured.stats.cpu].map(|cores| cores * 100.0);
        let what = format!(
            "  at {rate} msg/s: {:.0} taken, p99; % of a core: servers {servers:.0}, Redis {redis:.0}, clients {generator:.0}",
            measured.sent as f64 / measured.seconds
        );
        lines.push(Line::new(ROW, what, measured.latency.p99, "ms").with_detail(&measured));
        if !is_complete(&measured) {
            break;
        }
        if measured.latency.p99 <= P99_MS {
            best = Some(rate);
        }
    }
    let every = best.map_or(f64::INFINITY, |rate| 1e6 / rate);
    let what = format!(
        "{} msg/s to {} people within {P99_MS} ms: between two messages",
        best.unwrap_or_default(),
        TALKERS + LISTENERS
    );
    let detail = json!({ "talkers": TALKERS, "listeners": LISTENERS, "instances": INSTANCES });
    lines.insert(0, Line::new(ROW, what, every, "µs").at_most(BARS.0, BARS.1).with_detail(detail));
    Ok(lines)
}

fn is_complete(measured: &LoadResult) -> bool {
    measured.missing == 0 && measured.lost == 0
}
