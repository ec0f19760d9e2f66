//! Reports of messages, for moderators.
//!
//! Bounded in messages, reporters and bytes. A report has no text of its message, and ends with it: when the message is deleted,
//! trimmed or too old, or when a moderator dismisses it.

use std::time::Duration;

use serde::Serialize;

use crate::{name::NameKey, protocol::Id, rate::Rate};

/// Most messages with reports. Above that, the one with the fewest reporters is dropped, and of those the oldest.
pub const REPORTED_KEPT: usize = 200;
/// Most reporters of one message on record; more are not counted.
pub const REPORTERS_KEPT: usize = 50;
/// Most bytes of the reports of one message, about. A report that does not fit is stored without its reason, or not at all.
pub const REPORTS_BYTES: usize = 8 * 1024;
/// How often a person may report: 5 messages per minute.
pub const REPORT_RATE: Rate = Rate { per_second: 5.0 / 60.0, burst: 5.0 };

/// A person's report of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRequest {
    /// The message.
    pub id: Id,
    /// The key of the reporter's name.
    pub name_key: NameKey,
    /// The reporter's name as shown.
    pub name: String,
    /// The reason, if one was given.
    pub reason: Option<String>,
}

/// The outcome of a [`ReportRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportOutcome {
    /// The report is on record, now or from an earlier request of the same person.
    Done,
    /// The message is deleted or no longer stored.
    Gone,
    /// The person reports too often; this long until the next report.
    Limited(Duration),
}

/// One person's report on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportEntry {
    /// The key of the reporter's name.
    #[serde(rename = "who")]
    pub name_key: NameKey,
    /// The reporter's name as shown.
    pub name: String,
    /// Its time, in Unix milliseconds.
    pub at: u64,
    /// The reason, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A message with its reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedMessage {
    /// The message.
    pub id: Id,
    /// The reports, oldest first; one per person.
    pub entries: Vec<ReportEntry>,
}

/// Reported messages on which no moderator has decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportQueue {
    /// The number of all of them.
    pub open: usize,
    /// Those with the most reporters, the newest of equals first.
    pub messages: Vec<ReportedMessage>,
}
