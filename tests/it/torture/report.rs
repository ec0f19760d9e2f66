//! The report of a run, as text.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use super::{
    checker::{self, Violation, ViolationKind},
    plan::Options,
    record::{Event, Moment, Record},
    soak,
};

/// Number of violations shown in full.
const SHOWN: usize = 5;

/// Returns the violations, the shortest first, and the table.
pub fn report(options: &Options, record: &Record, violations: &[Violation]) -> String {
    let mut text = String::new();
    let mut shortest: Vec<_> = violations.iter().collect();
    shortest.sort_by_key(|violation| (violation.shown_by.len(), violation.at));
    for violation in shortest.iter().take(SHOWN) {
        let _ =
            writeln!(text, "VIOLATION {:?} at {:.3} s: {}", violation.kind, violation.at.as_secs_f64(), violation.what);
        for (at, line) in &violation.shown_by {
            let _ = writeln!(text, "    {:9.3} {line}", at.as_secs_f64());
        }
    }
    let hidden = violations.len().saturating_sub(SHOWN);
    if hidden > 0 {
        let _ = writeln!(text, "… and {hidden} more");
    }
    text + &table(options, record, violations)
}

fn table(options: &Options, record: &Record, violations: &[Violation]) -> String {
    let mut text = String::new();
    let mut row = |what: &str, value: String| {
        let _ = writeln!(text, "{what:<24} {value}");
    };
    let count = |kind: ViolationKind| violations.iter().filter(|violation| violation.kind == kind).count().to_string();
    row("seed", options.seed.to_string());
    row("people, instances", format!("{}, {}", options.participants, options.instances));
    row("messages acked, stored", format!("{}, {}", checker::acked(record), record.log.len()));
    row("changes acked", checker::changes_acked(record).to_string());
    for (what, kind) in [
        ("lost", ViolationKind::Lost),
        ("doubled", ViolationKind::Doubled),
        ("out of order", ViolationKind::OutOfOrder),
        ("silent gaps", ViolationKind::SilentGap),
        ("stale", ViolationKind::Stale),
        ("undone", ViolationKind::Undone),
        ("needless gaps", ViolationKind::NeedlessGap),
        ("out of turn", ViolationKind::OutOfTurn),
        ("false notices", ViolationKind::FalseNotice),
        ("ghosts", ViolationKind::Ghost),
        ("wrong rosters", ViolationKind::Roster),
        ("wrong refusals", ViolationKind::Refusal),
    ] {
        row(what, count(kind));
    }
    row("worst ghost", seconds(checker::longest_ghost(record)));
    let comparisons = record.comparisons.iter().filter_map(|comparisons| comparisons.took).max().unwrap_or_default();
    row("rosters equal, worst", format!("{} of {} looks", seconds(comparisons), record.comparisons.len()));
    let checks = record.checks.iter().filter_map(|look| look.took).max().unwrap_or_default();
    row("rosters true, worst", format!("{} of {} looks", seconds(checks), record.checks.len()));
    row("faults", format!("{}; recovered after (median, worst):", record.faults.len()));
    for (kind, mut took) in recoveries(record) {
        took.sort();
        let known = took.last().map(|worst| format!("{}, {}", seconds(took[took.len() / 2]), seconds(*worst)));
        let count = record.faults.iter().filter(|fault| fault.kind == kind).count();
        row(&format!("  {kind}"), format!("{count:>4}   {}", known.unwrap_or_default()));
    }
    if !record.samples.is_empty() {
        text += &soak::report(&record.samples);
    }
    text
}

/// Returns, by kind of fault, the times until all participants had received a message sent after it.
fn recoveries(record: &Record) -> BTreeMap<&'static str, Vec<Duration>> {
    let sent_at = sent_at(record);
    let mut took: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for fault in &record.faults {
        let took = took.entry(fault.kind).or_default();
        let Some(from) = fault.recovers_from else { continue };
        let fresh = |nonce: &str| sent_at.get(nonce).is_some_and(|at| *at >= from);
        let main = record.histories.iter().filter(|history| history.tab == 0);
        let seen = main.filter_map(|history| {
            let shows = |event: &Event| match event {
                Event::Message(message) => fresh(&message.nonce),
                Event::Welcome { messages, .. } => messages.iter().any(|message| fresh(&message.nonce)),
                _ => false,
            };
            let after = history.events.partition_point(|(at, _)| *at < from);
            let (at, _) = history.events[after..].iter().find(|(_, event)| shows(event))?;
            (!chose_to_be_away(record, &history.person, from, *at)).then(|| *at - from)
        });
        took.extend(seen.max());
    }
    took
}

/// Returns whether a person was away by choice in this time or had just returned.
fn chose_to_be_away(record: &Record, person: &str, from: Moment, to: Moment) -> bool {
    record.faults.iter().any(|turn| {
        let theirs = ["away", "sign-out"].contains(&turn.kind) && turn.what.split(' ').next() == Some(person);
        theirs && turn.from <= to && turn.to + Duration::from_secs(1) >= from
    })
}

/// Returns when each message was first sent.
fn sent_at(record: &Record) -> BTreeMap<&str, Moment> {
    let mut sent_at = BTreeMap::new();
    for (at, event) in record.histories.iter().flat_map(|history| &history.events) {
        if let Event::Sent(nonce) = event {
            let first = sent_at.entry(nonce.as_str()).or_insert(*at);
            *first = (*first).min(*at);
        }
    }
    sent_at
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
