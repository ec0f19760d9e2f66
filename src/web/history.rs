//! Pages of history.

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

/// What may be asked for.
#[derive(Deserialize)]
pub struct Asked {
    before: Option<Id>,
    after: Option<Id>,
    limit: Option<usize>,
}

/// A page.
#[derive(Serialize)]
struct Answer<'a> {
    messages: Vec<Entry<'a>>,
    more: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trimmed: bool,
}

/// A message as the frame that the socket carries, or that there was one.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Message(ServerFrame<'a>),
    Removed { id: Id, removed: bool },
}

/// `GET /api/messages`.
pub async fn page(
    _signed_in: SignedIn,
    State(room): State<Room>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Ok(Query(asked)) = asked else {
        return error::json(StatusCode::BAD_REQUEST, "before and after are ids like 7-42, limit is a number");
    };
    let cursor = match (asked.before, asked.after) {
        (Some(_), Some(_)) => return error::json(StatusCode::BAD_REQUEST, "give before or after, not both"),
        (Some(id), None) => Cursor::Before(id),
        (None, Some(id)) => Cursor::After(id),
        (None, None) => Cursor::Newest,
    };
    let Some(limit) = limit(asked.limit) else {
        return error::json(StatusCode::BAD_REQUEST, "limit is 1 to 200");
    };
    match room.page(cursor, limit).await {
        Ok(page) => answer(&page),
        Err(_) => error::json_unavailable(),
    }
}

fn answer(page: &Page) -> Response {
    let entry = |row| match row {
        &Row::Removed { id, .. } => Entry::Removed { id, removed: true },
        row => Entry::Message(row.into()),
    };
    let messages = page.rows.iter().map(entry).collect();
    Json(Answer { messages, more: page.more, trimmed: page.trimmed }).into_response()
}
