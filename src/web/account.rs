//! Sign-in with names that a site hands in by tokens.

use std::{sync::Once, time::Duration};

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tower_sessions::Session;

use super::{
    Web,
    client::Client,
    error,
    locale::Locale,
    sign_in::{SignInRefusal, sign_in},
};
use crate::{
    address::AddressHash,
    backplane::Person,
    session::{Account, AccountGate, SessionTerms, SignedIn, TokenError, TokenVerifier},
    telemetry::instruments,
};

/// How names are handed in.
#[derive(Clone, Default)]
pub struct Accounts {
    /// Checks tokens; `None`: there are none.
    pub verifier: Option<TokenVerifier>,
    /// Remembers used tokens and owners of names.
    pub gate: AccountGate,
    /// The header in which a trusted proxy names the user.
    pub user_header: Option<HeaderName>,
    /// How long a name belongs to an account after its last sign-in.
    pub keep: Duration,
}

/// The body of `POST /api/session`.
#[derive(Deserialize)]
pub struct TokenBody {
    token: String,
}

/// `POST /api/session`: starts a session by a token. 201 with the name; a refusal has a sentence and a code.
pub async fn submit(
    State(web): State<Web>,
    locale: Locale,
    client: Client,
    session: Session,
    body: Result<Json<TokenBody>, JsonRejection>,
) -> Response {
    if !web.allows_post(&client) {
        return error::json_code(StatusCode::FORBIDDEN, "foreign", "the request was sent by another site");
    }
    let Ok(Json(TokenBody { token })) = body else {
        return error::json_code(StatusCode::BAD_REQUEST, "bad_body", "the body is a JSON object with a token");
    };
    match web.admit_account(&client, &session, &token).await {
        Ok(name) => (StatusCode::CREATED, Json(serde_json::json!({ "you": name }))).into_response(),
        Err(refusal) => refusal.respond_json(locale),
    }
}

impl Web {
    /// Signs in the account of a token. Returns its name.
    pub(super) async fn admit_account(
        &self,
        client: &Client,
        session: &Session,
        token: &str,
    ) -> Result<String, SignInRefusal> {
        let verifier = self.accounts.verifier.as_ref().ok_or(SignInRefusal::NotOffered)?;
        self.count_sign_in(client).map_err(SignInRefusal::too_many)?;
        let account = verifier.verify(token.trim(), self.room.now()).map_err(refused)?;
        if !(account.moderates && self.operator.is_some()) {
            self.check_door(client).await?;
        }
        self.sign_in_gate.admit(client.address).await?;
        let spent = self.accounts.gate.spend(token.trim(), account.replayable_for).await;
        if !spent.map_err(|_| SignInRefusal::Unavailable)? {
            return Err(refused(TokenError::Replayed));
        }
        let is_moderator = account.moderates && self.operator.is_some();
        let address = if is_moderator { None } else { self.address_hash(client).await? };
        self.begin_account(session, account, address).await
    }

    /// Starts the session of an account.
    pub(super) async fn begin_account(
        &self,
        session: &Session,
        account: Account,
        address: Option<AddressHash>,
    ) -> Result<String, SignInRefusal> {
        let Account { name, session: tag, until, moderates, .. } = account;
        if self.sessions.bots().reserves(name.key()) {
            return Err(SignInRefusal::Reserved);
        }
        let owned = self.accounts.gate.own(name.key(), &tag, self.accounts.keep).await;
        if !owned.map_err(|_| SignInRefusal::Unavailable)? {
            return Err(SignInRefusal::OfAccount);
        }
        if moderates && self.operator.is_none() {
            warn_without_moderation();
        }
        let person = Person { address, ..Person::new(name.key().clone(), name.shown(), tag) };
        sign_in(self, session, person, SessionTerms { until, moderates }).await?;
        instruments().signed_in("entered");
        Ok(name.shown().to_owned())
    }
}

impl Web {
    /// Whether a session is a moderator's because its token said so. Without keys of tokens, or without moderation, none is.
    pub(super) fn is_handed_in_moderator(&self, signed_in: &SignedIn) -> bool {
        signed_in.moderates && self.accounts.verifier.is_some() && self.operator.is_some()
    }
}

/// Logs once that a role has no effect.
fn warn_without_moderation() {
    static WARNING: Once = Once::new();
    WARNING.call_once(|| {
        tracing::warn!(
            "a token has the role moderator, which has no effect: set RUANG_OPERATOR_TOKEN_FILE to enable moderation"
        );
    });
}

/// Logs a refused token, without any part of it.
fn refused(error: TokenError) -> SignInRefusal {
    tracing::info!(code = error.code(), "sign-in token refused");
    SignInRefusal::Token(error)
}
