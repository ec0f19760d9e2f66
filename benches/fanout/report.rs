//! The results, as a table and as JSON.

use std::{fmt, fs, path::Path};

use serde::Serialize;
use serde_json::Value;

use crate::{
    generator::request::{GeneratorStats, LoadResult},
    process::Failure,
};

/// All results so far.
#[derive(Default, Serialize)]
pub struct Report {
    pub lines: Vec<Line>,
}

/// One figure with its bar and aim.
#[derive(Serialize)]
pub struct Line {
    /// The row it belongs to.
    pub row: &'static str,
    pub what: String,
    /// `None` if it could not be measured.
    pub value: Option<f64>,
    pub unit: &'static str,
    /// Highest acceptable and highest desired value. A line without them is information.
    pub bar: Option<f64>,
    pub aim: Option<f64>,
    /// Reasons why the figure is invalid, or why the bar is missed at any value.
    pub refused: Vec<String>,
    pub missed: Vec<String>,
    /// The raw measurements.
    pub detail: Value,
}

impl Line {
    pub fn new(row: &'static str, what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        let (what, value, none) = (what.into(), Some(value), Value::Null);
        Self { row, what, value, unit, bar: None, aim: None, refused: Vec::new(), missed: Vec::new(), detail: none }
    }

    /// Returns the line of a row that failed.
    pub fn failed(row: &'static str, error: &Failure) -> Self {
        let mut line = Self::new(row, "failed", 0.0, "");
        line.refused.push(error.to_string());
        line
    }

    pub fn at_most(mut self, bar: f64, aim: f64) -> Self {
        (self.bar, self.aim) = (Some(bar), Some(aim));
        self
    }

    pub fn with_detail(mut self, detail: impl Serialize) -> Self {
        self.detail = serde_json::to_value(detail).unwrap_or_default();
        self
    }

    /// Marks the figure as invalid if the generator could not keep up or deliveries are missing.
    pub fn checked(mut self, measured: &[LoadResult]) -> Self {
        for one in measured {
            self = self.unless_saturated(&one.stats);
            if one.missing != 0 {
                self.refused.push(format!("{} deliveries missing (negative: duplicated)", one.missing));
            }
            if one.lost > 0 {
                self.refused.push(format!("{} clients were disconnected", one.lost));
            }
        }
        self
    }

    /// Marks the figure as invalid if the generator could not keep up.
    pub fn unless_saturated(mut self, stats: &GeneratorStats) -> Self {
        if !stats.kept_up() {
            let GeneratorStats { cpu, lag_p99 } = stats;
            self.refused
                .push(format!("the generator did not keep up ({:.0} % of a core, {lag_p99:.0} ms late)", cpu * 100.0));
        }
        self
    }

    /// Misses the bar at any value unless the condition holds.
    pub fn require(mut self, condition: bool, reason: impl Into<String>) -> Self {
        if !condition {
            self.missed.push(reason.into());
        }
        self
    }

    /// Returns whether this is a valid cost per delivery.
    pub fn is_cost(&self) -> bool {
        self.refused.is_empty() && self.what.contains("CPU per delivery (")
    }

    fn verdict(&self) -> &'static str {
        let value = self.value.filter(|value| !value.is_nan()).unwrap_or(f64::INFINITY);
        match (self.bar, self.aim) {
            _ if !self.refused.is_empty() => "REFUSED",
            _ if !self.missed.is_empty() => "miss",
            (_, Some(aim)) if value <= aim => "aim",
            (Some(bar), _) if value <= bar => "pass",
            (Some(_), _) => "miss",
            (None, _) => "",
        }
    }
}

impl Report {
    /// Returns whether a figure is invalid or worse than its bar.
    pub fn misses_a_bar(&self) -> bool {
        self.lines.iter().any(|line| matches!(line.verdict(), "REFUSED" | "miss"))
    }

    /// Writes `fanout.json` into the directory.
    pub fn write(&self, out: &Path) -> Result<(), Failure> {
        fs::create_dir_all(out)?;
        Ok(fs::write(out.join("fanout.json"), serde_json::to_string_pretty(self)?)?)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10} {:<66} {:>9} {:<7} {:>5} {:>5}  verdict", "row", "", "measured", "", "bar", "aim")?;
        for line in &self.lines {
            let figure = |value: Option<f64>| value.map(|value| format!("{value}")).unwrap_or_default();
            let (bar, aim, verdict) = (figure(line.bar), figure(line.aim), line.verdict());
            let value = line.value.filter(|_| line.refused.is_empty()).map_or("-".to_owned(), |value| {
                let digits = if value < 10.0 { 3 } else { 2 };
                format!("{value:.digits$}")
            });
            let Line { row, what, unit, .. } = line;
            writeln!(f, "{row:<10} {what:<66} {value:>9} {unit:<7} {bar:>5} {aim:>5}  {verdict}")?;
            for why in line.refused.iter().chain(&line.missed) {
                writeln!(f, "{:<10} ! {why}", "")?;
            }
        }
        Ok(())
    }
}

/// Returns the median.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values = values.into_iter().collect::<Vec<_>>();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Returns the value below which this share of the values is.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}
