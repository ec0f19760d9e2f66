//! The cost of telemetry.

use serde_json::json;

use super::steady::SENDERS;
use crate::{
    collector,
    generator::request::LoadResult,
    options::Options,
    process::Failure,
    report::{Line, median},
    setup::{Pace, ServerKind, Setup},
};

/// Few clients and many messages: telemetry's cost is per message, not per delivery, and so is a large part of the whole.
const FEW: usize = 20;
const OFTEN: f64 = 200.0;
/// Many clients and few messages: telemetry's cost must be a small part of this.
const MANY: usize = 1000;
const CALMLY: f64 = 20.0;

/// Measures the CPU of a message with metrics for Prometheus and all metrics and traces sent to a collector, less the CPU without,
/// as a share of a message's CPU with a thousand clients. There the difference itself would be lost in the variation
/// between rounds. Every round starts new processes, since processes differ.
pub fn telemetry(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "telemetry";
    let (plain, observed) = (options.ruang(2), options.ruang(2).set(everything()?));
    let often = Load { clients: FEW, rate: OFTEN, seconds: options.seconds() };
    let (mut without, mut with, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..options.rounds() {
        // The order alternates, so that the first has no advantage.
        if round % 2 == 0 {
            without.push(often.on(&plain)?);
            with.push(often.on(&observed)?);
        } else {
            with.push(often.on(&observed)?);
            without.push(often.on(&plain)?);
        }
        whole.push(Load { clients: options.clients(MANY), rate: CALMLY, seconds: options.seconds() }.on(&plain)?);
    }
    let differences: Vec<f64> = with.iter().zip(&without).map(|(with, without)| with.cost - without.cost).collect();
    let ((telemetry, error), whole_cost) = (mean(&differences), median(whole.iter().map(|one| one.cost)));
    let what = format!("CPU of metrics and all traces ÷ all of a message's to {} clients", options.clients(MANY));
    let mut share = Line::new(ROW, what, telemetry / whole_cost, "").at_most(0.02, 0.01);
    for costs in [&without, &with, &whole] {
        share = share.checked(&costs.iter().map(|one| one.measured.clone()).collect::<Vec<_>>());
    }
    let detail = json!({ "differences": differences, "standard_error": error });
    Ok(vec![
        share.with_detail(detail),
        Line::new(ROW, "  of a message: telemetry's", telemetry, "µs"),
        Line::new(ROW, "  standard error of that", error.unwrap_or(f64::NAN), "µs"),
        Line::new(ROW, format!("  all without, to {FEW} clients"), median(without.iter().map(|one| one.cost)), "µs"),
        Line::new(ROW, format!("  all without, to {} clients", options.clients(MANY)), whole_cost, "µs"),
    ])
}

struct Load {
    clients: usize,
    rate: f64,
    seconds: f64,
}

struct Cost {
    /// The servers' CPU microseconds per message.
    cost: f64,
    measured: LoadResult,
}

impl Load {
    /// Runs the load on new servers.
    fn on(&self, kind: &ServerKind) -> Result<Cost, Failure> {
        let mut setup = Setup::with_clients(kind, self.clients)?;
        let measured = setup.run(Pace { rate: self.rate, senders: SENDERS, seconds: self.seconds })?;
        Ok(Cost { cost: setup.servers_cpu(&measured.cpu) * 1e6 / measured.sent.max(1) as f64, measured })
    }
}

/// Returns the mean and its standard error, which is unknown after one round.
fn mean(values: &[f64]) -> (f64, Option<f64>) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (values.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt()))
}

/// Settings that serve metrics and export all metrics and traces.
fn everything() -> Result<[(&'static str, String); 3], Failure> {
    Ok([
        ("RUANG_METRICS_LISTEN", "127.0.0.1:0".to_owned()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector::start()?),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_on".to_owned()),
    ])
}
