//! CPU per message and client while a part of the clients is hidden, in turn with the floor's.

use serde_json::json;

use super::steady::{SENDERS, cost};
use crate::{
    options::Options,
    process::Failure,
    report::{Line, median},
    setup::{Pace, ServerKind, Setup},
};

const ROW: &str = "attention";
const RATE: f64 = 20.0;
/// Shares of hidden clients, and the bar and aim of each.
const SHARES: [(f64, Option<(f64, f64)>); 4] =
    [(0.0, Some((1.4, 1.15))), (0.5, None), (0.7, Some((0.6, 0.45))), (0.9, None)];
/// Milliseconds within which every frame reaches a hidden client.
const HIDDEN_MS: f64 = 1100.0;

/// A thousand clients, twenty messages per second.
pub fn attention(options: &Options) -> Result<Vec<Line>, Failure> {
    let clients = options.clients(1000);
    let pace = Pace { rate: RATE, senders: SENDERS.min(clients), seconds: options.seconds() };
    let mut floor = Setup::with_clients(&ServerKind::Floor, clients)?;
    let mut ruang = Setup::with_clients(&options.ruang(2), clients)?;
    let (mut least, mut ours) = (Vec::new(), SHARES.map(|_| Vec::new()));
    for _ in 0..options.rounds() {
        least.push(floor.run(pace)?);
        for ((share, _), ours) in SHARES.iter().zip(&mut ours) {
            ruang.driver.hide(*share)?;
            ours.push(ruang.run(pace)?);
        }
    }
    let mut lines = vec![cost(ROW, "the floor", &floor, &least)];
    for ((share, bars), ours) in SHARES.iter().zip(&ours) {
        let ratios = ours.iter().zip(&least).map(|(ours, least)| ruang.cost(ours) / floor.cost(least));
        let percent = share * 100.0;
        let latest = median(ours.iter().map(|one| one.hidden.max));
        let p99 = median(ours.iter().map(|one| one.latency.p99));
        let what = format!(
            "CPU per delivery ÷ floor's, {percent} % hidden (p99 of the visible {p99:.1} ms, latest hidden {latest:.0} ms)"
        );
        let line = Line::new(ROW, what, median(ratios), "")
            .require(latest <= HIDDEN_MS, format!("a hidden client waited for {latest:.0} ms"))
            .checked(ours)
            .with_detail(json!({ "floor": least, "ruang": ours }));
        lines.push(if let Some((bar, aim)) = bars { line.at_most(*bar, *aim) } else { line });
    }
    Ok(lines)
}
