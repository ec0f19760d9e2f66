//! Judges a [`Record`]: plain, synchronous, without a clock of its own. What it finds, it shows.
//!
//! [`messages`] holds what was shown against the log; [`presence`] holds who was said to be here against [`truth`].

mod messages;
mod presence;
mod truth;

use std::{fmt, time::Duration};

use super::record::{At, Event, History, Record};

pub use messages::acked;
pub use presence::worst_ghost;

/// What a busy machine may add to a bound.
pub const ALLOWANCE: Duration = Duration::from_millis(1500);
/// How long all may take to go on once Redis is back.
pub const RESUMED: Duration = Duration::from_secs(3);
/// How far around a violation its faults are shown.
const AROUND: Duration = Duration::from_secs(6);

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An acknowledged message is not in the log, or something was shown that is not.
    Lost,
    /// Something is in the log twice, or was shown twice.
    Doubled,
    /// Something was shown before what the log has before it.
    OutOfOrder,
    /// Something was left out, and nothing said so.
    SilentGap,
    /// `recovered:false` where nothing was lost.
    NeedlessGap,
    /// Somebody came who was here, or went who was not.
    OutOfTurn,
    /// Somebody was said to be gone who never was.
    FalseNotice,
    /// Somebody was said to be here for too long after they had gone.
    Ghost,
    /// A roster that is not the truth.
    Roster,
    /// A session, connection or frame was refused that should not have been.
    Refusal,
}

/// A broken promise, and the shortest history that shows it.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which promise.
    pub kind: Kind,
    /// When it showed.
    pub at: At,
    /// What happened, in one line.
    pub what: String,
    /// What happened around it, in order.
    pub shown_by: Vec<(At, String)>,
}

/// All violations, in order of time.
pub fn check(record: &Record) -> Vec<Violation> {
    let mut found = messages::check(record);
    found.extend(presence::check(record));
    found.extend(record.histories.iter().flat_map(refusals));
    for violation in &mut found {
        let near = |at: At| at + AROUND >= violation.at && at <= violation.at + Duration::from_secs(1);
        for fault in record.faults.iter().filter(|fault| near(fault.from) || near(fault.to)) {
            violation.shown_by.push((fault.from, format!("fault: {} {}", fault.kind, fault.what)));
        }
        violation.shown_by.sort();
    }
    found.sort_by_key(|violation| violation.at);
    found
}

/// Answers that nobody who keeps to the protocol should get.
fn refusals(history: &History) -> Vec<Violation> {
    let odd = |event: &Event| match event {
        Event::UpgradeRefusal(status) => *status != 503,
        Event::Error(code) => !["unavailable", "rate_limited"].contains(&code.as_str()),
        Event::Ended(super::record::How::Closed(code)) => {
            code.is_some_and(|code| ![1001, 1006, 1011, 1012, 1013].contains(&code))
        }
        _ => false,
    };
    let odd = history.events.iter().enumerate().filter(|(_, (_, event))| odd(event));
    odd.map(|(i, (at, event))| {
        let what = format!("{} got {event:?}", history.name());
        Violation { kind: Kind::Refusal, at: *at, what, shown_by: excerpt(history, i) }
    })
    .collect()
}

/// The few events of a history that led to the `i`th.
fn excerpt(history: &History, i: usize) -> Vec<(At, String)> {
    let events = &history.events[i.saturating_sub(4)..=i];
    events.iter().map(|(at, event)| (*at, format!("{}: {event}", history.name()))).collect()
}

impl History {
    /// What messages call it.
    pub fn name(&self) -> String {
        if self.tab == 0 { self.person.clone() } else { format!("{}/{}", self.person, self.tab) }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Welcome { recovered, messages, members } => {
                let (first, last) = (messages.first().map(|said| &said.id), messages.last().map(|said| &said.id));
                write!(to, "welcome, recovered {recovered}, {} messages {first:?} to {last:?}, ", messages.len())?;
                write!(to, "members {members:?}")
            }
            Self::Message(said) => write!(to, "message {} by {} ({})", said.id, said.from, said.nonce),
            Self::Presence { joined, left, count } => write!(to, "joined {joined:?} left {left:?} count {count}"),
            other => write!(to, "{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
