//! Finds violations of the promises in a [`Record`]; synchronous, without a clock.
//!
//! [`messages`] compares shown messages with the log; [`changes`] does so for their edits and deletions; [`presence`] compares announced presence with the [`truth`].

mod changes;
mod messages;
mod presence;
mod truth;

use std::{fmt, time::Duration};

use super::record::{Event, History, Moment, Record};

pub use changes::acked as changes_acked;
pub use messages::acked;
pub use presence::longest_ghost;

/// Tolerance of every bound on a busy machine.
pub const TOLERANCE: Duration = Duration::from_millis(1500);
/// Limit of recovery once Redis is back.
pub const RESUMED: Duration = Duration::from_secs(3);
/// Time before a violation within which faults are shown with it.
const AROUND: Duration = Duration::from_secs(6);

/// The promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ViolationKind {
    /// An acknowledged or shown message is not in the log.
    Lost,
    /// A message is in the log twice, or was shown twice.
    Doubled,
    /// A message was shown before an earlier one of the log.
    OutOfOrder,
    /// Messages were left out without an announced gap.
    SilentGap,
    /// A tab shows a message at the end in another state than the log's.
    Stale,
    /// A text was shown again after its edit or deletion.
    Undone,
    /// `recovered:false` without a loss.
    NeedlessGap,
    /// A present person joined, or an absent one left.
    OutOfTurn,
    /// A leave of a person who was present throughout.
    FalseNotice,
    /// A person was shown as present for too long after they left.
    Ghost,
    /// A roster is wrong.
    Roster,
    /// A session, connection or frame was refused without reason.
    Refusal,
}

/// A broken promise and the shortest history that shows it.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The promise.
    pub kind: ViolationKind,
    /// When it showed.
    pub at: Moment,
    /// A description in one line.
    pub what: String,
    /// Events around it, in order.
    pub shown_by: Vec<(Moment, String)>,
}

/// Returns all violations, in order of time.
pub fn check(record: &Record) -> Vec<Violation> {
    let mut found = messages::check(record);
    found.extend(changes::check(record));
    found.extend(presence::check(record));
    found.extend(record.histories.iter().flat_map(refusals));
    for violation in &mut found {
        let near = |at: Moment| at + AROUND >= violation.at && at <= violation.at + Duration::from_secs(1);
        for fault in record.faults.iter().filter(|fault| near(fault.from) || near(fault.to)) {
            violation.shown_by.push((fault.from, format!("fault: {} {}", fault.kind, fault.what)));
        }
        violation.shown_by.sort();
    }
    found.sort_by_key(|violation| violation.at);
    found
}

/// Finds replies that a client that follows the protocol should not get.
fn refusals(history: &History) -> Vec<Violation> {
    let is_wrong = |event: &Event| match event {
        Event::UpgradeRefusal(status) => *status != 503,
        Event::Error(code) => !["unavailable", "rate_limited"].contains(&code.as_str()),
        Event::Ended(super::record::EndReason::Closed(code)) => {
            code.is_some_and(|code| ![1001, 1006, 1011, 1012, 1013].contains(&code))
        }
        _ => false,
    };
    let wrong = history.events.iter().enumerate().filter(|(_, (_, event))| is_wrong(event));
    wrong
        .map(|(i, (at, event))| {
            let what = format!("{} got {event:?}", history.name());
            Violation { kind: ViolationKind::Refusal, at: *at, what, shown_by: excerpt(history, i) }
        })
        .collect()
}

/// Returns the few events of a history up to the `i`th.
fn excerpt(history: &History, i: usize) -> Vec<(Moment, String)> {
    let events = &history.events[i.saturating_sub(4)..=i];
    events.iter().map(|(at, event)| (*at, format!("{}: {event}", history.name()))).collect()
}

impl History {
    /// Returns its name in messages.
    pub fn name(&self) -> String {
        if self.tab == 0 { self.person.clone() } else { format!("{}/{}", self.person, self.tab) }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Welcome { recovered, messages, members } => {
                let (first, last) =
                    (messages.first().map(|message| &message.id), messages.last().map(|message| &message.id));
                write!(to, "welcome, recovered {recovered}, {} messages {first:?} to {last:?}, ", messages.len())?;
                write!(to, "members {members:?}")
            }
            Self::Message(message) => write!(to, "message {} by {} ({})", message.id, message.from, message.nonce),
            Self::Presence { joined, left, count } => write!(to, "joined {joined:?} left {left:?} count {count}"),
            other => write!(to, "{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
