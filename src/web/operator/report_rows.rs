//! The reported messages on the moderators' page.

use std::time::Duration;

use super::reports::{Queue, QueueItem};
use crate::{
    backplane::ReportEntry,
    protocol::Row,
    web::{
        chat,
        texts::{Texts, format_rounded_up},
    },
};

/// How long the sender is muted or banned by one tap, as the API takes it.
pub const MUTE: &str = "1h";
pub const BAN: &str = "1d";

/// The section of reports.
pub struct ReportSection {
    pub rows: Vec<ReportRow>,
    /// How many there are, if not all are shown.
    pub shown: Option<String>,
    pub mute_label: String,
    pub ban_label: String,
}

/// A reported message.
pub struct ReportRow {
    pub id: String,
    pub message: MessageLine,
    pub before: Vec<MessageLine>,
    pub after: Vec<MessageLine>,
    /// How many people have reported it.
    pub count: String,
    pub reporters: Vec<ReporterLine>,
}

/// A message of the conversation.
pub struct MessageLine {
    pub from: String,
    pub clock: String,
    /// None if it is deleted.
    pub text: Option<String>,
}

/// A reporter, and the reason if there is one.
pub struct ReporterLine {
    pub name: String,
    pub reason: Option<String>,
}

impl ReportSection {
    pub fn new(queue: &Queue, texts: &Texts) -> Self {
        let operator = &texts.operator;
        let shown = queue.items.len();
        let number = |number: usize| texts.units.number(u64::try_from(number).unwrap_or(u64::MAX));
        let part = || operator.reports_shown.replace("{shown}", &number(shown)).replace("{count}", &number(queue.open));
        let lasting = |text: &str, duration: &str| {
            let duration = humantime::parse_duration(duration).unwrap_or(Duration::ZERO);
            text.replace("{time}", &format_rounded_up(duration, &texts.units))
        };
        Self {
            rows: queue.items.iter().map(|item| ReportRow::new(item, texts)).collect(),
            shown: (shown < queue.open).then(part),
            mute_label: lasting(operator.report_mute, MUTE),
            ban_label: lasting(operator.report_ban, BAN),
        }
    }
}

impl ReportRow {
    fn new(item: &QueueItem, texts: &Texts) -> Self {
        let forms = texts.operator.report_count;
        let count = item.entries.len();
        let text = if count == 1 { forms.one } else { forms.other };
        Self {
            id: item.row().id().to_string(),
            message: item.row().into(),
            before: item.before().iter().map(MessageLine::from).collect(),
            after: item.after().iter().map(MessageLine::from).collect(),
            count: text.replace("{count}", &count.to_string()),
            reporters: item.entries.iter().map(ReporterLine::from).collect(),
        }
    }
}

impl From<&Row> for MessageLine {
    fn from(row: &Row) -> Self {
        let from = match row {
            Row::Message(message) => message.from.clone(),
            Row::Removed { from, .. } => from.clone(),
        };
        let text = row.message().map(|message| message.text.clone());
        Self { from, clock: chat::format_clock(row.at()), text }
    }
}

impl From<&ReportEntry> for ReporterLine {
    fn from(ReportEntry { name, reason, .. }: &ReportEntry) -> Self {
        Self { name: name.clone(), reason: reason.clone() }
    }
}
