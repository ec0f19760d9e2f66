//! The cost of announcing joins as the room grows.

use serde_json::json;

use crate::{options::Options, process::Failure, report::Line, setup::Setup};

const SIZES: [usize; 5] = [100, 300, 1000, 3000, 10_000];
/// The same for every size: a server that sends one frame per join then shows quadratic growth.
const JOINING_SECONDS: f64 = 20.0;
/// Factor by which joining may take longer before the sizes are not comparable.
const SLACK: f64 = 1.25;

/// N people join within the same time, for N from a hundred to ten thousand.
pub fn presence(options: &Options) -> Result<Vec<Line>, Failure> {
    const ROW: &str = "presence";
    let over = if options.quick { 5.0 } else { JOINING_SECONDS };
    let (mut points, mut late) = (Vec::new(), None);
    for size in SIZES.into_iter().filter(|size| *size <= options.clients(10_000)) {
        let mut ruang = Setup::empty(&options.ruang(2))?;
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
            .with_detail(json!(points));
    line.refused.extend(late);
    Ok(vec![line])
}

/// Returns the slope of the regression line.
fn slope(points: Vec<(f64, f64)>) -> f64 {
    let count = points.len() as f64;
    let middle = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (middle(|point| point.0), middle(|point| point.1));
    let along = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>();
    along / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}
