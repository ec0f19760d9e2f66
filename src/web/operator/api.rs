//! `/api/operator`: moderation for programs and the room's page. `Authorization: Bearer <token>`, or the session of a
//! moderator; JSON in and out.

use axum::{
    Json,
    extract::{
        FromRequestParts, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{AttemptError, Credential, FormError, Moderator, command::ModerationForm, execute, parse};
use crate::{
    automod::AutoRules,
    backplane::{Ban, ModerationLog, ModerationOutcome, ModerationRecord},
    name::Name,
    protocol::Rules,
    session::{SignedIn, bearer},
    web::{Web, client::Client, error, locale::Locale, texts::Texts},
};

/// The response of `GET`.
#[derive(Serialize)]
struct ModerationReport {
    rules: Rules,
    /// The rules that apply by themselves.
    auto: AutoRules,
    bans: Vec<Ban>,
    mutes: Vec<Ban>,
    acts: Vec<ModerationRecord>,
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

/// `GET /api/operator`: the rules, the bans, the mutes, the moderation log.
pub async fn report(State(web): State<Web>, _: Moderator) -> Response {
    match web.room.moderation_log().await {
        Ok(moderation_log) => Json(ModerationReport::new(&web, moderation_log)).into_response(),
        Err(_) => error::json_unavailable(),
    }
}

/// `POST /api/operator`: executes a moderation command.
pub async fn moderate(
    State(web): State<Web>,
    client: Client,
    moderator: Moderator,
    form: Result<Json<ModerationForm>, JsonRejection>,
) -> Response {
    if !web.allows_post(&client) {
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
    let audit = web.audit(moderator, &client, command.why.clone());
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
    _: Moderator,
    query: Result<Query<PersonQuery>, QueryRejection>,
) -> Response {
    let name = query.ok().and_then(|Query(PersonQuery { name })| Name::parse(&name).ok());
    let Some(name) = name else { return error::json(StatusCode::BAD_REQUEST, "name is one that people can have") };
    match web.room.neighbours(name.key()).await {
        Ok(others) => Json(PersonEntry { name: name.shown().to_owned(), others }).into_response(),
        Err(_) => error::json_unavailable(),
    }
}

/// `GET /api/operator/me`: the signed-in moderator, and the texts of the page's menus for them.
pub async fn me(locale: Locale, Moderator { name }: Moderator) -> Response {
    Json(serde_json::json!({ "name": name, "texts": Texts::of(locale).moderation_menu })).into_response()
}

/// Extracts the moderator of a request's token, session or cookie. One without is refused, before its body is read.
impl FromRequestParts<Web> for Moderator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Response> {
        let client = Client::from_request_parts(parts, web).await.map_err(IntoResponse::into_response)?;
        let found = match bearer(&client.headers) {
            Some(token) => web.present_token(Credential::Bearer, &client, token).await.map(Some),
            None => web.present_moderator(&client, SignedIn::from_request_parts(parts, web).await).await,
        };
        match found {
            Ok(Some(moderator)) => Ok(moderator),
            Ok(None) | Err(AttemptError::Wrong) => Err(unauthorized()),
            Err(AttemptError::TooMany(wait)) => Err(error::json_too_many("too many attempts", wait)),
            Err(AttemptError::Unavailable) => Err(error::json_unavailable()),
        }
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

impl ModerationReport {
    fn new(web: &Web, ModerationLog { bans, mutes, acts, .. }: ModerationLog) -> Self {
        Self { rules: web.room.rules(), auto: web.room.rule_checker().rules().clone(), bans, mutes, acts }
    }
}
