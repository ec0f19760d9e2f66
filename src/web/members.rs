//! Who is here, as pages.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::error;
use crate::{room::Room, session::SignedIn};

const LIMIT: usize = 50;
const MOST: usize = 200;

/// What may be asked for.
#[derive(Deserialize)]
pub struct Asked {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/members`.
pub async fn page(
    _signed_in: SignedIn,
    State(room): State<Room>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Ok(Query(asked)) = asked else {
        return error::json(StatusCode::BAD_REQUEST, "after is a name, limit is a number");
    };
    let Some(limit) = limit(asked.limit) else {
        return error::json(StatusCode::BAD_REQUEST, "limit is 1 to 200");
    };
    match room.members(asked.after.as_deref(), limit).await {
        Ok(page) => {
            Json(serde_json::json!({ "members": page.names, "count": page.count, "more": page.more })).into_response()
        }
        Err(_) => error::json_unavailable(),
    }
}

/// How many to answer at most, if that is a number that may be asked for.
pub fn limit(asked: Option<usize>) -> Option<usize> {
    Some(asked.unwrap_or(LIMIT)).filter(|limit| (1..=MOST).contains(limit))
}
