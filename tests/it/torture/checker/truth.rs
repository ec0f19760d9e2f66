//! The times at which each person was connected, as far as the clients and the fault injector know.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::torture::record::{EndReason, Event, History, InstanceExit, Moment, Record};

use super::{RESUMED, TOLERANCE};

/// Time after which the people of a drained instance must be gone.
const DRAINING: Duration = Duration::from_secs(15);
/// Delay that the protocol allows beyond a lease or a grace.
const BEYOND: Duration = Duration::from_secs(1);
/// The shortest time after which the people of a drained instance may be announced as gone: as with a lease, the time before
/// the silence is noticed may count.
const DRAIN_GRACE: Duration = Duration::from_secs(9);

/// Time within which a client notices that its session has ended.
const NOTICED: Duration = Duration::from_millis(500);

/// One connection.
#[derive(Clone, Debug)]
pub struct ConnectionSpan {
    base: String,
    /// When it was requested.
    asked: Moment,
    /// Its welcome, if any.
    pub from: Option<Moment>,
    /// Its end: noticed by the client or the exit of the instance, whichever was first.
    pub to: Moment,
    how: EndReason,
    /// When the sign-out that ended it was confirmed.
    out: Option<Moment>,
    /// Whether its instance was killed first.
    pub killed: bool,
}

/// A time when a person had no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// The last connection's end.
    pub from: Moment,
    /// The next welcome; none until the end of the run.
    pub to: Option<Moment>,
    /// When that connection was requested: others may see the join before the person's welcome.
    pub returning: Option<Moment>,
    /// The earliest time of an announced leave.
    pub earliest: Moment,
    /// The latest time of an announced leave.
    pub latest: Moment,
    /// Whether it began with the kill or freeze of an instance.
    pub killed: bool,
}

/// All connections and absences.
pub struct Truth {
    /// Connections by person, in order of their end.
    pub spans: BTreeMap<String, Vec<ConnectionSpan>>,
    /// Absences by person, in order.
    pub absences: BTreeMap<String, Vec<Absence>>,
    without_redis: Vec<(Moment, Moment)>,
}

impl Truth {
    /// Derives the truth from a record.
    pub fn of(record: &Record) -> Self {
        let without_redis =
            record.faults.iter().filter(|fault| fault.interrupts_redis).map(|fault| (fault.from, fault.to + RESUMED));
        let mut truth =
            Self { spans: BTreeMap::new(), absences: BTreeMap::new(), without_redis: without_redis.collect() };
        for history in &record.histories {
            truth.spans.entry(history.person.clone()).or_default().extend(spans(history, &record.exits));
        }
        for (person, spans) in &mut truth.spans {
            sign_outs(record, person, spans);
            spans.sort_by_key(|span| span.to);
            let mut gone = absences(spans, record);
            for absence in &mut gone {
                // A sign-out while away ends the grace.
                let mut left = signings_out(record, person).map(|(at, _)| at);
                let left = left.find(|at| *at >= absence.from && absence.to.is_none_or(|to| *at < to));
                absence.earliest = absence.earliest.min(left.unwrap_or(Moment::MAX));
            }
            truth.absences.insert(person.clone(), gone);
        }
        for absence in truth.absences.values_mut().flatten() {
            absence.latest = extended(&truth.without_redis, absence.from, absence.latest);
        }
        truth
    }

    /// Returns whether a person was connected during the whole time.
    pub fn is_here_throughout(&self, person: &str, from: Moment, to: Moment) -> bool {
        let inside = self.spans.get(person).is_some_and(|spans| {
            spans.iter().any(|span| span.from.is_some_and(|began| began <= from) && span.to >= from)
        });
        inside && !self.absences[person].iter().any(|gap| gap.from < to && gap.to.is_none_or(|end| end > from))
    }

