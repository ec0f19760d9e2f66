//! The time until the last of very many clients has a message.

use serde_json::json;

use crate::{
    options::Options,
    process::Failure,
    report::{Line, median},
    setup::{Pace, ServerKind, Setup},
};

/// Low enough that all clients have a message before the next one.
const RATE: f64 = 1.0;

/// One message at a time to ten thousand clients.
pub fn last(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "last";
    let clients = options.clients(10_000);
    let mut floor = Setup::with_clients(&ServerKind::Floor, clients)?;
    let mut ruang = Setup::with_clients(&options.ruang(2), clients)?;
    let pace = Pace { rate: RATE, senders: 20.min(clients), seconds: options.seconds() };
    let (mut least, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds() {
        least.push(floor.run(pace)?);
        ours.push(ruang.run(pace)?);
    }
    let ratios = ours.iter().zip(&least).map(|(ours, least)| ours.last.p50 / least.last.p50);
    let (floor, ruang) = [&least, &ours].map(|all| median(all.iter().map(|one| one.last.p50))).into();
    let what = format!("last of {clients} clients has it ÷ floor's ({ruang:.1} ÷ {floor:.1} ms)");
    let line = Line::new(ROW, what, median(ratios), "").at_most(1.3, 1.1).checked(&least).checked(&ours);
    Ok(vec![line.with_detail(json!({ "floor": least, "ruang": ours }))])
}
