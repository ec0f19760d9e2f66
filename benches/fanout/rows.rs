//! The rows of the report, each with what it promises.

mod hostile;
mod idle;
mod instances;
mod last;
mod latency;
mod peers;
mod presence;
mod slow;
mod steady;
mod storm;
mod telemetry;

use crate::{options::Options, process::Failure, report::Line};

/// Something to measure.
pub struct Row {
    pub name: &'static str,
    pub measure: fn(&Options) -> Result<Vec<Line>, Failure>,
}

/// The row that needs other programs built, and so is measured only when it is asked for.
pub const PEERS: &str = "peers";

/// In the order in which they are measured.
pub const ALL: &[Row] = &[
    Row { name: "calm", measure: steady::calm },
    Row { name: "crowd", measure: steady::crowd },
    Row { name: "burst", measure: steady::burst },
    Row { name: "idle", measure: idle::idle },
    Row { name: "last", measure: last::last },
    Row { name: "latency", measure: latency::latency },
    Row { name: "storm", measure: storm::storm },
    Row { name: "presence", measure: presence::presence },
    Row { name: "slow", measure: slow::slow },
    Row { name: "hostile", measure: hostile::hostile },
    Row { name: "telemetry", measure: telemetry::telemetry },
    Row { name: "instances", measure: instances::instances },
    Row { name: PEERS, measure: peers::peers },
];
