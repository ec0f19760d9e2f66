//! The rows of the report.

mod arrivals;
mod attention;
mod deflate;
mod hostile;
mod idle;
mod instances;
mod large;
mod last;
mod latency;
mod page;
mod peers;
mod presence;
mod publish;
mod slow;
mod steady;
mod storm;
mod telemetry;

use crate::{options::Options, process::Failure, report::Line};

/// A row to measure.
pub struct Row {
    pub name: &'static str,
    pub measure: fn(&Options) -> Result<Vec<Line>, Failure>,
}

/// The row that builds other programs; measured only on request.
pub const PEERS: &str = "peers";

/// All rows, in the order of measurement.
pub const ALL: &[Row] = &[
    Row { name: "calm", measure: steady::calm },
    Row { name: "crowd", measure: steady::crowd },
    Row { name: "burst", measure: steady::burst },
    Row { name: "attention", measure: attention::attention },
    Row { name: "idle", measure: idle::idle },
    Row { name: "last", measure: last::last },
    Row { name: "latency", measure: latency::latency },
    Row { name: "storm", measure: storm::storm },
    Row { name: "arrivals", measure: arrivals::arrivals },
    Row { name: "tokens", measure: arrivals::tokens },
    Row { name: "newcomers", measure: arrivals::newcomers },
    Row { name: "page", measure: page::page },
    Row { name: "deflate", measure: deflate::deflate },
    Row { name: "publish", measure: publish::publish },
    Row { name: "presence", measure: presence::presence },
    Row { name: "slow", measure: slow::slow },
    Row { name: "hostile", measure: hostile::hostile },
    Row { name: "telemetry", measure: telemetry::telemetry },
    Row { name: "instances", measure: instances::instances },
    Row { name: "large", measure: large::large },
    Row { name: PEERS, measure: peers::peers },
];
