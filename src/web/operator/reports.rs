//! Reports of messages: people send them, moderators read them.

use std::ops::Range;

use axum::{
    Json,
    extract::{
        Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    Moderator,
    api::invalid_body,
    command::{CommandError, reason},
};
use crate::{
    backplane::{Cursor, Page, ReportEntry, ReportOutcome, ReportRequest, ReportedMessage, Unavailable},
    protocol::{Id, Row},
    room::Room,
    session::SignedIn,
    web::{Web, client::Client, error, history::HistoryEntry},
};

/// Messages before and after a reported one.
const CONTEXT: usize = 5;
/// Reported messages in an answer, unless the request says otherwise, and at most.
pub const LISTED: usize = 20;
const LISTED_AT_MOST: usize = 50;

/// A person's report.
#[derive(Deserialize)]
pub struct ReportForm {
    id: String,
    #[serde(default)]
    reason: Option<String>,
}

/// The query parameters.
#[derive(Deserialize)]
pub struct QueueQuery {
    limit: Option<usize>,
}

/// Reported messages on which no moderator has decided.
pub struct Queue {
    /// The number of all of them.
    pub open: usize,
    /// Those with the most reporters.
    pub items: Vec<QueueItem>,
}

/// A reported message with those around it.
pub struct QueueItem {
    /// Its reports.
    pub entries: Vec<ReportEntry>,
    page: Page,
    /// Its index in the page.
    index: usize,
}

/// The response of `GET`.
#[derive(Serialize)]
struct QueueAnswer<'a> {
    open: usize,
    reports: Vec<ReportAnswer<'a>>,
}

#[derive(Serialize)]
struct ReportAnswer<'a> {
    message: HistoryEntry<'a>,
    before: Vec<HistoryEntry<'a>>,
    after: Vec<HistoryEntry<'a>>,
    /// The number of reporters.
    count: usize,
    reporters: Vec<ReporterAnswer<'a>>,
}

#[derive(Serialize)]
struct ReporterAnswer<'a> {
    name: &'a str,
    /// In Unix milliseconds.
    at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// `POST /api/reports`: a signed-in person reports a message.
pub async fn submit(
    State(web): State<Web>,
    client: Client,
    SignedIn { person, .. }: SignedIn,
    form: Result<Json<ReportForm>, JsonRejection>,
) -> Response {
    if !web.allows_post(&client) {
        return error::json(StatusCode::FORBIDDEN, "a request from another site");
    }
    let form = match form {
        Ok(Json(form)) => form,
        Err(rejection) => return invalid_body(&rejection),
    };
    let Ok(id) = form.id.parse::<Id>() else {
        return error::json(StatusCode::BAD_REQUEST, &CommandError::Id.to_string());
    };
    let Ok(reason) = reason(form.reason.as_deref().unwrap_or_default()) else {
        return error::json(StatusCode::BAD_REQUEST, "reason is at most 200 characters");
    };
    match web.room.report(ReportRequest { id, name_key: person.name_key, name: person.name, reason }).await {
        Ok(ReportOutcome::Done) => Json(serde_json::json!({ "reported": true })).into_response(),
        Ok(ReportOutcome::Gone) => error::json(StatusCode::NOT_FOUND, "the message is no longer stored"),
        Ok(ReportOutcome::Limited(wait)) => error::json_too_many("too many reports", wait),
        Err(Unavailable) => error::json_unavailable(),
    }
}

/// `GET /api/operator/reports`: the reported messages, each with those around it.
pub async fn list(State(web): State<Web>, _: Moderator, query: Result<Query<QueueQuery>, QueryRejection>) -> Response {
    let limit = query.ok().map(|Query(query)| query.limit.unwrap_or(LISTED));
    let Some(limit) = limit.filter(|limit| *limit <= LISTED_AT_MOST) else {
        return error::json(StatusCode::BAD_REQUEST, "limit is 0 to 50");
    };
    match read(&web.room, limit).await {
        Ok(Queue { open, items }) => {
            let reports = items.iter().map(ReportAnswer::from).collect();
            Json(QueueAnswer { open, reports }).into_response()
        }
        Err(Unavailable) => error::json_unavailable(),
    }
}

/// Reads the reported messages with those around them, at most `limit`.
///
/// # Errors
/// [`Unavailable`] if the room cannot be reached.
pub async fn read(room: &Room, limit: usize) -> Result<Queue, Unavailable> {
    let queue = room.reports(limit).await?;
    let mut items = vec![];
    for ReportedMessage { id, entries } in queue.messages {
        let page = room.page(Cursor::Around(id), 4 * CONTEXT + 1).await?;
        let index = page.rows.iter().position(|row| row.id() == id && row.message().is_some());
        // Without an index it was deleted in between.
        items.extend(index.map(|index| QueueItem { entries, page, index }));
    }
    Ok(Queue { open: queue.open, items })
}

impl QueueItem {
    /// The reported message.
    pub fn row(&self) -> &Row {
        &self.page.rows[self.index]
    }

    /// The messages before it.
    pub fn before(&self) -> &[Row] {
        self.rows(self.index.saturating_sub(CONTEXT)..self.index)
    }

    /// The messages after it.
    pub fn after(&self) -> &[Row] {
        self.rows(self.index + 1..self.page.rows.len().min(self.index + 1 + CONTEXT))
    }

    fn rows(&self, range: Range<usize>) -> &[Row] {
        &self.page.rows[range]
    }
}

impl<'a> From<&'a QueueItem> for ReportAnswer<'a> {
    fn from(item: &'a QueueItem) -> Self {
        let entries = |rows: &'a [Row]| rows.iter().map(HistoryEntry::from).collect();
        let reporter = |entry: &'a ReportEntry| {
            let ReportEntry { name, at, reason, .. } = entry;
            ReporterAnswer { name, at: *at, reason: reason.as_deref() }
        };
        Self {
            message: item.row().into(),
            before: entries(item.before()),
            after: entries(item.after()),
            count: item.entries.len(),
            reporters: item.entries.iter().map(reporter).collect(),
        }
    }
}
