//! Sign-in: a name and nothing else.

use std::{borrow::Cow, convert::Infallible, net::IpAddr, time::Duration};

use askama::Template;
use axum::{
    Form,
    extract::{
        FromRequestParts, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header::SET_COOKIE, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use tower_sessions::Session;

use super::{
    Web, assets, error,
    form_cookie::FormCookie,
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
    /// Present if the page's form was sent, not a request of a program: its cookie must come with it.
    form: Option<String>,
}

/// The query of `GET /`.
#[derive(Default, Deserialize)]
pub struct SignInQuery {
    /// Why the session has ended.
    why: Option<String>,
}

/// Whether a request carries the id of a session, which need not exist. Extract it before the session is looked up.
pub struct CarriesSession(bool);

impl<S: Send + Sync> FromRequestParts<S> for CarriesSession {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Session>().is_some_and(|session| session.id().is_some())))
    }
}

impl CarriesSession {
    /// Returns where a person without a session signs in: the form says that theirs has ended.
    pub fn sign_in_path(&self) -> &'static str {
        if self.0 { "/?why=expired" } else { "/" }
    }
}

/// `GET /`: the form, or a redirect to the room if the person is signed in.
pub async fn form(
    State(web): State<Web>,
    locale: Locale,
    query: Result<Query<SignInQuery>, QueryRejection>,
    headers: HeaderMap,
    carries: CarriesSession,
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Response {
    match signed_in {
        Ok(_) => return redirect_to_room(),
        Err(NotSignedIn::Unreadable) => return error::unavailable(locale),
        Err(NotSignedIn::Nobody) => {}
    }
    let why = query.ok().and_then(|Query(query)| query.why).or_else(|| carries.0.then(|| "expired".to_owned()));
    let notice = why.and_then(|why| end_of_session(Texts::of(locale), &why)).map(Cow::Borrowed);
    let notice = web.closed_notice(Texts::of(locale)).map(Cow::Owned).or(notice);
    let page = SignInPage { notice: notice.as_deref(), ..SignInPage::new(locale, "", None) };
    let mut response = page.respond(StatusCode::OK);
    if carries.0 {
        // It is said once.
        response.headers_mut().append(SET_COOKIE, web.sessions.removal_cookie());
    }
    web.with_form_cookie(&headers, response)
}

/// Returns the sentence that says why a session has ended.
fn end_of_session(Texts { sign_in, .. }: &'static Texts, why: &str) -> Option<&'static str> {
    match why {
        "banned" => Some(sign_in.was_banned),
        "expired" => Some(sign_in.has_expired),
        "name_lost" => Some(sign_in.name_lost),
        "ended" => Some(sign_in.has_ended),
        _ => None,
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
        return web.refuse_post(locale, &headers, peer);
    }
    match signed_in {
        Ok(_) => return redirect_to_room(),
        Err(NotSignedIn::Unreadable) => return error::unavailable(locale),
        Err(NotSignedIn::Nobody) => {}
    }
    let form = match form {
        Ok(Form(form)) => form,
        Err(FormRejection::FailedToDeserializeForm(_) | FormRejection::FailedToDeserializeFormBody(_)) => {
            SignInForm::default()
        }
        Err(rejection) => return rejection.into_response(),
    };
    if let Some(notice) = web.closed_notice(Texts::of(locale))
        && !matches!(web.present_cookie(peer, &headers).await, Ok(Some(_)))
    {
        instruments().signed_in("closed");
        let page = SignInPage { notice: Some(&notice), ..SignInPage::new(locale, &form.username, None) };
        return web.with_form_cookie(&headers, page.respond(StatusCode::FORBIDDEN));
    }
    match web.admit_person(peer, &headers, &session, &form).await {
        Ok(()) => {
            instruments().signed_in("entered");
            redirect_to_room()
        }
        Err(refusal) => web.with_form_cookie(&headers, refusal.respond(locale, &form.username)),
    }
}

impl Web {
    /// Sets the form's cookie, unless the request has one.
    fn with_form_cookie(&self, headers: &HeaderMap, mut response: Response) -> Response {
        let secure = self.site.is_https();
        if FormCookie::of(headers, secure).is_none() {
            response.headers_mut().append(SET_COOKIE, FormCookie::random().header(secure));
        }
        response
    }

    /// Returns the sentence that says that the room is closed, while it is. Moderators may sign in all the same.
    fn closed_notice(&self, texts: &Texts) -> Option<String> {
        let now_ms = u64::try_from(self.room.now().as_millis()).unwrap_or(u64::MAX);
        let door = self.room.rules().closed.filter(|door| door.is_shut(now_ms))?;
        Some(match door.text {
            Some(text) => format!("{} {text}", texts.sign_in.closed),
            None => texts.sign_in.closed.to_owned(),
        })
    }

    async fn admit_person(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        session: &Session,
        form: &SignInForm,
    ) -> Result<(), SignInRefusal> {
        let too_many = |wait: Duration| SignInRefusal::TooMany { seconds: wait.as_secs() + 1 };
        self.count_sign_in(peer, headers).map_err(too_many)?;
        let cookie = FormCookie::of(headers, self.site.is_https());
        if form.form.is_some() && cookie.is_none() {
            return Err(SignInRefusal::NoCookies);
        }
        let name = Name::parse(&form.username).map_err(SignInRefusal::Name)?;
        self.sign_in_gate.admit(self.site.proxies.client(peer, headers)).await?;
        match cookie {
            Some(cookie) => sign_in(self, session, &name, cookie.session_tag(name.key())).await,
            None => sign_in_once(self, session, &name).await,
        }
    }
}

/// Claims the name, then begins the session: a session never has a name that belongs to another one. A second call with the
/// same tag finds the claim of the first, and begins another session of the same person.
async fn sign_in(web: &Web, session: &Session, name: &Name, tag: SessionTag) -> Result<(), SignInRefusal> {
    if web.sessions.bots().reserves(name.key()) {
        return Err(SignInRefusal::Reserved);
    }
    match web.room.claim(name.key(), &tag).await {
        Ok(Claim::Mine) => {}
        Ok(Claim::Held { left }) => return Err(SignInRefusal::Held { left }),
        Ok(Claim::Banned(left)) => return Err(SignInRefusal::Banned { left }),
        Err(_) => return Err(SignInRefusal::Unavailable),
    }
    let person = Person { name: name.shown().to_owned(), name_key: name.key().clone(), session: tag };
    web.sessions.begin(session, &person).await.map_err(|_| SignInRefusal::Unavailable)
}

/// Signs in for a client that cannot repeat it under the same tag: if its outcome is unknown, the name is released.
async fn sign_in_once(web: &Web, session: &Session, name: &Name) -> Result<(), SignInRefusal> {
    let tag = SessionTag::random();
    let outcome = sign_in(web, session, name, tag.clone()).await;
    if matches!(outcome, Err(SignInRefusal::Unavailable)) {
        // The claim may still succeed later: release it after that. If that fails too, the claim expires.
        let (room, name_key) = (web.room.clone(), name.key().clone());
        tokio::spawn(async move { room.end(&tag, &name_key).await });
    }
    outcome
}

fn redirect_to_room() -> Response {
    Redirect::to("/chat").into_response()
}

/// Why a sign-in is refused.
#[derive(Clone, Copy)]
enum SignInRefusal {
    Name(NameError),
    Held {
        left: Option<Duration>,
    },
    NoCookies,
    /// The name belongs to a program.
    Reserved,
    Banned {
        left: Duration,
    },
    TooMany {
        seconds: u64,
    },
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
            Self::Held { .. } | Self::Reserved => page.respond(StatusCode::CONFLICT),
            Self::NoCookies => page.respond(StatusCode::BAD_REQUEST),
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
            Self::Held { .. } => "held",
            Self::NoCookies => "no_cookies",
            Self::Reserved => "reserved",
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
            Self::Held { left: Some(left) } => {
                return sign_in.reserved.replace("{left}", &format_rounded_up(left, units)).into();
            }
            Self::Name(NameError::Empty) => sign_in.empty,
            Self::Name(NameError::TooLong) => sign_in.too_long,
            Self::Name(NameError::Invisible) => sign_in.invisible,
            Self::Name(NameError::Unknown) => sign_in.unknown,
            Self::Name(NameError::Marks) => sign_in.marks,
            Self::Held { left: None } => sign_in.held,
            Self::NoCookies => sign_in.no_cookies,
            Self::Reserved => sign_in.of_program,
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
    /// Why the last session has ended.
    notice: Option<&'a str>,
}

impl<'a> SignInPage<'a> {
    fn new(locale: Locale, typed: &'a str, reason: Option<&'a str>) -> Self {
        Self { texts: Texts::of(locale), locale, base: assets::base(), typed, reason, notice: None }
    }

    fn respond(&self, status: StatusCode) -> Response {
        error::html(status, self)
    }
}
