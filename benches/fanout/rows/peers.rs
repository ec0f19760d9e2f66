//! The cost of other programs.

use serde_json::json;

use super::steady::{SENDERS, cost};
use crate::{
    options::Options,
    peers,
    process::Failure,
    report::{Line, median},
    setup::{Pace, ServerKind, Setup},
};

/// A thousand clients, twenty messages per second, on two instances of each peer, in turn with the floor.
pub fn peers(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "peers";
    let clients = options.clients(1000);
    let pace = Pace { rate: 20.0, senders: SENDERS.min(clients), seconds: options.seconds() };
    let mut floor = Setup::with_clients(&ServerKind::Floor, clients)?;
    let mut lines = Vec::new();
    for (name, kind) in peers::build()? {
        let mut peer = Setup::with_clients(&kind, clients)?;
        let (mut least, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds() {
            least.push(floor.run(pace)?);
            theirs.push(peer.run(pace)?);
        }
        let ratios = theirs.iter().zip(&least).map(|(theirs, least)| peer.cost(theirs) / floor.cost(least));
        let what = format!("{name}: ratio to the floor, {clients} × 20 msg/s");
        let line = Line::new(ROW, what, median(ratios), "").checked(&least).checked(&theirs);
        lines.push(line.with_detail(json!({ "floor": least, "peer": theirs })));
        lines.push(cost(ROW, name, &peer, &theirs));
    }
    Ok(lines)
}
