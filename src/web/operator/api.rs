//! `/api/operator`: moderation for programs and the room's page. `Authorization: Bearer <token>`, or the session of a
//! moderator; JSON in and out.

use std::net::IpAddr;

use axum::{
    Json,
    extract::{
        Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{AttemptError, Credential, FormError, Moderator, command::ModerationForm, execute, parse};
use crate::{
    automod::AutoRules,
    backplane::{Audit, Ban, ModerationAction, ModerationLog, ModerationOutcome, ModerationRecord},
    name::Name,
    protocol::{Id, Rules},
    session::{NotSignedIn, SignedIn, bearer},
    web::{Web, error, locale::Locale, peer::PeerIp, texts::Texts},
};

/// The response of `GET`.
#[derive(Serialize)]
struct ModerationReport {
    rules: Rules,
    /// The rules that apply by themselves.
    auto: AutoRules,
    bans: Vec<BanEntry>,
    mutes: Vec<BanEntry>,
    acts: Vec<LogEntry>,
}

#[derive(Serialize)]
struct BanEntry {
    name: String,
    /// In Unix milliseconds.
    until: u64,
    /// Whether it includes the addresses of the person.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    address: bool,
}

/// The query of `GET /api/operator/person`.
#[derive(Deserialize)]
pub struct PersonQuery {
    name: String,
}

/// The response of `GET /api/operator/person`.
#[derive(Serialize)]
struct PersonEntry {
    name: String,
    /// Other people in the room at the same addresses; none: no address is known.
    others: Option<usize>,
}

/// An action on record.
#[derive(Serialize)]
pub struct LogEntry {
    id: Id,
    /// In Unix milliseconds.
    at: u64,
    #[serde(flatten)]
    act: ModerationAction,
    #[serde(flatten)]
    audit: Audit,
    /// The names of the people whom it was about.
    whom: Vec<String>,
}

/// `GET /api/operator`: the rules, the bans, the mutes, the moderation log.
pub async fn report(
    State(web): State<Web>,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Response {
    if let Err(refusal) = moderator(&web, peer, &headers, signed_in).await {
        return refusal;
    }
    match web.room.moderation_log().await {
        Ok(moderation_log) => Json(ModerationReport::new(&web, moderation_log)).into_response(),
        Err(_) => error::json_unavailable(),
    }
}

/// `POST /api/operator`: executes a moderation command.
pub async fn moderate(
    State(web): State<Web>,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    signed_in: Result<SignedIn, NotSignedIn>,
    form: Result<Json<ModerationForm>, JsonRejection>,
) -> Response {
    let moderator = match moderator(&web, peer, &headers, signed_in).await {
        Ok(moderator) => moderator,
        Err(refusal) => return refusal,
    };
    if !web.site.allows_post(&headers, peer) {
        return error::json(StatusCode::FORBIDDEN, "a request from another site");
    }
    let form = match form {
        Ok(Json(form)) => form,
        Err(rejection) => return invalid_body(&rejection),
    };
    let command = match parse(&web.room, form).await {
        Ok(command) => command,
        Err(FormError::Invalid(wrong)) => return error::json(StatusCode::BAD_REQUEST, &wrong.to_string()),
        Err(FormError::Gone) => return nothing(),
        Err(FormError::Unavailable) => return error::json_unavailable(),
    };
    let audit = web.audit(moderator, peer, &headers, command.why.clone());
    match execute(&web.room, command, audit).await {
        Ok(ModerationOutcome::Done) => Json(serde_json::json!({ "done": true })).into_response(),
        Ok(ModerationOutcome::NoAddress) => {
            error::json(StatusCode::CONFLICT, "no address of this name is known: leave address out")
        }
        Ok(ModerationOutcome::Nothing) => nothing(),
        Err(_) => error::json_unavailable(),
    }
}

/// `GET /api/operator/person?name=…`: how many others an action against the person's address would hit.
pub async fn person(
    State(web): State<Web>,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    signed_in: Result<SignedIn, NotSignedIn>,
    query: Result<Query<PersonQuery>, QueryRejection>,
) -> Response {
    if let Err(refusal) = moderator(&web, peer, &headers, signed_in).await {
        return refusal;
    }
    let name = query.ok().and_then(|Query(PersonQuery { name })| Name::parse(&name).ok());
    let Some(name) = name else { return error::json(StatusCode::BAD_REQUEST, "name is one that people can have") };
    match web.room.neighbours(name.key()).await {
        Ok(others) => Json(PersonEntry { name: name.shown().to_owned(), others }).into_response(),
        Err(_) => error::json_unavailable(),
    }
}

/// `GET /api/operator/me`: the signed-in moderator, and the texts of the page's menus for them.
pub async fn me(
    State(web): State<Web>,
    locale: Locale,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Response {
    match moderator(&web, peer, &headers, signed_in).await {
        Ok(Moderator { name, .. }) => {
            Json(serde_json::json!({ "name": name, "texts": Texts::of(locale).moderation_menu })).into_response()
        }
        Err(refusal) => refusal,
    }
}

/// Returns the moderator of a request's token, session or cookie, or the response to a request that has none.
pub(super) async fn moderator(
    web: &Web,
    peer: IpAddr,
    headers: &HeaderMap,
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Result<Moderator, Response> {
    let found = match bearer(headers) {
        Some(token) => web.present_token(Credential::Bearer, peer, headers, token).await.map(Some),
        None => web.present_moderator(peer, headers, signed_in).await,
    };
    match found {
        Ok(Some(moderator)) => Ok(moderator),
        Ok(None) | Err(AttemptError::Wrong) => Err(unauthorized()),
        Err(AttemptError::TooMany(wait)) => Err(error::json_too_many("too many attempts", wait)),
        Err(AttemptError::Unavailable) => Err(error::json_unavailable()),
    }
}

/// The response to a body that is no valid JSON for its path.
pub(super) fn invalid_body(rejection: &JsonRejection) -> Response {
    let (status, reason) = match rejection {
        JsonRejection::JsonDataError(_) => {
            (StatusCode::BAD_REQUEST, "the body is a JSON object; a field is missing in it, or has the wrong type")
        }
        JsonRejection::BytesRejection(_) => (rejection.status(), "the body is too long, or was cut off"),
        _ => (StatusCode::BAD_REQUEST, "the body is a JSON object, its Content-Type application/json"),
    };
    error::json(status, reason)
}

/// The response to a method that a path does not have; `Allow` names those that it has.
pub async fn other_method() -> Response {
    error::json(StatusCode::METHOD_NOT_ALLOWED, "this path has other methods: see Allow")
}

fn nothing() -> Response {
    error::json(StatusCode::NOT_FOUND, "no such message, report, name, ban or mute")
}

fn unauthorized() -> Response {
    let reason = "a moderator's token is needed: Authorization: Bearer …";
    let mut refusal = error::json(StatusCode::UNAUTHORIZED, reason);
    refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refusal
}

impl From<Ban> for BanEntry {
    fn from(Ban { name, until, address, .. }: Ban) -> Self {
        Self { name, until, address }
    }
}

impl From<ModerationRecord> for LogEntry {
    fn from(ModerationRecord { id, at, act, audit, whom }: ModerationRecord) -> Self {
        Self { id, at, act, audit, whom }
    }
}

impl ModerationReport {
    fn new(web: &Web, ModerationLog { bans, mutes, acts, .. }: ModerationLog) -> Self {
        Self {
            rules: web.room.rules(),
            auto: web.room.rule_checker().rules().clone(),
            bans: bans.into_iter().map(BanEntry::from).collect(),
            mutes: mutes.into_iter().map(BanEntry::from).collect(),
            acts: acts.into_iter().map(LogEntry::from).collect(),
        }
    }
}
