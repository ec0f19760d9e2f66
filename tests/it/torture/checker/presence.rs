//! Compares announced presence with the truth.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::torture::record::{Event, History, Moment, Record};

use super::{
    TOLERANCE, Violation, ViolationKind, excerpt,
    truth::{Absence, Truth, spans},
};

/// All rosters must be equal within this time.
const EQUAL_WITHIN: Duration = Duration::from_secs(2);

/// A time during which a tab showed a person as present.
struct ShownSpan {
    name: String,
    from: Moment,
    to: Moment,
    /// The event that ended it.
    by: usize,
}

/// Returns all violations by presence.
pub fn check(record: &Record) -> Vec<Violation> {
    let truth = Truth::of(record);
    let mut found = Vec::new();
    for history in &record.histories {
        let mut watcher = Watcher::new(history, &truth, record);
        watcher.watch();
        for (absence, shown) in ghosts(&watcher, &truth) {
            if shown.to > absence.latest {
                let (gone, late) = (absence.from.as_secs_f64(), (shown.to - absence.from).as_secs_f64());
                let what = format!("{} left at {gone:.3} and was still shown {late:.1} s later", shown.name);
                watcher.report(shown.by, ViolationKind::Ghost, what);
            }
        }
        found.append(&mut watcher.found);
    }
    found.extend(disagreements(record, &truth));
    found.extend(rosters(record, &truth));
    found
}

/// Returns the longest time that a person of a killed or frozen instance was shown afterwards while Redis worked.
pub fn longest_ghost(record: &Record) -> Duration {
    let truth = Truth::of(record);
    let lives = record.histories.iter().flat_map(|history| {
        let mut watcher = Watcher::new(history, &truth, record);
        watcher.watch();
        let lives = ghosts(&watcher, &truth).into_iter().filter(|(absence, _)| absence.killed);
        let lives = lives.map(|(absence, shown)| (absence.from, shown.to));
        lives.collect::<Vec<_>>()
    });
    lives.map(|(from, to)| (to - from).saturating_sub(truth.without_redis_within(from, to))).max().unwrap_or_default()
}

/// Returns every absence that a watcher could see, with the time the person was shown meanwhile.
fn ghosts<'a>(watcher: &Watcher<'_>, truth: &'a Truth) -> Vec<(&'a Absence, ShownSpan)> {
    let mut ghosts = Vec::new();
    for shown in watcher.shown.iter().filter(|shown| shown.name != watcher.history.person) {
        for absence in truth.absences.get(&shown.name).into_iter().flatten() {
            if absence.returning.is_some_and(|returning| shown.from >= returning) {
                continue;
            }
            let end = absence.to.unwrap_or(Moment::MAX).min(shown.to);
            if end > absence.from.max(shown.from) {
                ghosts
                    .push((absence, ShownSpan { name: shown.name.clone(), from: absence.from, to: end, by: shown.by }));
            }
        }
    }
    ghosts
}

/// Folds the presence that one tab received.
struct Watcher<'a> {
    history: &'a History,
    truth: &'a Truth,
    present: BTreeMap<String, Moment>,
    shown: Vec<ShownSpan>,
    /// When each of its connections ended.
    alive: Vec<Moment>,
    found: Vec<Violation>,
}

impl<'a> Watcher<'a> {
    fn new(history: &'a History, truth: &'a Truth, record: &Record) -> Self {
        let alive =
            spans(history, &record.exits).iter().filter(|span| span.from.is_some()).map(|span| span.to).collect();
        Self { history, truth, present: BTreeMap::new(), shown: Vec::new(), alive, found: Vec::new() }
    }

    fn watch(&mut self) {
        for (i, (at, event)) in self.history.events.iter().enumerate() {
            match event {
                Event::Welcome { members, .. } => self.welcomed(i, *at, members),
                Event::Presence { joined, left, count } => self.announced(i, *at, joined, left, *count),
                Event::Ended(_) => self.ended(i, *at),
                _ => {}
            }
        }
    }

