//! What it costs to tell everybody who came, as more come.

use serde_json::json;

use crate::{options::Options, process::Failure, report::Line, stage::Stage};

const SIZES: [usize; 5] = [100, 300, 1000, 3000, 10_000];
/// The same for every number of people: a server that sends a frame for each of them is found out by that.
const JOINING_SECONDS: f64 = 20.0;
/// How much longer the joining may take until the numbers are no longer of the same kind.
const SLACK: f64 = 1.25;

/// N people join a room within the same time, for N from a hundred to ten thousand.
pub fn presence(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "presence";
    let over = if options.quick { 5.0 } else { JOINING_SECONDS };
    let (mut points, mut late) = (Vec::new(), None);
    for size in SIZES.into_iter().filter(|size| *size <= options.clients(10_000)) {
        let mut ruang = Stage::empty(&options.ruang(2))?;
        let opened = ruang.add(size, over)?;
        if opened.seconds > over * SLACK {
            late = Some(format!("{size} people took {:.0} s to join, not {over:.0}", opened.seconds));
        }
        points.push((size, opened));
    }
    let logs = points.iter().map(|(size, opened)| ((*size as f64).ln(), (opened.presence_bytes.max(1) as f64).ln()));
    let mut line =
        Line::new(ROW, "bytes of presence for N joins, slope of log against log N", slope(logs.collect()), "")
            .at_most(1.1, 1.05)
            .made_of(json!(points));
    line.refused.extend(late);
    Ok(vec![line])
}

/// Of the line that fits best.
fn slope(points: Vec<(f64, f64)>) -> f64 {
    let count = points.len() as f64;
    let middle = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (middle(|point| point.0), middle(|point| point.1));
    let along = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>();
    along / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}
