//! What a run showed, as text.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use super::{
    checker::{self, Kind, Violation},
    plan::Options,
    record::{At, Event, Record},
    soak,
};

/// Violations that are shown whole.
const SHOWN: usize = 5;

/// The violations, the shortest first, and the table.
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
    let count = |kind: Kind| violations.iter().filter(|violation| violation.kind == kind).count().to_string();
    row("seed", options.seed.to_string());
    row("people, instances", format!("{}, {}", options.people, options.instances));
    row("messages acked, kept", format!("{}, {}", checker::acked(record), record.log.len()));
    for (what, kind) in [
        ("lost", Kind::Lost),
        ("doubled", Kind::Doubled),
        ("out of order", Kind::OutOfOrder),
        ("silent gaps", Kind::SilentGap),
        ("needless gaps", Kind::NeedlessGap),
        ("out of turn", Kind::OutOfTurn),
        ("false notices", Kind::FalseNotice),
        ("ghosts", Kind::Ghost),
        ("wrong rosters", Kind::Roster),
        ("wrong refusals", Kind::Refusal),
    ] {
        row(what, count(kind));
    }
    row("worst ghost", seconds(checker::worst_ghost(record)));
    let agreed = record.agreed.iter().filter_map(|agreed| agreed.took).max().unwrap_or_default();
    row("rosters equal, worst", format!("{} of {} looks", seconds(agreed), record.agreed.len()));
    let settled = record.settled.iter().filter_map(|look| look.took).max().unwrap_or_default();
    row("rosters true, worst", format!("{} of {} looks", seconds(settled), record.settled.len()));
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

/// By kind of fault: how long until everybody had been shown something said after it.
fn recoveries(record: &Record) -> BTreeMap<&'static str, Vec<Duration>> {
    let said_at = said_at(record);
    let mut took: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for fault in &record.faults {
        let took = took.entry(fault.kind).or_default();
        let Some(from) = fault.recovers_from else { continue };
        let fresh = |nonce: &str| said_at.get(nonce).is_some_and(|at| *at >= from);
        let main = record.histories.iter().filter(|history| history.tab == 0);
        let seen = main.filter_map(|history| {
            let shows = |event: &Event| match event {
                Event::Message(said) => fresh(&said.nonce),
                Event::Welcome { messages, .. } => messages.iter().any(|said| fresh(&said.nonce)),
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

/// Whether a person was told to be away in a time, or was only just coming back.
fn chose_to_be_away(record: &Record, person: &str, from: At, to: At) -> bool {
    record.faults.iter().any(|turn| {
        let theirs = ["away", "sign-out"].contains(&turn.kind) && turn.what.split(' ').next() == Some(person);
        theirs && turn.from <= to && turn.to + Duration::from_secs(1) >= from
    })
}

/// When each message was sent for the first time.
fn said_at(record: &Record) -> BTreeMap<&str, At> {
    let mut said_at = BTreeMap::new();
    for (at, event) in record.histories.iter().flat_map(|history| &history.events) {
        if let Event::Sent(nonce) = event {
            let first = said_at.entry(nonce.as_str()).or_insert(*at);
            *first = (*first).min(*at);
        }
    }
    said_at
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
