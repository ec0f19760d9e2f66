//! Who was connected when, as far as the clients and the doer of faults know.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::torture::record::{At, Down, Event, History, How, Record};

use super::{ALLOWANCE, RESUMED};

/// How long an instance that drained is waited for.
const DRAINING: Duration = Duration::from_secs(15);
/// What the protocol allows beyond a lease or a grace.
const BEYOND: Duration = Duration::from_secs(1);
/// The shortest time after which the people of a drained instance may be said to be gone: as with a lease, what has
/// passed when the silence is first noticed may count.
const DRAINED_AT_LEAST: Duration = Duration::from_secs(9);

/// One connection.
#[derive(Clone, Debug)]
pub struct Span {
    base: String,
    /// When it was asked for.
    asked: At,
    /// Its welcome; none where it never came.
    pub from: Option<At>,
    /// Its end: when the client noticed or the instance went, whichever was first.
    pub to: At,
    how: How,
    /// When its person was told that they are signed out, where that ended it: by then it has happened.
    out: Option<At>,
    /// Whether its instance went first, without a word.
    pub killed: bool,
}

/// A time when somebody had no connection at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// The last connection's end.
    pub from: At,
    /// The next welcome; none until the end of the run.
    pub to: Option<At>,
    /// When that connection was asked for: from then on others may be told, who are told first.
    pub returning: Option<At>,
    /// Before that nobody may be told.
    pub soonest: At,
    /// By then everybody must have been told.
    pub latest: At,
    /// Whether it began with an instance that was killed or frozen.
    pub killed: bool,
}

/// Everybody's connections and absences.
pub struct Truth {
    /// By person: connections, in order of their end.
    pub spans: BTreeMap<String, Vec<Span>>,
    /// By person: absences, in order.
    pub absences: BTreeMap<String, Vec<Absence>>,
    deaf: Vec<(At, At)>,
}

impl Truth {
    /// What a record tells.
    pub fn of(record: &Record) -> Self {
        let deaf = record.faults.iter().filter(|fault| fault.deafening).map(|fault| (fault.from, fault.to + RESUMED));
        let mut truth = Self { spans: BTreeMap::new(), absences: BTreeMap::new(), deaf: deaf.collect() };
        for history in &record.histories {
            truth.spans.entry(history.person.clone()).or_default().extend(spans(history, &record.downs));
        }
        for (person, spans) in &mut truth.spans {
            sign_outs(record, person, spans);
            spans.sort_by_key(|span| span.to);
            let mut gone = absences(spans, record);
            for absence in &mut gone {
                // Signing out while away ends the grace at once.
                let mut left = signings_out(record, person).map(|(at, _)| at);
                let left = left.find(|at| *at >= absence.from && absence.to.is_none_or(|to| *at < to));
                absence.soonest = absence.soonest.min(left.unwrap_or(At::MAX));
            }
            truth.absences.insert(person.clone(), gone);
        }
        for absence in truth.absences.values_mut().flatten() {
            absence.latest = prolonged(&truth.deaf, absence.from, absence.latest);
        }
        truth
    }

    /// Whether a person had one connection or another at each moment between.
    pub fn is_here_throughout(&self, person: &str, from: At, to: At) -> bool {
        let inside = self.spans.get(person).is_some_and(|spans| {
            spans.iter().any(|span| span.from.is_some_and(|began| began <= from) && span.to >= from)
        });
        inside && !self.absences[person].iter().any(|gap| gap.from < to && gap.to.is_none_or(|end| end > from))
    }

    /// Whether being told at `at` that a person went is explained by an absence of theirs.
    pub fn excuses_leave(&self, person: &str, at: At) -> bool {
        self.absences.get(person).into_iter().flatten().any(|absence| {
            let began = absence.soonest <= at && absence.to.is_none_or(|end| end >= absence.soonest);
            began && absence.to.is_none_or(|end| at <= self.told_by(end))
        })
    }

    /// By when all who are not among these must have been told to be gone, of those who were gone at `at`.
    pub fn told_without(&self, here: &BTreeSet<String>, at: At) -> At {
        let gone = self.absences.iter().filter(|(name, _)| !here.contains(*name)).flat_map(|(_, gone)| gone);
        let gone = gone.filter(|absence| absence.from <= at && absence.to.is_none_or(|to| to > at));
        gone.map(|absence| absence.latest).max().unwrap_or(at).max(at)
    }

    /// When news of a moment have reached everybody.
    pub fn told_by(&self, at: At) -> At {
        prolonged(&self.deaf, at, at + BEYOND + ALLOWANCE)
    }

    /// When Redis is heard again, as of a moment.
    pub fn heard_from(&self, at: At) -> At {
        prolonged(&self.deaf, at, at)
    }

    /// How much of a time Redis was not heard.
    pub fn deaf_within(&self, from: At, to: At) -> Duration {
        self.deaf.iter().map(|(began, ended)| to.min(*ended).saturating_sub(from.max(*began))).sum()
    }
}

