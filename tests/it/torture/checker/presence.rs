//! Who was said to be here, held against who was.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::torture::record::{At, Event, History, Record};

use super::{
    ALLOWANCE, Kind, Violation, excerpt,
    truth::{Absence, Truth, spans},
};

/// All rosters are equal within this.
const EQUAL_WITHIN: Duration = Duration::from_secs(2);

/// A time during which somebody was shown to a tab as being here.
struct Shown {
    name: String,
    from: At,
    to: At,
    /// The event that ended it.
    by: usize,
}

/// All that is wrong with presence.
pub fn check(record: &Record) -> Vec<Violation> {
    let truth = Truth::of(record);
    let mut found = Vec::new();
    for history in &record.histories {
        let mut watcher = Watcher::new(history, &truth, record);
        watcher.watch();
        for (absence, shown) in ghosts(&watcher, &truth) {
            if shown.to > absence.latest {
                let (gone, late) = (absence.from.as_secs_f64(), (shown.to - absence.from).as_secs_f64());
                let what = format!("{} went at {gone:.3}, and was still here {late:.1} s later", shown.name);
                watcher.tell(shown.by, Kind::Ghost, what);
            }
        }
        found.append(&mut watcher.found);
    }
    found.extend(disagreements(record, &truth));
    found.extend(rosters(record, &truth));
    found
}

/// The longest that somebody whose instance was killed or frozen was shown afterwards, while Redis answered.
pub fn worst_ghost(record: &Record) -> Duration {
    let truth = Truth::of(record);
    let lives = record.histories.iter().flat_map(|history| {
        let mut watcher = Watcher::new(history, &truth, record);
        watcher.watch();
        let lives = ghosts(&watcher, &truth).into_iter().filter(|(absence, _)| absence.killed);
        let lives = lives.map(|(absence, shown)| (absence.from, shown.to));
        lives.collect::<Vec<_>>()
    });
    lives.map(|(from, to)| (to - from).saturating_sub(truth.deaf_within(from, to))).max().unwrap_or_default()
}

/// Every absence that a watcher could see, and until when the absent was shown.
fn ghosts<'a>(watcher: &Watcher<'_>, truth: &'a Truth) -> Vec<(&'a Absence, Shown)> {
    let mut ghosts = Vec::new();
    for shown in watcher.shown.iter().filter(|shown| shown.name != watcher.history.person) {
        for absence in truth.absences.get(&shown.name).into_iter().flatten() {
            if absence.returning.is_some_and(|returning| shown.from >= returning) {
                continue;
            }
            let end = absence.to.unwrap_or(At::MAX).min(shown.to);
            if end > absence.from.max(shown.from) {
                ghosts.push((absence, Shown { name: shown.name.clone(), from: absence.from, to: end, by: shown.by }));
            }
        }
    }
    ghosts
}

/// Folds what one tab was told of others.
struct Watcher<'a> {
    history: &'a History,
    truth: &'a Truth,
    here: BTreeMap<String, At>,
    shown: Vec<Shown>,
    /// When each of its connections was no longer alive.
    alive: Vec<At>,
    found: Vec<Violation>,
}

impl<'a> Watcher<'a> {
    fn new(history: &'a History, truth: &'a Truth, record: &Record) -> Self {
        let alive =
            spans(history, &record.downs).iter().filter(|span| span.from.is_some()).map(|span| span.to).collect();
        Self { history, truth, here: BTreeMap::new(), shown: Vec::new(), alive, found: Vec::new() }
    }

    fn watch(&mut self) {
        for (i, (at, event)) in self.history.events.iter().enumerate() {
            match event {
                Event::Welcome { members, .. } => self.welcomed(i, *at, members),
                Event::Presence { joined, left, count } => self.told(i, *at, joined, left, *count),
                Event::Ended(_) => self.ended(i, *at),
                _ => {}
            }
        }
    }

