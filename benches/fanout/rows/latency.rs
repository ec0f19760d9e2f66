//! The latency between clients of two instances, compared with Redis' own publish and subscribe.

use serde_json::json;

use crate::{
    options::Options,
    process::Failure,
    report::{Line, median},
    setup::{Pace, ServerKind, Setup},
};

/// A hundred clients, half of them on each instance, and a hundred subscribers of Redis.
pub fn latency(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "latency";
    let clients = options.clients(100);
    let mut redis = Setup::with_clients(&ServerKind::Redis, clients)?;
    let mut ruang = Setup::with_clients(&options.ruang(2), clients)?;
    let pace = Pace { rate: 20.0, senders: 20.min(clients), seconds: options.seconds() };
    let (mut least, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds() {
        least.push(redis.run(pace)?);
        ours.push(ruang.run(pace)?);
    }
    let ratios = ours.iter().zip(&least).map(|(ours, least)| ours.cross.p99 / least.latency.p99);
    let ruang = median(ours.iter().map(|one| one.cross.p99));
    let redis = median(least.iter().map(|one| one.latency.p99));
    let what = format!("p99 across instances ÷ Redis' own ({ruang:.2} ÷ {redis:.2} ms)");
    let line = Line::new(ROW, what, median(ratios), "").at_most(2.0, 1.5).checked(&least).checked(&ours);
    Ok(vec![line.with_detail(json!({ "redis": least, "ruang": ours }))])
}
