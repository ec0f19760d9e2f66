//! `GET /api/messages`: the history, page by page.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{error, members::limit};
use crate::{
    backplane::{Cursor, Page},
    protocol::{Id, Row, ServerFrame},
    room::Room,
    session::SignedIn,
};

/// The query parameters.
#[derive(Deserialize)]
pub struct HistoryQuery {
    before: Option<Id>,
    after: Option<Id>,
    limit: Option<usize>,
}

/// The response.
#[derive(Serialize)]
struct HistoryPage<'a> {
    messages: Vec<HistoryEntry<'a>>,
    more: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trimmed: bool,
}

/// A message like the socket's frame, or the position of a deleted one.
#[derive(Serialize)]
#[serde(untagged)]
enum HistoryEntry<'a> {
    Message(ServerFrame<'a>),
    Removed { id: Id, removed: bool, from: &'a str, at: u64 },
}

impl<'a> From<&'a Row> for HistoryEntry<'a> {
    fn from(row: &'a Row) -> Self {
        match row {
            Row::Removed { id, at, from } => Self::Removed { id: *id, removed: true, from, at: *at },
            Row::Message(_) => Self::Message(row.into()),
        }
    }
}

/// `GET /api/messages`.
pub async fn list(
    _signed_in: SignedIn,
    State(room): State<Room>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(query)) = query else {
        return error::json(StatusCode::BAD_REQUEST, "before and after are ids like 7-42, limit is a number");
    };
    let cursor = match (query.before, query.after) {
        (Some(_), Some(_)) => return error::json(StatusCode::BAD_REQUEST, "give before or after, not both"),
        (Some(id), None) => Cursor::Before(id),
        (None, Some(id)) => Cursor::After(id),
        (None, None) => Cursor::Newest,
    };
    let Some(limit) = limit(query.limit) else {
        return error::json(StatusCode::BAD_REQUEST, "limit is 1 to 200");
    };
    match room.page(cursor, limit).await {
        Ok(page) => encode(&page),
        Err(_) => error::json_unavailable(),
    }
}

fn encode(page: &Page) -> Response {
    let messages = page.rows.iter().map(HistoryEntry::from).collect();
    Json(HistoryPage { messages, more: page.more, trimmed: page.trimmed }).into_response()
}