    fn welcomed(&mut self, i: usize, at: Moment, members: &BTreeSet<String>) {
        let before = self.truth.announced_by(at).saturating_sub(at);
        for name in self.truth.spans.keys().filter(|name| !members.contains(*name)) {
            if self.truth.is_here_throughout(name, at.saturating_sub(before), at) && !self.was_deaf(at) {
                self.report(i, ViolationKind::Roster, format!("got a welcome without {name}, who was present"));
            }
        }
        let gone: Vec<_> = self.present.keys().filter(|name| !members.contains(*name)).cloned().collect();
        for name in gone {
            self.hide(i, &name, at);
        }
        for name in members {
            self.present.entry(name.clone()).or_insert(at);
        }
    }

    fn announced(&mut self, i: usize, at: Moment, joined: &[String], left: &[String], count: u64) {
        for name in joined {
            if self.present.insert(name.clone(), at).is_some() && *name != self.history.person {
                self.report(i, ViolationKind::OutOfTurn, format!("got a join of {name}, who was present"));
            }
        }
        for name in left {
            if !self.present.contains_key(name) {
                self.report(i, ViolationKind::OutOfTurn, format!("got a leave of {name}, who was not present"));
            }
            self.hide(i, name, at);
            if !self.truth.explains_leave(name, at) {
                self.report(i, ViolationKind::FalseNotice, format!("got a leave of {name}, who had not left"));
            }
        }
        if count != self.present.len() as u64 {
            let present: Vec<_> = self.present.keys().cloned().collect();
            self.report(i, ViolationKind::Roster, format!("got a count of {count} and knows {present:?}"));
        }
    }

    /// A tab without a connection shows no one.
    fn ended(&mut self, i: usize, at: Moment) {
        let names: Vec<_> = self.present.keys().cloned().collect();
        let end = self.alive.iter().copied().filter(|to| *to <= at).max().unwrap_or(at);
        for name in names {
            self.hide(i, &name, end);
        }
    }

    fn was_deaf(&self, at: Moment) -> bool {
        self.truth.without_redis_within(at.saturating_sub(Duration::from_secs(1)), at) > Duration::ZERO
    }

    fn hide(&mut self, i: usize, name: &str, at: Moment) {
        if let Some(from) = self.present.remove(name) {
            self.shown.push(ShownSpan { name: name.to_owned(), from, to: at, by: i });
        }
    }

    fn report(&mut self, i: usize, kind: ViolationKind, what: String) {
        let (at, what) = (self.history.events[i].0, format!("{} {what}", self.history.name()));
        self.found.push(Violation { kind, at, what, shown_by: excerpt(self.history, i) });
    }
}

/// Finds rosters that stayed different for too long after faults.
fn disagreements(record: &Record, truth: &Truth) -> Vec<Violation> {
    let late = record.comparisons.iter().filter(|comparisons| {
        let by = truth.redis_back_at(comparisons.at) + EQUAL_WITHIN + TOLERANCE;
        comparisons.took.is_none_or(|took| comparisons.at + took > by)
    });
    late.map(|comparisons| {
        let what = format!("the rosters were not equal in time ({:?})", comparisons.took);
        Violation { kind: ViolationKind::Roster, at: comparisons.at, what, shown_by: vec![] }
    })
    .collect()
}

/// Finds rosters that stayed wrong for too long in a phase without faults.
fn rosters(record: &Record, truth: &Truth) -> Vec<Violation> {
    let late = record.checks.iter().filter(|look| {
        let by = truth.announced_without(&look.truth, look.at) + EQUAL_WITHIN + TOLERANCE;
        look.took.is_none_or(|took| look.at + took > by)
    });
    late.map(|look| {
        let what = format!("the rosters were not {:?} in time ({:?})", look.truth, look.took);
        let rosters = look.rosters.iter().map(|(base, roster)| (look.at, format!("{base}: {roster:?}")));
        Violation { kind: ViolationKind::Roster, at: look.at, what, shown_by: rosters.collect() }
    })
    .collect()
}
