//! What being watched costs the fan-out.

use serde_json::json;

use super::steady::{SENDERS, cost};
use crate::{
    collector,
    options::Options,
    process::Failure,
    report::{Line, median},
    stage::{Pace, Stage},
};

/// A thousand clients, twenty messages a second: with metrics for Prometheus, and metrics and every message's trace sent
/// to a collector, beside without any of it, in turn.
pub fn telemetry(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "telemetry";
    let clients = options.clients(1000);
    let settings = [
        ("RUANG_METRICS_LISTEN", "127.0.0.1:0".to_owned()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector::start()?),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_on".to_owned()),
    ];
    let mut unseen = Stage::with_clients(&options.ruang(2), clients)?;
    let mut seen = Stage::with_clients(&options.ruang(2).set(settings), clients)?;
    let pace = Pace { rate: 20.0, senders: SENDERS.min(clients), seconds: options.seconds() };
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..options.rounds() {
        // Whoever comes first in a round has it no easier.
        if round % 2 == 0 {
            without.push(unseen.run(pace)?);
            with.push(seen.run(pace)?);
        } else {
            with.push(seen.run(pace)?);
            without.push(unseen.run(pace)?);
        }
    }
    let ratios = with.iter().zip(&without).map(|(with, without)| seen.cost(with) / unseen.cost(without));
    let what = format!("CPU per delivery with metrics and all traces ÷ without, {clients} × 20 msg/s");
    let ratio = Line::new(ROW, what, median(ratios), "")
        .at_most(1.02, 1.01)
        .checked(&without)
        .checked(&with)
        .made_of(json!({ "without": without, "with": with }));
    Ok(vec![ratio, cost(ROW, "without", &unseen, &without), cost(ROW, "with", &seen, &with)])
}
