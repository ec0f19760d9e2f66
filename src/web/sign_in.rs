//! Signing in: a name, and nothing else.

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
    texts::{Texts, about},
};
use crate::{
    backplane::{Claim, Person, SessionTag},
    name::{Name, NameError},
    session::{NotSignedIn, SignedIn},
    telemetry::instruments,
};

/// What the form sends.
#[derive(Default, Deserialize)]
pub struct Fields {
    #[serde(default)]
    username: String,
}

/// `GET /`: the form, or the room for who is signed in.
pub async fn form(locale: Locale, signed_in: Result<SignedIn, NotSignedIn>) -> Response {
    match signed_in {
        Ok(_) => to_the_room(),
        Err(NotSignedIn::Nobody) => Page::new(locale, "", None).answer(StatusCode::OK),
        Err(NotSignedIn::Unreadable) => error::unavailable(locale),
    }
}

/// `POST /`: into the room, or the form again with the reason why not.
pub async fn submit(
    State(web): State<Web>,
    locale: Locale,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    signed_in: Result<SignedIn, NotSignedIn>,
    session: Session,
    fields: Result<Form<Fields>, FormRejection>,
) -> Response {
    if !web.site.allows_post(&headers, peer) {
        return error::foreign(locale);
    }
    match signed_in {
        Ok(_) => return to_the_room(),
        Err(NotSignedIn::Unreadable) => return error::unavailable(locale),
        Err(NotSignedIn::Nobody) => {}
    }
    let typed = match fields {
        Ok(Form(fields)) => fields.username,
        Err(FormRejection::FailedToDeserializeForm(_) | FormRejection::FailedToDeserializeFormBody(_)) => String::new(),
        Err(rejection) => return rejection.into_response(),
    };
    let refused = |refusal: Refusal| refusal.answer(locale, &typed);
    if let Err(wait) = web.count_sign_in(peer, &headers) {
        return refused(Refusal::TooMany { seconds: wait.as_secs() + 1 });
    }
    let name = match Name::parse(&typed) {
        Ok(name) => name,
        Err(error) => return refused(Refusal::Name(error)),
    };
    match enter(&web, &session, &name).await {
        Ok(()) => {
            instruments().signed_in("entered");
            to_the_room()
        }
        Err(refusal) => refused(refusal),
    }
}

/// Takes the name, then begins the session: nobody is ever signed in under a name that is somebody else's.
async fn enter(web: &Web, session: &Session, name: &Name) -> Result<(), Refusal> {
    let tag = SessionTag::random();
    match web.room.claim(name.key(), &tag).await {
        Ok(Claim::Mine) => {}
        Ok(Claim::Held) => return Err(Refusal::Held),
        Ok(Claim::Banned(left)) => return Err(Refusal::Banned { left }),
        Err(_) => {
            // It may be taken all the same, later, for a session that nobody will have: let go of it after that.
            let (room, name_key) = (web.room.clone(), name.key().to_owned());
            tokio::spawn(async move { room.end(&tag, &name_key).await });
            return Err(Refusal::Unavailable);
        }
    }
    let person = Person { name: name.shown().to_owned(), name_key: name.key().clone(), session: tag };
    if web.sessions.begin(session, &person).await.is_err() {
        // The name would stay held by a session that nobody has. If that fails too, the hold runs out by itself.
        let _ = web.room.end(&person.session, &person.name_key).await;
        return Err(Refusal::Unavailable);
    }
    Ok(())
}

fn to_the_room() -> Response {
    Redirect::to("/chat").into_response()
}

/// Why somebody is not let in.
#[derive(Clone, Copy)]
enum Refusal {
    Name(NameError),
    Held,
    Banned { left: Duration },
    TooMany { seconds: u64 },
    Unavailable,
}

impl Refusal {
    /// The form again, with the reason beside what was typed.
    fn answer(self, locale: Locale, typed: &str) -> Response {
        instruments().signed_in(self.name());
        let reason = self.reason(Texts::of(locale));
        let page = Page::new(locale, typed, Some(&reason));
        match self {
            Self::Name(_) => page.answer(StatusCode::UNPROCESSABLE_ENTITY),
            Self::Held => page.answer(StatusCode::CONFLICT),
            Self::Banned { .. } => page.answer(StatusCode::FORBIDDEN),
            Self::TooMany { seconds } => {
                error::with_retry_after(page.answer(StatusCode::TOO_MANY_REQUESTS), &seconds.to_string())
            }
            Self::Unavailable => {
                error::with_retry_after(page.answer(StatusCode::SERVICE_UNAVAILABLE), error::RETRY_SECONDS)
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Name(_) => "bad_name",
            Self::Held => "held",
            Self::Banned { .. } => "banned",
            Self::TooMany { .. } => "too_many",
            Self::Unavailable => "unavailable",
        }
    }

    fn reason(self, texts: &Texts) -> Cow<'_, str> {
        let Texts { sign_in, units, .. } = texts;
        let reason = match self {
            Self::Banned { left } => return sign_in.banned.replace("{left}", &about(left, units)).into(),
            Self::Name(NameError::Empty) => sign_in.empty,
            Self::Name(NameError::TooLong) => sign_in.too_long,
            Self::Name(NameError::Invisible) => sign_in.invisible,
            Self::Name(NameError::Unknown) => sign_in.unknown,
            Self::Name(NameError::Marks) => sign_in.marks,
            Self::Held => sign_in.held,
            Self::TooMany { .. } => sign_in.too_many,
            Self::Unavailable => sign_in.unavailable,
        };
        reason.into()
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page<'a> {
    texts: &'static Texts,
    locale: Locale,
    base: String,
    typed: &'a str,
    reason: Option<&'a str>,
}

impl<'a> Page<'a> {
    fn new(locale: Locale, typed: &'a str, reason: Option<&'a str>) -> Self {
        Self { texts: Texts::of(locale), locale, base: assets::base(), typed, reason }
    }

    fn answer(&self, status: StatusCode) -> Response {
        error::html(status, self)
    }
}
