//! A chart of the cost per delivery.

use std::{fmt::Write, fs, path::Path};

use crate::{
    process::Failure,
    report::{Line, Report},
};

const ROW: usize = 26;
const BARS_AT: usize = 250;
const BARS_LONG: f64 = 380.0;

/// Writes `fanout.svg` into the directory, if there are costs to show.
pub fn write(report: &Report, out: &Path) -> Result<(), Failure> {
    let costs = report.lines.iter().filter(|line| line.is_cost() && matches!(line.row, "calm" | "peers"));
    let costs = costs.filter_map(|line| Some((name(line), line.value?))).collect::<Vec<_>>();
    if !costs.is_empty() {
        fs::write(out.join("fanout.svg"), picture(&costs))?;
    }
    Ok(())
}

fn name(line: &Line) -> &str {
    line.what.trim().split(':').next().unwrap_or_default()
}

/// Draws bars with names, readable on light and dark pages.
fn picture(costs: &[(&str, f64)]) -> String {
    let largest = costs.iter().map(|cost| cost.1).fold(f64::MIN_POSITIVE, f64::max);
    let height = (costs.len() + 1) * ROW + 10;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"14\" fill=\"#888\">\n<text x=\"8\" y=\"18\">CPU of the servers per delivery, µs (less is better)</text>\n"
    );
    for (at, (name, cost)) in costs.iter().enumerate() {
        let (top, long) = ((at + 1) * ROW + 4, cost / largest * BARS_LONG);
        let (line, end) = (top + 15, BARS_AT as f64 + long + 8.0);
        let _ = writeln!(svg, "<text x=\"8\" y=\"{line}\">{name}</text>");
        let _ = writeln!(
            svg,
            "<rect x=\"{BARS_AT}\" y=\"{top}\" width=\"{long:.0}\" height=\"20\" fill=\"#2a7f8f\"/>\
             <text x=\"{end:.0}\" y=\"{line}\">{cost:.1}</text>"
        );
    }
    svg + "</svg>\n"
}
