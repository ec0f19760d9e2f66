//! Sign-in: a name and nothing else.

use std::{borrow::Cow, time::Duration};

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use tower_sessions::Session;

use super::{
    Web, assets, error,
    locale::Locale,
    peer::PeerIp,
    texts::{Texts, format_rounded_up},
};
use crate::{
    backplane::{Claim, Person, SessionTag, is_for_good},
    name::{Name, NameError},
    session::{NotSignedIn, SignInDenied, SignedIn},
    telemetry::instruments,
};

/// When to try again if Redis is nearly full: sessions that never join have expired by then.
const FULL_RETRY_SECONDS: &str = "120";

/// The form fields.
#[derive(Default, Deserialize)]
pub struct SignInForm {
    #[serde(default)]
    username: String,
}

/// `GET /`: the form, or a redirect to the room if the person is signed in.
pub async fn form(locale: Locale, signed_in: Result<SignedIn, NotSignedIn>) -> Response {
    match signed_in {
        Ok(_) => redirect_to_room(),
        Err(NotSignedIn::Nobody) => SignInPage::new(locale, "", None).respond(StatusCode::OK),
        Err(NotSignedIn::Unreadable) => error::unavailable(locale),
    }
}

/// `POST /`: signs in, or shows the form again with the reason.
pub async fn submit(
    State(web): State<Web>,
    locale: Locale,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    signed_in: Result<SignedIn, NotSignedIn>,
    session: Session,
    form: Result<Form<SignInForm>, FormRejection>,
) -> Response {
    if !web.site.allows_post(&headers, peer) {
        return error::foreign(locale);
    }
    match signed_in {
        Ok(_) => return redirect_to_room(),
        Err(NotSignedIn::Unreadable) => return error::unavailable(locale),
        Err(NotSignedIn::Nobody) => {}
    }
    let typed = match form {
        Ok(Form(form)) => form.username,
        Err(FormRejection::FailedToDeserializeForm(_) | FormRejection::FailedToDeserializeFormBody(_)) => String::new(),
        Err(rejection) => return rejection.into_response(),
    };
    let refused = |refusal: SignInRefusal| refusal.respond(locale, &typed);
    if let Err(wait) = web.count_sign_in(peer, &headers) {
        return refused(SignInRefusal::TooMany { seconds: wait.as_secs() + 1 });
    }
    let name = match Name::parse(&typed) {
        Ok(name) => name,
        Err(error) => return refused(SignInRefusal::Name(error)),
    };
    if let Err(denied) = web.sign_in_gate.admit(web.site.proxies.client(peer, &headers)).await {
        return refused(denied.into());
    }
    match sign_in(&web, &session, &name).await {
        Ok(()) => {
            instruments().signed_in("entered");
            redirect_to_room()
        }
        Err(refusal) => refused(refusal),
    }
}

/// Claims the name, then begins the session: a session never has a name that belongs to another one.
async fn sign_in(web: &Web, session: &Session, name: &Name) -> Result<(), SignInRefusal> {
    let tag = SessionTag::random();
    match web.room.claim(name.key(), &tag).await {
        Ok(Claim::Mine) => {}
        Ok(Claim::Held) => return Err(SignInRefusal::Held),
        Ok(Claim::Banned(left)) => return Err(SignInRefusal::Banned { left }),
        Err(_) => {
            // The claim may still succeed later, for a session that will not exist: release it after that.
            let (room, name_key) = (web.room.clone(), name.key().to_owned());
            tokio::spawn(async move { room.end(&tag, &name_key).await });
            return Err(SignInRefusal::Unavailable);
        }
    }
    let person = Person { name: name.shown().to_owned(), name_key: name.key().clone(), session: tag };
    if web.sessions.begin(session, &person).await.is_err() {
        // Release the name. If that fails too, the claim expires.
        let _ = web.room.end(&person.session, &person.name_key).await;
        return Err(SignInRefusal::Unavailable);
    }
    Ok(())
}

fn redirect_to_room() -> Response {
    Redirect::to("/chat").into_response()
}

/// Why a sign-in is refused.
#[derive(Clone, Copy)]
enum SignInRefusal {
    Name(NameError),
    Held,
    Banned { left: Duration },
    TooMany { seconds: u64 },
    Full,
    Unavailable,
}

impl From<SignInDenied> for SignInRefusal {
    fn from(denied: SignInDenied) -> Self {
        match denied {
            SignInDenied::TooMany(wait) => Self::TooMany { seconds: wait.as_secs() + 1 },
            SignInDenied::Full => Self::Full,
            SignInDenied::Unavailable => Self::Unavailable,
        }
    }
}

impl SignInRefusal {
    /// The form again, with the typed name and the reason.
    fn respond(self, locale: Locale, typed: &str) -> Response {
        instruments().signed_in(self.outcome());
        let reason = self.reason(Texts::of(locale));
        let page = SignInPage::new(locale, typed, Some(&reason));
        match self {
            Self::Name(_) => page.respond(StatusCode::UNPROCESSABLE_ENTITY),
            Self::Held => page.respond(StatusCode::CONFLICT),
            Self::Banned { .. } => page.respond(StatusCode::FORBIDDEN),
            Self::TooMany { seconds } => {
                error::with_retry_after(page.respond(StatusCode::TOO_MANY_REQUESTS), &seconds.to_string())
            }
            Self::Full => error::with_retry_after(page.respond(StatusCode::SERVICE_UNAVAILABLE), FULL_RETRY_SECONDS),
            Self::Unavailable => {
                error::with_retry_after(page.respond(StatusCode::SERVICE_UNAVAILABLE), error::RETRY_SECONDS)
            }
        }
    }

    /// The outcome in metrics.
    fn outcome(self) -> &'static str {
        match self {
            Self::Name(_) => "bad_name",
            Self::Held => "held",
            Self::Banned { .. } => "banned",
            Self::TooMany { .. } => "too_many",
            Self::Full => "full",
            Self::Unavailable => "unavailable",
        }
    }

    fn reason(self, texts: &Texts) -> Cow<'_, str> {
        let Texts { sign_in, units, .. } = texts;
        let reason = match self {
            Self::Banned { left } if is_for_good(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)) => {
                sign_in.banned_for_good
            }
            Self::Banned { left } => return sign_in.banned.replace("{left}", &format_rounded_up(left, units)).into(),
            Self::Name(NameError::Empty) => sign_in.empty,
            Self::Name(NameError::TooLong) => sign_in.too_long,
            Self::Name(NameError::Invisible) => sign_in.invisible,
            Self::Name(NameError::Unknown) => sign_in.unknown,
            Self::Name(NameError::Marks) => sign_in.marks,
            Self::Held => sign_in.held,
            Self::TooMany { .. } => sign_in.too_many,
            Self::Full => sign_in.full,
            Self::Unavailable => sign_in.unavailable,
        };
        reason.into()
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    texts: &'static Texts,
    locale: Locale,
    base: String,
    typed: &'a str,
    reason: Option<&'a str>,
}

impl<'a> SignInPage<'a> {
    fn new(locale: Locale, typed: &'a str, reason: Option<&'a str>) -> Self {
        Self { texts: Texts::of(locale), locale, base: assets::base(), typed, reason }
    }

    fn respond(&self, status: StatusCode) -> Response {
        error::html(status, self)
    }
}