    /// Returns whether an absence explains a leave of a person announced at `at`.
    pub fn explains_leave(&self, person: &str, at: Moment) -> bool {
        self.absences.get(person).into_iter().flatten().any(|absence| {
            let began = absence.earliest <= at && absence.to.is_none_or(|end| end >= absence.earliest);
            began && absence.to.is_none_or(|end| at <= self.announced_by(end))
        })
    }

    /// Returns when the leaves of all absent at `at`, except these, must have been announced.
    pub fn announced_without(&self, present: &BTreeSet<String>, at: Moment) -> Moment {
        let gone = self.absences.iter().filter(|(name, _)| !present.contains(*name)).flat_map(|(_, gone)| gone);
        let gone = gone.filter(|absence| absence.from <= at && absence.to.is_none_or(|to| to > at));
        gone.map(|absence| absence.latest).max().unwrap_or(at).max(at)
    }

    /// Returns when a change has reached all clients.
    pub fn announced_by(&self, at: Moment) -> Moment {
        extended(&self.without_redis, at, at + BEYOND + TOLERANCE)
    }

    /// Returns when Redis works again, as of a moment.
    pub fn redis_back_at(&self, at: Moment) -> Moment {
        extended(&self.without_redis, at, at)
    }

    /// Returns the part of a time without Redis.
    pub fn without_redis_within(&self, from: Moment, to: Moment) -> Duration {
        self.without_redis.iter().map(|(began, ended)| to.min(*ended).saturating_sub(from.max(*began))).sum()
    }
}

/// Extends a deadline by each time without Redis before it.
fn extended(without_redis: &[(Moment, Moment)], from: Moment, mut deadline: Moment) -> Moment {
    for (began, ended) in without_redis {
        if *began <= deadline && *ended >= from {
            deadline += ended.saturating_sub(from.max(*began));
        }
    }
    deadline
}

/// Returns the connections of one tab.
pub fn spans(history: &History, exits: &[InstanceExit]) -> Vec<ConnectionSpan> {
    let mut spans = Vec::new();
    let mut open: Option<ConnectionSpan> = None;
    for (at, event) in &history.events {
        match event {
            Event::Connected(base) => {
                let (how, killed) = (EndReason::Cut, false);
                open = Some(ConnectionSpan {
                    base: base.clone(),
                    asked: *at,
                    from: None,
                    to: *at,
                    how,
                    out: None,
                    killed,
                });
            }
            Event::Welcome { .. } => {
                if let Some(span) = &mut open {
                    span.from.get_or_insert(*at);
                }
            }
            Event::Ended(how) => {
                if let Some(mut span) = open.take() {
                    (span.to, span.how) = (*at, *how);
                    while let Some(exit) = exits.iter().find(|exit| is_end(exit, &span)) {
                        let rest = exit.returned.filter(|returned| returned.by < span.to).map(|returned| {
                            ConnectionSpan { asked: returned.from, from: Some(returned.by), ..span.clone() }
                        });
                        (span.to, span.killed) = (exit.at, true);
                        let Some(rest) = rest else { break };
                        spans.push(std::mem::replace(&mut span, rest));
                    }
                    spans.push(span);
                }
            }
            _ => {}
        }
    }
    spans
}

/// Whether a connection ended with its instance.
fn is_end(exit: &InstanceExit, span: &ConnectionSpan) -> bool {
    let since = span.from.unwrap_or(span.to);
    !exit.announced && exit.base == span.base && exit.at >= since && exit.at <= span.to
}

/// Ends all connections of a person at the request to sign out.
fn sign_outs(record: &Record, person: &str, spans: &mut [ConnectionSpan]) {
    for (at, out) in signings_out(record, person) {
        for span in spans.iter_mut().filter(|span| span.from.is_some_and(|from| from <= at) && span.to > at) {
            (span.to, span.how, span.out) = (at, EndReason::SignedOut, out);
        }
    }
}

