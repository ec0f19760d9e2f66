//! The signed-in person as an extractor.

use axum::{
    Json,
    extract::FromRequestParts,
    http::{StatusCode, header::RETRY_AFTER, request::Parts},
    response::{IntoResponse, Response},
};
use tower_sessions::{
    Session,
    session::{self, Id},
    session_store,
};

use super::{
    bots::Bot,
    bounded::{BEGUN, JOINED},
};
use crate::backplane::Person;

/// The field of a record with its person.
pub(super) const KEY: &str = "person";
/// The field of a record whose person moderates the room.
pub(super) const MODERATES: &str = "moderates";

/// Extracts the signed-in person of a request. A handler that takes `Result<SignedIn, NotSignedIn>` chooses its own
/// answer; otherwise a rejection is answered with JSON.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The person.
    pub person: Person,
    /// The session's id, to [`touch`](super::Sessions::touch) and [`delete`](super::Sessions::delete) it by: a secret.
    pub id: Id,
    /// Whether the person has joined the room in this session.
    pub has_joined: bool,
    /// When they signed in, in Unix milliseconds; 0: not known.
    pub since_ms: u64,
    /// Whether the token that began the session says that the person moderates the room.
    pub moderates: bool,
}

/// Extracts the person of a request of the API: a program by its token, or the signed-in person.
#[derive(Clone, Debug)]
pub struct Caller(pub Person);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = NotSignedIn;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NotSignedIn> {
        if let Some(bot) = parts.extensions.get::<Bot>() {
            return Ok(Self(bot.person.clone()));
        }
        SignedIn::from_request_parts(parts, state).await.map(|signed_in| Self(signed_in.person))
    }
}

/// Why a request has no signed-in person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSignedIn {
    /// The request has no session, or one that has ended.
    Nobody,
    /// The store failed: there may be a session.
    Unreadable,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = NotSignedIn;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NotSignedIn> {
        Self::of(parts.extensions.get::<Session>().ok_or(NotSignedIn::Nobody)?).await
    }
}

impl SignedIn {
    /// Looks up the person of a request's session.
    pub async fn of(session: &Session) -> Result<Self, NotSignedIn> {
        if session.id().is_none() {
            return Err(NotSignedIn::Nobody);
        }
        let person = session.get::<Person>(KEY).await.map_err(|error| match error {
            // A record that cannot be decoded is no session.
            session::Error::Store(session_store::Error::Decode(_)) | session::Error::SerdeJson(_) => {
                NotSignedIn::Nobody
            }
            session::Error::Store(_) => NotSignedIn::Unreadable,
        })?;
        // It is loaded now.
        let has_joined = session.get_value(JOINED).await.is_ok_and(|joined| joined.is_some());
        let begun = session.get::<u64>(BEGUN).await.ok().flatten();
        let since_ms = begun.map_or(0, |seconds| seconds.saturating_mul(1000));
        let moderates = session.get::<bool>(MODERATES).await.is_ok_and(|moderates| moderates == Some(true));
        match (person, session.id()) {
            (Some(person), Some(id)) => Ok(Self { person, id, has_joined, since_ms, moderates }),
            _ => Err(NotSignedIn::Nobody),
        }
    }
}

impl IntoResponse for NotSignedIn {
    fn into_response(self) -> Response {
        let error = |reason: &str| Json(serde_json::json!({ "error": reason }));
        match self {
            Self::Nobody => (StatusCode::UNAUTHORIZED, error("sign in first")).into_response(),
            Self::Unreadable => {
                (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "2")], error("sessions cannot be read"))
                    .into_response()
            }
        }
    }
}