/// A deadline, put off by each time without Redis that falls before it.
fn prolonged(deaf: &[(At, At)], from: At, mut deadline: At) -> At {
    for (began, ended) in deaf {
        if *began <= deadline && *ended >= from {
            deadline += ended.saturating_sub(from.max(*began));
        }
    }
    deadline
}

/// The connections of one tab.
pub fn spans(history: &History, downs: &[Down]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut open: Option<Span> = None;
    for (at, event) in &history.events {
        match event {
            Event::Connected(base) => {
                let (how, killed) = (How::Cut, false);
                open = Some(Span { base: base.clone(), asked: *at, from: None, to: *at, how, out: None, killed });
            }
            Event::Welcome { .. } => {
                if let Some(span) = &mut open {
                    span.from.get_or_insert(*at);
                }
            }
            Event::Ended(how) => {
                if let Some(mut span) = open.take() {
                    (span.to, span.how) = (*at, *how);
                    let since = span.from.unwrap_or(span.to);
                    let fell = |down: &&Down| {
                        !down.announced && down.base == span.base && down.at >= since && down.at <= span.to
                    };
                    if let Some(down) = downs.iter().find(fell) {
                        (span.to, span.killed) = (down.at, true);
                    }
                    spans.push(span);
                }
            }
            _ => {}
        }
    }
    spans
}

/// Signing out ends all tabs of a person, from the moment it was asked for.
fn sign_outs(record: &Record, person: &str, spans: &mut [Span]) {
    for (at, out) in signings_out(record, person) {
        for span in spans.iter_mut().filter(|span| span.from.is_some_and(|from| from <= at) && span.to > at) {
            (span.to, span.how, span.out) = (at, How::SignedOut, out);
        }
    }
}

/// When a person asked to be signed out, and when they were told that they are.
fn signings_out<'a>(record: &'a Record, person: &'a str) -> impl Iterator<Item = (At, Option<At>)> + 'a {
    let histories = record.histories.iter().filter(move |history| history.person == person);
    histories.flat_map(|history| {
        let asked = history.events.iter().enumerate().filter(|(_, (_, event))| matches!(event, Event::SigningOut));
        asked.map(|(i, (at, _))| {
            let out = history.events[i..].iter().find(|(_, event)| matches!(event, Event::Out));
            (*at, out.map(|(at, _)| *at))
        })
    })
}

/// Where no connection was. `spans` are in order of their end.
fn absences(spans: &[Span], record: &Record) -> Vec<Absence> {
    let mut live: Vec<_> = spans.iter().filter(|span| span.from.is_some()).collect();
    live.sort_by_key(|span| span.from);
    let mut absences = Vec::new();
    let mut last: Option<&Span> = None;
    for span in live.iter().copied() {
        if let Some(last) = last.filter(|last| span.from.is_some_and(|from| from > last.to)) {
            absences.push(Absence { returning: Some(span.asked), ..absence(last, span.from, spans, record) });
        }
        last = last.filter(|last| last.to >= span.to).or(Some(span));
    }
    if let Some(last) = last.filter(|last| last.how != How::Over) {
        absences.push(absence(last, None, spans, record));
    }
    absences
}

fn absence(last: &Span, to: Option<At>, spans: &[Span], record: &Record) -> Absence {
    let (mut soonest, mut latest) = bounds(last, record);
    let far = record.grace + record.lease + DRAINING;
    // Earlier connections may still be held somewhere, and tries that were never answered may have been counted.
    for other in spans {
        if other.to + far >= last.to && to.is_none_or(|to| other.to < to) {
            let after = other.to > last.to;
            let (at_least, at_most) = bounds(other, record);
            if last.how != How::SignedOut || after {
                latest = latest.max(at_most);
            }
            if after && other.from.is_none() {
                soonest = soonest.min(at_least);
            }
        }
    }
    Absence { from: last.to, to, returning: None, soonest, latest, killed: last.killed }
}

/// When the end of this connection may be told at the soonest, and must have been at the latest.
fn bounds(span: &Span, record: &Record) -> (At, At) {
    let silence = (record.lease * 3 / 5).saturating_sub(Duration::from_millis(300));
    let (at_least, at_most) = match span.how {
        _ if span.killed => (silence, record.lease),
        How::SignedOut => (Duration::ZERO, span.out.unwrap_or(span.to).saturating_sub(span.to)),
        How::Drained => (DRAINED_AT_LEAST, DRAINING),
        // An instance that cuts everybody has found itself reaped.
        How::Closed(_) => (silence, record.lease.max(record.grace)),
        How::Cut | How::Over => (record.grace.saturating_sub(Duration::from_millis(300)), record.grace),
    };
    let (mut soonest, mut latest) = (span.to + at_least, span.to + at_most);
    if !span.killed && span.how != How::SignedOut {
        // Its instance may go during the grace, and its lease or the wait for its return begins.
        let away = |down: &&Down| down.base == span.base && down.at >= span.to && down.at <= span.to + record.grace;
        for down in record.downs.iter().filter(away) {
            soonest = soonest.min(down.at + silence);
            latest = latest.max(down.at + if down.announced { DRAINING } else { record.lease });
        }
    }
    (soonest, latest + BEYOND + ALLOWANCE)
}
