//! The cost of hostile clients for the others.

use serde_json::json;

use crate::{
    options::Options,
    process::Failure,
    report::{Line, median},
    setup::{Pace, Setup},
};

const RATE: f64 = 5.0;

/// Five thousand clients, a tenth of them hostile: the others' p99, with and without them.
pub fn hostile(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "hostile";
    let clients = options.clients(5000);
    let honest = clients - clients / 10;
    let mut ruang = Setup::with_clients(&options.ruang(2), honest)?;
    let pace = Pace { rate: RATE, senders: 20.min(honest), seconds: options.seconds() };
    let rounds = options.rounds().max(2);
    let without = (0..rounds).map(|_| ruang.run(pace)).collect::<Result<Vec<_>, _>>()?;
    let before = ruang.resident_bytes()?;
    let attack = ruang.clients(clients - honest, 0.0);
    ruang.driver.hostile(attack)?;
    let with = (0..rounds).map(|_| ruang.run(pace)).collect::<Result<Vec<_>, _>>()?;
    let after = ruang.resident_bytes()?;
    let [quiet, beside] = [&without, &with].map(|all| median(all.iter().map(|one| one.latency.p99)));
    let what = format!("p99 of {honest} beside {} hostile ÷ without ({beside:.1} ÷ {quiet:.1} ms)", clients - honest);
    let line = Line::new(ROW, what, beside / quiet, "").at_most(2.0, 1.2).checked(&without).checked(&with);
    let what = format!("  resident memory afterwards ÷ before ({:.0} ÷ {:.0} MB)", after / 1e6, before / 1e6);
    let memory = Line::new(ROW, what, after / before, "").at_most(1.5, 1.1);
    Ok(vec![line.with_detail(json!({ "without": without, "with": with })), memory])
}
