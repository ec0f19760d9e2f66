//! What being watched costs the fan-out.

use serde_json::json;

use super::steady::SENDERS;
use crate::{
    collector,
    generator::order::Measured,
    options::Options,
    process::Failure,
    report::{Line, median},
    stage::{Kind, Pace, Stage},
};

/// Few clients and many messages: telemetry's cost, which is a message's and not a delivery's, is a good part of the whole.
const FEW: usize = 20;
const OFTEN: f64 = 200.0;
/// Many clients, a message each now and then: of this it is to be a small part.
const MANY: usize = 1000;
const CALMLY: f64 = 20.0;

/// What a message costs with metrics for Prometheus, and metrics and every message's trace sent to a collector, less what it
/// costs without; as a share of what a message to a thousand clients costs. There, the difference itself would be lost
/// in what one round differs by from the next. Processes are new in each, for what is theirs alone.
pub fn telemetry(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "telemetry";
    let (unseen, seen) = (options.ruang(2), options.ruang(2).set(everything()?));
    let often = Load { clients: FEW, rate: OFTEN, seconds: options.seconds() };
    let (mut without, mut with, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..options.rounds() {
        // Whoever comes first in a round has it no easier.
        if round % 2 == 0 {
            without.push(often.on(&unseen)?);
            with.push(often.on(&seen)?);
        } else {
            with.push(often.on(&seen)?);
            without.push(often.on(&unseen)?);
        }
        whole.push(Load { clients: options.clients(MANY), rate: CALMLY, seconds: options.seconds() }.on(&unseen)?);
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
        share.made_of(detail),
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
    /// Microseconds of the servers' CPU for each message.
    cost: f64,
    measured: Measured,
}

impl Load {
    /// On new servers.
    fn on(&self, kind: &Kind) -> Result<Cost, Failure> {
        let mut stage = Stage::with_clients(kind, self.clients)?;
        let measured = stage.run(Pace { rate: self.rate, senders: SENDERS, seconds: self.seconds })?;
        Ok(Cost { cost: stage.servers_cpu(&measured.cpu) * 1e6 / measured.sent.max(1) as f64, measured })
    }
}

/// The mean, and by how much it is likely off: nobody knows after one round.
fn mean(values: &[f64]) -> (f64, Option<f64>) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (values.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt()))
}

/// Metrics to be asked for, and metrics and every message's trace sent.
fn everything() -> Result<[(&'static str, String); 3], Failure> {
    Ok([
        ("RUANG_METRICS_LISTEN", "127.0.0.1:0".to_owned()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector::start()?),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_on".to_owned()),
    ])
}