/// Returns when a person requested a sign-out and when it was confirmed.
fn signings_out<'a>(record: &'a Record, person: &'a str) -> impl Iterator<Item = (Moment, Option<Moment>)> + 'a {
    let histories = record.histories.iter().filter(move |history| history.person == person);
    histories.flat_map(|history| {
        let asked =
            history.events.iter().enumerate().filter(|(_, (_, event))| matches!(event, Event::SignOutRequested));
        asked.map(|(i, (at, _))| {
            let out = history.events[i..].iter().find(|(_, event)| matches!(event, Event::SignedOutConfirmed));
            (*at, out.map(|(at, _)| *at))
        })
    })
}

/// Returns the times without a connection. `spans` are in order of their end.
fn absences(spans: &[ConnectionSpan], record: &Record) -> Vec<Absence> {
    let mut live: Vec<_> = spans.iter().filter(|span| span.from.is_some()).collect();
    live.sort_by_key(|span| span.from);
    let mut absences = Vec::new();
    let mut last: Option<&ConnectionSpan> = None;
    for span in live.iter().copied() {
        if let Some(last) = last.filter(|last| span.from.is_some_and(|from| from > last.to)) {
            absences.push(Absence { returning: Some(span.asked), ..absence(last, span.from, spans, record) });
        }
        last = last.filter(|last| last.to >= span.to).or(Some(span));
    }
    if let Some(last) = last.filter(|last| last.how != EndReason::RunOver) {
        absences.push(absence(last, None, spans, record));
    }
    absences
}

fn absence(last: &ConnectionSpan, to: Option<Moment>, spans: &[ConnectionSpan], record: &Record) -> Absence {
    let (mut earliest, mut latest) = bounds(last, record);
    let far = record.grace + record.lease + DRAINING;
    // Instances may still hold earlier connections, and attempts without a reply may have been counted.
    for other in spans {
        if other.to + far >= last.to && to.is_none_or(|to| other.to < to) {
            let after = other.to > last.to;
            let (at_least, at_most) = bounds(other, record);
            if last.how != EndReason::SignedOut || after {
                latest = latest.max(at_most);
            }
            if after && other.from.is_none() {
                earliest = earliest.min(at_least);
            }
        }
    }
    Absence { from: last.to, to, returning: None, earliest, latest, killed: last.killed }
}

/// Returns the earliest and the latest time to announce the end of this connection.
fn bounds(span: &ConnectionSpan, record: &Record) -> (Moment, Moment) {
    let silence = (record.lease * 3 / 5).saturating_sub(Duration::from_millis(300));
    let (at_least, at_most) = match span.how {
        _ if span.killed => (silence, record.lease),
        EndReason::SignedOut => (Duration::ZERO, span.out.unwrap_or(span.to).saturating_sub(span.to)),
        EndReason::Drained => (DRAIN_GRACE, DRAINING),
        // An instance that closes all connections has lost its lease.
        EndReason::Closed(_) => (silence, record.lease.max(record.grace)),
        EndReason::Cut | EndReason::RunOver => (record.grace.saturating_sub(Duration::from_millis(300)), record.grace),
    };
    let (mut earliest, mut latest) = (span.to + at_least, span.to + at_most);
    if span.how == EndReason::SignedOut && span.out.is_none() {
        // The server ended the session, which others may see before the client does.
        earliest = earliest.saturating_sub(NOTICED);
    }
    if !span.killed && span.how != EndReason::SignedOut {
        // Its instance may exit during the grace; then its lease or the drain limit applies.
        let away =
            |exit: &&InstanceExit| exit.base == span.base && exit.at >= span.to && exit.at <= span.to + record.grace;
        for exit in record.exits.iter().filter(away) {
            earliest = earliest.min(exit.at + silence);
            latest = latest.max(exit.at + if exit.announced { DRAINING } else { record.lease });
        }
    }
    (earliest, latest + BEYOND + TOLERANCE)
}
