//! CPU per delivery under a steady load, in turn with the floor's.

use serde_json::json;

use crate::{
    generator::request::LoadResult,
    options::Options,
    process::Failure,
    report::{Line, median},
    setup::{Pace, ServerKind, Setup},
};

/// Number of clients that send in turn.
pub const SENDERS: usize = 20;

/// A thousand clients, twenty messages per second.
pub fn calm(options: &Options) -> Result<Vec<Line>, Failure> {
    beside_the_floor("calm", options, options.clients(1000), 20.0)
}

/// Ten thousand clients, five messages per second.
pub fn crowd(options: &Options) -> Result<Vec<Line>, Failure> {
    beside_the_floor("crowd", options, options.clients(10_000), 5.0)
}

/// A thousand clients and far more messages than people can read: frames that wait for one socket may be sent together.
pub fn burst(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "burst";
    let clients = options.clients(1000);
    let mut floor = Setup::with_clients(&ServerKind::Floor, clients)?;
    let mut ruang = Setup::with_clients(&options.ruang(2), clients)?;
    let seconds = options.seconds();
    let (calm, busy) =
        (Pace { rate: 20.0, senders: SENDERS, seconds }, Pace { rate: 400.0, senders: SENDERS, seconds });
    let (mut least, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds() {
        least.push(floor.run(calm)?);
        ours.push(ruang.run(busy)?);
    }
    let ratios = ours.iter().zip(&least).map(|(ours, least)| ruang.cost(ours) / floor.cost(least));
    let p99 = median(ours.iter().map(|one| one.latency.p99));
    let ratio = Line::new(ROW, format!("CPU per delivery at {clients} × 400 ÷ floor's at × 20"), median(ratios), "")
        .at_most(0.5, 0.25)
        .require(p99 <= 50.0, format!("p99 is {p99:.0} ms, not within 50"))
        .checked(&least)
        .checked(&ours)
        .with_detail(json!({ "floor": least, "ruang": ours }));
    Ok(vec![ratio, cost(ROW, "the floor, calm", &floor, &least), cost(ROW, "ruang", &ruang, &ours)])
}

fn beside_the_floor(row: &'static str, options: &Options, clients: usize, rate: f64) -> Result<Vec<Line>, Failure> {
    let mut floor = Setup::with_clients(&ServerKind::Floor, clients)?;
    let mut ruang = Setup::with_clients(&options.ruang(2), clients)?;
    let pace = Pace { rate, senders: SENDERS.min(clients), seconds: options.seconds() };
    let (mut least, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds() {
        least.push(floor.run(pace)?);
        ours.push(ruang.run(pace)?);
    }
    let ratios = ours.iter().zip(&least).map(|(ours, least)| ruang.cost(ours) / floor.cost(least));
    let load = format!("{clients} × {rate} msg/s");
    let ratio = Line::new(row, format!("CPU per delivery ÷ floor's, {load}"), median(ratios), "")
        .at_most(1.4, 1.15)
        .checked(&least)
        .checked(&ours)
        .with_detail(json!({ "floor": least, "ruang": ours }));
    Ok(vec![
        ratio,
        cost(row, "the floor", &floor, &least),
        cost(row, "ruang", &ruang, &ours),
        redis_cost(row, &ruang, &ours),
    ])
}

/// Returns the cost per delivery, for information.
pub fn cost(row: &'static str, name: &str, setup: &Setup, measured: &[LoadResult]) -> Line {
    let latency = median(measured.iter().map(|one| one.latency.p99));
    let what = format!("  {name}: CPU per delivery (p99 {latency:.1} ms)");
    Line::new(row, what, median(measured.iter().map(|one| setup.cost(one))), "µs").checked(measured)
}

fn redis_cost(row: &'static str, setup: &Setup, measured: &[LoadResult]) -> Line {
    let each = |one: &LoadResult| {
        (one.cpu.iter().sum::<f64>() - setup.servers_cpu(&one.cpu)) * 1e6 / one.deliveries.max(1) as f64
    };
    Line::new(row, "  Redis: CPU per delivery", median(measured.iter().map(each)), "µs")
}
