//! What clients that mean harm cost the honest ones.

use serde_json::json;

use crate::{
    options::Options,
    process::Failure,
    report::{Line, median},
    stage::{Pace, Stage},
};

const RATE: f64 = 5.0;

/// Five thousand clients, a tenth of which mean harm: the others' p99, with and without them.
pub fn hostile(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "hostile";
    let clients = options.clients(5000);
    let honest = clients - clients / 10;
    let mut ruang = Stage::with_clients(&options.ruang(2), honest)?;
    let pace = Pace { rate: RATE, senders: 20.min(honest), seconds: options.seconds() };
    let rounds = options.rounds().max(2);
    let without = (0..rounds).map(|_| ruang.run(pace)).collect::<Result<Vec<_>, _>>()?;
    let harm = ruang.clients(clients - honest, 0.0);
    ruang.driver.hostile(harm)?;
    let with = (0..rounds).map(|_| ruang.run(pace)).collect::<Result<Vec<_>, _>>()?;
    let [quiet, beside] = [&without, &with].map(|all| median(all.iter().map(|one| one.latency.p99)));
    let what = format!("p99 of {honest} beside {} hostile ÷ without ({beside:.1} ÷ {quiet:.1} ms)", clients - honest);
    let line = Line::new(ROW, what, beside / quiet, "").at_most(1.5, 1.2).checked(&without).checked(&with);
    Ok(vec![line.made_of(json!({ "without": without, "with": with }))])
}
