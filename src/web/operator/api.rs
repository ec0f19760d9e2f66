//! `/api/operator`: moderation for programs. `Authorization: Bearer <token>`, JSON in and out.

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{AttemptError, Door, command::ModerationForm, execute};
use crate::{
    backplane::{ModerationAction, ModerationLog, ModerationOutcome},
    protocol::Rules,
    session::bearer,
    web::{Web, error, peer::PeerIp},
};

/// The response of `GET`.
#[derive(Serialize)]
struct ModerationReport {
    rules: Rules,
    bans: Vec<BanEntry>,
    acts: Vec<LogEntry>,
}

#[derive(Serialize)]
struct BanEntry {
    name: String,
    /// In Unix milliseconds.
    until: u64,
}

#[derive(Serialize)]
struct LogEntry {
    /// In Unix milliseconds.
    at: u64,
    #[serde(flatten)]
    act: ModerationAction,
}

/// `GET /api/operator`: the rules, the bans, the moderation log.
pub async fn report(State(web): State<Web>, PeerIp(peer): PeerIp, headers: HeaderMap) -> Response {
    if let Some(refusal) = refusal(&web, peer, &headers).await {
        return refusal;
    }
    match web.room.moderation_log().await {
        Ok(moderation_log) => Json(ModerationReport::new(web.room.rules(), moderation_log)).into_response(),
        Err(_) => error::json_unavailable(),
    }
}

/// `POST /api/operator`: executes a moderation command.
pub async fn moderate(
    State(web): State<Web>,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    form: Result<Json<ModerationForm>, JsonRejection>,
) -> Response {
    if let Some(refusal) = refusal(&web, peer, &headers).await {
        return refusal;
    }
    let Ok(Json(form)) = form else {
        return error::json(StatusCode::BAD_REQUEST, "the body is a JSON object, its Content-Type application/json");
    };
    let command = match form.command() {
        Ok(command) => command,
        Err(wrong) => return error::json(StatusCode::BAD_REQUEST, &wrong.to_string()),
    };
    match execute(&web.room, command).await {
        Ok(ModerationOutcome::Done) => Json(serde_json::json!({ "done": true })).into_response(),
        Ok(ModerationOutcome::Nothing) => error::json(StatusCode::NOT_FOUND, "no such message, name or ban"),
        Err(_) => error::json_unavailable(),
    }
}

/// Returns the response to a request without the right token.
async fn refusal(web: &Web, peer: std::net::IpAddr, headers: &HeaderMap) -> Option<Response> {
    if let Some(token) = bearer(headers) {
        match web.attempt(Door::Bearer, peer, headers, |operator| operator.is_token(token)).await {
            Ok(()) => return None,
            Err(AttemptError::Wrong) => {}
            Err(AttemptError::TooMany(wait)) => return Some(error::json_too_many("too many attempts", wait)),
            Err(AttemptError::Unavailable) => return Some(error::json_unavailable()),
        }
    }
    let mut refusal = error::json(StatusCode::UNAUTHORIZED, "the operator's token is needed: Authorization: Bearer …");
    refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Some(refusal)
}

impl ModerationReport {
    fn new(rules: Rules, ModerationLog { bans, acts }: ModerationLog) -> Self {
        Self {
            rules,
            bans: bans.into_iter().map(|ban| BanEntry { name: ban.name, until: ban.until }).collect(),
            acts: acts.into_iter().map(|record| LogEntry { at: record.at, act: record.act }).collect(),
        }
    }
}
