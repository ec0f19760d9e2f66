//! Makes the plan of a failed run as short as possible.

use std::time::{Duration, Instant};

use super::{
    plan::Plan,
    rule::Rule,
    run::{Outcome, run},
    torture::checker::ViolationKind,
    world::Keep,
};

/// Returns the shortest plan found in this time that shows a violation of the same kind, and what it came to.
pub fn shrink(plan: &Plan, broken: Option<Rule>, kind: ViolationKind, limit: Duration) -> (Plan, Outcome) {
    let began = Instant::now();
    let (mut best, mut outcome) = (plan.clone(), run(plan, broken, Keep::Lines));
    let attempt = |candidate: Plan, best: &mut Plan, outcome: &mut Outcome| {
        let result = run(&candidate, broken, Keep::Lines);
        let shows = result.violations.iter().any(|violation| violation.kind == kind);
        if shows {
            (*best, *outcome) = (candidate, result);
        }
        shows
    };
    let first = outcome.violations.iter().find(|violation| violation.kind == kind).map(|violation| violation.at);
    if let Some(end) = first.map(|at| at + Duration::from_secs(20)).filter(|end| *end < best.end) {
        attempt(best.clone().until(end), &mut best, &mut outcome);
    }
    let mut size = best.steps.len().div_ceil(2).max(1);
    loop {
        let mut from = 0;
        let mut is_shorter = false;
        while from < best.steps.len() {
            if began.elapsed() > limit {
                return (best, outcome);
            }
            let mut candidate = best.clone();
            candidate.steps.drain(from..(from + size).min(best.steps.len()));
            if attempt(candidate, &mut best, &mut outcome) {
                is_shorter = true;
            } else {
                from += size;
            }
        }
        if size == 1 && !is_shorter {
            return (best, outcome);
        }
        size = (size / 2).max(1);
    }
}
