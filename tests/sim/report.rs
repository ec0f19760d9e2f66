//! Violations as text.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use super::{plan::Plan, run::Outcome, states::States, torture::checker};

/// Violations shown in full.
const SHOWN: usize = 3;
/// Lines of the log before a violation.
const LINES: usize = 60;

/// The totals of many runs.
#[derive(Default)]
pub struct Totals {
    pub seeds: u64,
    pub simulated: Duration,
    acked: usize,
    stored: usize,
    lost: usize,
    changed: usize,
    undone: usize,
    states: States,
    faults: BTreeMap<&'static str, usize>,
}

impl Totals {
    /// Adds a run.
    pub fn add(&mut self, plan: &Plan, Outcome { record, states, .. }: &Outcome) {
        self.states.extend(states);
        self.seeds += 1;
        self.simulated += plan.end;
        self.acked += checker::acked(record);
        self.stored += record.log.len();
        self.lost += record.lost.len();
        self.changed += checker::changes_acked(record);
        self.undone += record.undone.len();
        for fault in &record.faults {
            *self.faults.entry(fault.kind).or_default() += 1;
        }
    }

    /// The figures, given the time that it took.
    pub fn report(&self, took: Duration) -> String {
        let hours = self.simulated.as_secs_f64() / 3600.0;
        let mut text = format!("{} seeds, {hours:.2} room-hours in {:.1} s: ", self.seeds, took.as_secs_f64());
        let _ = writeln!(text, "{:.0} per hour", hours * 3600.0 / took.as_secs_f64());
        let _ = writeln!(
            text,
            "messages: {} acknowledged, {} stored, {} lost by faults",
            self.acked, self.stored, self.lost
        );
        let _ = writeln!(text, "changes: {} acknowledged, {} lost by faults", self.changed, self.undone);
        let _ = writeln!(text, "{} faults, {} distinct states", self.faults.values().sum::<usize>(), self.states.len());
        for (kind, count) in &self.faults {
            let _ = writeln!(text, "{kind:<20} {count}");
        }
        text
    }
}

/// A failed run: its plan, its violations, and the log around the first.
pub fn failure(plan: &Plan, outcome: &Outcome) -> String {
    let Plan { seed, instances, people, lease, grace, .. } = plan;
    let mut text = format!("seed {seed}: {instances} instances, {people} people, lease {lease:?}, grace {grace:?}\n");
    for step in &plan.steps {
        let _ = writeln!(text, "    {:9.3} {:?}", step.at.as_secs_f64(), step.what);
    }
    for violation in outcome.violations.iter().take(SHOWN) {
        let at = violation.at.as_secs_f64();
        let _ = writeln!(text, "VIOLATION {:?} at {at:.3} s: {}", violation.kind, violation.what);
        for (at, line) in &violation.shown_by {
            let _ = writeln!(text, "    {:9.3} {line}", at.as_secs_f64());
        }
    }
    let Some(first) = outcome.violations.first() else { return text };
    let end = format!("{:9.3} ", (first.at + Duration::from_secs(1)).as_secs_f64());
    let before = outcome.lines.iter().take_while(|line| line.as_str() < end.as_str());
    let before: Vec<_> = before.collect();
    let _ = writeln!(text, "the log before it:");
    for line in &before[before.len().saturating_sub(LINES)..] {
        let _ = writeln!(text, "    {line}");
    }
    text
}
