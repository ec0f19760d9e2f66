//! `GET /api/members`: the people in the room, page by page.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Web, client::Client, error};
use crate::session::Caller;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The query parameters.
#[derive(Deserialize)]
pub struct MembersQuery {
    search: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/members`.
pub async fn list(
    State(web): State<Web>,
    Caller(person): Caller,
    client: Client,
    query: Result<Query<MembersQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(query)) = query else {
        return error::json(StatusCode::BAD_REQUEST, "search is a text, after is a name, limit is a number");
    };
    let Some(limit) = limit(query.limit) else {
        return error::json(StatusCode::BAD_REQUEST, "limit is 1 to 200");
    };
    if let Err(refusal) = web.admit_read(&person.session, &client, limit) {
        return refusal.respond_json();
    }
    match web.room.members(query.search.as_deref(), query.after.as_deref(), limit).await {
        Ok(page) => {
            Json(serde_json::json!({ "members": page.names, "count": page.count, "more": page.more })).into_response()
        }
        Err(_) => error::json_unavailable(),
    }
}

/// Returns the requested or default page size; `None` if it is out of range.
pub fn limit(requested: Option<usize>) -> Option<usize> {
    Some(requested.unwrap_or(DEFAULT_LIMIT)).filter(|limit| (1..=MAX_LIMIT).contains(limit))
}
