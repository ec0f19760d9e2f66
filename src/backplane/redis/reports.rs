//! Reports of messages.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    RedisBackplane,
    reply::{millis, number},
};
use crate::{
    backplane::{
        REPORT_RATE, REPORTED_KEPT, REPORTERS_KEPT, REPORTS_BYTES, ReportEntry, ReportOutcome, ReportQueue,
        ReportRequest, ReportedMessage, Unavailable,
    },
    name::NameKey,
    protocol::Id,
};

#[derive(Serialize)]
struct ReportArgument<'a> {
    id: Id,
    who: &'a NameKey,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    every_us: u64,
    ahead_us: u64,
    messages_kept: usize,
    reporters_kept: usize,
    bytes_kept: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_age_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Reply {
    Done,
    Gone,
    Limited {
        #[serde(deserialize_with = "millis")]
        wait_ms: Duration,
    },
}

#[derive(Serialize)]
struct QueueArgument {
    limit: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_age_ms: Option<u64>,
}

/// A report as stored.
#[derive(Deserialize)]
struct StoredEntry {
    who: NameKey,
    name: String,
    #[serde(deserialize_with = "number")]
    at: u64,
    reason: Option<String>,
}

impl RedisBackplane {
    pub(super) async fn report_message(&self, request: &ReportRequest) -> Result<ReportOutcome, Unavailable> {
        let pace = REPORT_RATE.pace();
        let argument = ReportArgument {
            id: request.id,
            who: &request.name_key,
            name: &request.name,
            reason: request.reason.as_deref(),
            every_us: pace.every / 1000,
            ahead_us: pace.ahead / 1000,
            messages_kept: REPORTED_KEPT,
            reporters_kept: REPORTERS_KEPT,
            bytes_kept: REPORTS_BYTES,
            history_age_ms: self.history_age_ms(),
        };
        let keys = self.keys.with_own([self.keys.reports(), self.keys.report_pace(&request.name_key)]);
        Ok(match self.scripts.run(&self.scripts.report, keys, &argument).await? {
            Reply::Done => ReportOutcome::Done,
            Reply::Gone => ReportOutcome::Gone,
            Reply::Limited { wait_ms } => ReportOutcome::Limited(wait_ms),
        })
    }

    pub(super) async fn read_reports(&self, limit: usize) -> Result<ReportQueue, Unavailable> {
        let argument = QueueArgument { limit, history_age_ms: self.history_age_ms() };
        let keys = self.keys.with_own([self.keys.reports()]);
        let reply = self.snapshots.run_list(&self.snapshots.reports, keys, &argument).await?;
        queue(reply).ok_or(Unavailable)
    }
}

/// Reads the reply of `reports.lua`.
fn queue(reply: Vec<String>) -> Option<ReportQueue> {
    let mut reply = reply.into_iter();
    let open = reply.next()?.parse().ok()?;
    let mut messages = vec![];
    while let (Some(id), Some(stored)) = (reply.next(), reply.next()) {
        let stored: Vec<StoredEntry> = serde_json::from_str(&stored).ok()?;
        messages.push(ReportedMessage {
            id: id.parse().ok()?,
            entries: stored.into_iter().map(ReportEntry::from).collect(),
        });
    }
    Some(ReportQueue { open, messages })
}

impl From<StoredEntry> for ReportEntry {
    fn from(StoredEntry { who, name, at, reason }: StoredEntry) -> Self {
        Self { name_key: who, name, at, reason }
    }
}
