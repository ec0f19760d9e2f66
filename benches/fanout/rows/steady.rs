//! CPU for each delivery under a steady load, beside the floor's, in turn.

use serde_json::json;

use crate::{
    generator::order::Measured,
    options::Options,
    process::Failure,
    report::{Line, median},
    stage::{Kind, Pace, Stage},
};

/// How many clients speak in turn.
pub const SENDERS: usize = 20;

/// A thousand clients, twenty messages a second.
pub fn calm(options: &Options) -> Result<Vec<Line>, Failure> {
    beside_the_floor("calm", options, options.clients(1000), 20.0)
}

/// Ten thousand clients, five messages a second.
pub fn crowd(options: &Options) -> Result<Vec<Line>, Failure> {
    beside_the_floor("crowd", options, options.clients(10_000), 5.0)
}

/// A thousand clients and far more messages than anybody reads: frames that wait for one socket may leave together.
pub fn burst(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "burst";
    let clients = options.clients(1000);
    let mut floor = Stage::with_clients(&Kind::Floor, clients)?;
    let mut ruang = Stage::with_clients(&options.ruang(2), clients)?;
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
        .only_if(p99 <= 50.0, format!("p99 is {p99:.0} ms, not within 50"))
        .checked(&least)
        .checked(&ours)
        .made_of(json!({ "floor": least, "ruang": ours }));
    Ok(vec![ratio, cost(ROW, "the floor, calm", &floor, &least), cost(ROW, "ruang", &ruang, &ours)])
}

fn beside_the_floor(row: &'static str, options: &Options, clients: usize, rate: f64) -> Result<Vec<Line>, Failure> {
    let mut floor = Stage::with_clients(&Kind::Floor, clients)?;
    let mut ruang = Stage::with_clients(&options.ruang(2), clients)?;
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
        .made_of(json!({ "floor": least, "ruang": ours }));
    Ok(vec![
        ratio,
        cost(row, "the floor", &floor, &least),
        cost(row, "ruang", &ruang, &ours),
        redis_cost(row, &ruang, &ours),
    ])
}

/// For information: what a delivery costs.
pub fn cost(row: &'static str, who: &str, stage: &Stage, measured: &[Measured]) -> Line {
    let latency = median(measured.iter().map(|one| one.latency.p99));
    let what = format!("  {who}: CPU per delivery (p99 {latency:.1} ms)");
    Line::new(row, what, median(measured.iter().map(|one| stage.cost(one))), "µs").checked(measured)
}

fn redis_cost(row: &'static str, stage: &Stage, measured: &[Measured]) -> Line {
    let each = |one: &Measured| {
        (one.cpu.iter().sum::<f64>() - stage.servers_cpu(&one.cpu)) * 1e6 / one.deliveries.max(1) as f64
    };
    Line::new(row, "  Redis: CPU per delivery", median(measured.iter().map(each)), "µs")
}