    fn welcomed(&mut self, i: usize, at: At, members: &BTreeSet<String>) {
        let before = self.truth.told_by(at).saturating_sub(at);
        for name in self.truth.spans.keys().filter(|name| !members.contains(*name)) {
            if self.truth.is_here_throughout(name, at.saturating_sub(before), at) && !self.was_deaf(at) {
                self.tell(i, Kind::Roster, format!("was welcomed without {name}, who was here"));
            }
        }
        let gone: Vec<_> = self.here.keys().filter(|name| !members.contains(*name)).cloned().collect();
        for name in gone {
            self.hide(i, &name, at);
        }
        for name in members {
            self.here.entry(name.clone()).or_insert(at);
        }
    }

    fn told(&mut self, i: usize, at: At, joined: &[String], left: &[String], count: u64) {
        for name in joined {
            if self.here.insert(name.clone(), at).is_some() && *name != self.history.person {
                self.tell(i, Kind::OutOfTurn, format!("was told that {name} came, who was here"));
            }
        }
        for name in left {
            if !self.here.contains_key(name) {
                self.tell(i, Kind::OutOfTurn, format!("was told that {name} went, who was not here"));
            }
            self.hide(i, name, at);
            if !self.truth.excuses_leave(name, at) {
                self.tell(i, Kind::FalseNotice, format!("was told that {name} went, who had not"));
            }
        }
        if count != self.here.len() as u64 {
            let here: Vec<_> = self.here.keys().cloned().collect();
            self.tell(i, Kind::Roster, format!("was told of {count} people and knows {here:?}"));
        }
    }

    /// Whoever is not heard of any more, is not said to be here.
    fn ended(&mut self, i: usize, at: At) {
        let names: Vec<_> = self.here.keys().cloned().collect();
        let end = self.alive.iter().copied().filter(|to| *to <= at).max().unwrap_or(at);
        for name in names {
            self.hide(i, &name, end);
        }
    }

    fn was_deaf(&self, at: At) -> bool {
        self.truth.deaf_within(at.saturating_sub(Duration::from_secs(1)), at) > Duration::ZERO
    }

    fn hide(&mut self, i: usize, name: &str, at: At) {
        if let Some(from) = self.here.remove(name) {
            self.shown.push(Shown { name: name.to_owned(), from, to: at, by: i });
        }
    }

    fn tell(&mut self, i: usize, kind: Kind, what: String) {
        let (at, what) = (self.history.events[i].0, format!("{} {what}", self.history.name()));
        self.found.push(Violation { kind, at, what, shown_by: excerpt(self.history, i) });
    }
}

/// After faults, all instances soon had one roster, true or not yet.
fn disagreements(record: &Record, truth: &Truth) -> Vec<Violation> {
    let late = record.agreed.iter().filter(|agreed| {
        let by = truth.heard_from(agreed.at) + EQUAL_WITHIN + ALLOWANCE;
        agreed.took.is_none_or(|took| agreed.at + took > by)
    });
    late.map(|agreed| {
        let what = format!("the rosters were not equal in time ({:?})", agreed.took);
        Violation { kind: Kind::Roster, at: agreed.at, what, shown_by: vec![] }
    })
    .collect()
}

/// Whenever all was left in peace, all rosters were soon the truth.
fn rosters(record: &Record, truth: &Truth) -> Vec<Violation> {
    let late = record.settled.iter().filter(|look| {
        let by = truth.told_without(&look.truth, look.at) + EQUAL_WITHIN + ALLOWANCE;
        look.took.is_none_or(|took| look.at + took > by)
    });
    late.map(|look| {
        let what = format!("the rosters were not {:?} in time ({:?})", look.truth, look.took);
        let rosters = look.rosters.iter().map(|(base, roster)| (look.at, format!("{base}: {roster:?}")));
        Violation { kind: Kind::Roster, at: look.at, what, shown_by: rosters.collect() }
    })
    .collect()
}
