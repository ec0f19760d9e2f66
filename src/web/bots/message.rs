//! `POST /api/messages`: a program says something.

use std::time::Duration;

use axum::{
    Extension, Form, Json, RequestExt,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::unauthorized;
use crate::{
    automod::{RuleViolation, Sender, SenderKind},
    backplane::{Claim, Person, PublishError},
    name::{Name, NameError},
    protocol::{Id, Nonce, Text, TextError},
    session::Bot,
    telemetry::instruments,
    web::{Web, error},
};

/// The header that makes a repeated request one message.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A message of a program: JSON, or the fields of a form.
#[derive(Deserialize)]
struct BotMessage {
    text: String,
    #[serde(default, rename = "as")]
    alias: Option<String>,
}

/// Why a message is refused.
enum Refusal {
    Key,
    Body(StatusCode),
    Alias(NameError),
    Text(TextError),
    Held,
    Banned,
    Muted,
    Rule(RuleViolation),
    Reused,
    TooMany(Duration),
    Unavailable,
}

/// `POST /api/messages`: 201 and the id once the message is stored; the same id for the same `Idempotency-Key`.
pub async fn submit(
    State(web): State<Web>,
    bot: Option<Extension<Bot>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let Some(Extension(bot)) = bot else { return unauthorized() };
    match publish(&web, bot.person, &headers, request).await {
        Ok(id) => (StatusCode::CREATED, Json(serde_json::json!({ "id": id }))).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn publish(web: &Web, person: Person, headers: &HeaderMap, request: Request) -> Result<Id, Refusal> {
    let nonce = nonce(headers)?;
    let BotMessage { text, alias } = message(request).await?;
    let alias = alias.as_deref().map(Name::parse).transpose().map_err(Refusal::Alias)?;
    let alias = alias.map(|name| name.shown().to_owned());
    let text = Text::parse(&text).map_err(Refusal::Text)?;
    match web.room.claim(&person).await {
        Ok(Claim::Mine) => {}
        Ok(Claim::Held { .. }) => return Err(Refusal::Held),
        Ok(Claim::Banned(_)) => return Err(Refusal::Banned),
        Err(_) => return Err(Refusal::Unavailable),
    }
    // It is never new, and may repeat itself.
    let sender = Sender { kind: SenderKind::Program, since_ms: 0 };
    let checks = web.room.rule_checker().check(text.as_str(), sender, || None, 0).map_err(Refusal::Rule)?;
    web.room.publish(person, nonce, text, None, alias, checks).await.map_err(|error| match error {
        PublishError::BadNonce => Refusal::Reused,
        PublishError::Limited(wait) => Refusal::TooMany(wait),
        PublishError::Muted(_) => Refusal::Muted,
        PublishError::Refused(violation) => Refusal::Rule(violation),
        // The last four are of changes, and of people.
        PublishError::Ended
        | PublishError::ReadOnly(_)
        | PublishError::Fenced
        | PublishError::Unavailable(_)
        | PublishError::NotYours
        | PublishError::TooLate
        | PublishError::Gone => Refusal::Unavailable,
    })
}

/// Returns the nonce of a request; a random one without an `Idempotency-Key`.
fn nonce(headers: &HeaderMap) -> Result<Nonce, Refusal> {
    let key = match headers.get(IDEMPOTENCY_KEY) {
        Some(key) => key.to_str().map_err(|_| Refusal::Key)?.to_owned(),
        None => format!("{:032x}", rand::random::<u128>()),
    };
    // Libraries that write structured fields (RFC 8941) quote it.
    let unquoted = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
    unquoted.unwrap_or(&key).parse().map_err(|_| Refusal::Key)
}

async fn message(request: Request) -> Result<BotMessage, Refusal> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_form = content_type.starts_with("application/x-www-form-urlencoded");
    let request = request.with_limited_body();
    if is_form {
        let form = Form::from_request(request, &()).await;
        return form.map(|Form(message)| message).map_err(|error| Refusal::Body(error.into_response().status()));
    }
    let json = Json::from_request(request, &()).await;
    json.map(|Json(message)| message).map_err(|error| Refusal::Body(error.status()))
}

impl Refusal {
    fn into_response(self) -> Response {
        let (status, code, reason) = match self {
            Self::Unavailable => return error::json_unavailable(),
            Self::TooMany(wait) => {
                instruments().refused("rate_limited");
                return error::json_too_many("too many messages", wait);
            }
            Self::Key => {
                (StatusCode::BAD_REQUEST, "bad_key", "an Idempotency-Key is 1 to 64 of A-Z, a-z, 0-9, _ and -".into())
            }
            Self::Body(StatusCode::PAYLOAD_TOO_LARGE) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too_long", "the body is too long".into())
            }
            Self::Body(_) => {
                (StatusCode::BAD_REQUEST, "bad_body", "the body is a JSON object or a form with a field text".into())
            }
            Self::Alias(error) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_name", format!("as: {error}")),
            Self::Text(TextError::Empty) => (StatusCode::UNPROCESSABLE_ENTITY, "empty", TextError::Empty.to_string()),
            Self::Text(error) => (StatusCode::UNPROCESSABLE_ENTITY, "too_long", error.to_string()),
            Self::Held => (StatusCode::CONFLICT, "held", "a session of a person still has the name".into()),
            Self::Banned => (StatusCode::FORBIDDEN, "banned", "the name is banned".into()),
            Self::Rule(violation) => {
                instruments().refused("refused");
                let reason = format!("a rule of the room refuses the text: {}", violation.rule.name());
                (StatusCode::FORBIDDEN, "refused", reason)
            }
            Self::Muted => (StatusCode::FORBIDDEN, "muted", "a moderator has muted the program".into()),
            Self::Reused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "bad_nonce",
                "the Idempotency-Key was used for another message".into(),
            ),
        };
        error::json_code(status, code, &reason)
    }
}
