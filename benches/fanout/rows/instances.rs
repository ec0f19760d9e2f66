//! The same clients and load on more instances.

use serde_json::json;

use super::steady::cost;
use crate::{
    options::Options,
    process::Failure,
    report::{Line, median},
    setup::{Pace, Setup},
};

/// A thousand clients on four instances, compared with as many on one.
pub fn instances(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "instances";
    let clients = options.clients(1000);
    let mut one = Setup::with_clients(&options.ruang(1), clients)?;
    let mut four = Setup::with_clients(&options.ruang(4), clients)?;
    let pace = Pace { rate: 20.0, senders: 20.min(clients), seconds: options.seconds() };
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds() {
        alone.push(one.run(pace)?);
        together.push(four.run(pace)?);
    }
    let ratios = together.iter().zip(&alone).map(|(together, alone)| four.cost(together) / one.cost(alone));
    let line = Line::new(ROW, format!("CPU per delivery, 4 instances ÷ 1, {clients} × 20 msg/s"), median(ratios), "")
        .at_most(1.15, 1.05)
        .checked(&alone)
        .checked(&together)
        .with_detail(json!({ "one": alone, "four": together }));
    Ok(vec![line, cost(ROW, "1 instance", &one, &alone), cost(ROW, "4 instances", &four, &together)])
}
