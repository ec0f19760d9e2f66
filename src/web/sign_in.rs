//! Sign-in: a name and nothing else, unless the installation says otherwise.

mod refusal;

use std::{borrow::Cow, convert::Infallible};

use askama::Template;
use axum::{
    Form,
    extract::{
        FromRequestParts, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{StatusCode, header::SET_COOKIE, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use tower_sessions::Session;

pub(super) use self::refusal::SignInRefusal;
use super::{Web, assets, client::Client, error, form_cookie::FormCookie, locale::Locale, texts::Texts};
use crate::{
    address::AddressHash,
    backplane::{Claim, Person, SessionTag},
    name::Name,
    origin::PublicUrls,
    protocol::Door,
    session::{NotSignedIn, SessionTerms, SignedIn},
    telemetry::instruments,
};

/// The form fields.
#[derive(Default, Deserialize)]
pub struct SignInForm {
    #[serde(default)]
    username: String,
    /// A token in place of a name.
    token: Option<String>,
    /// Present if the page's form was sent, not a request of a program: its cookie must come with it.
    form: Option<String>,
}

/// The query of `GET /`.
#[derive(Default, Deserialize)]
pub struct SignInQuery {
    /// Why the session has ended.
    why: Option<String>,
}

/// Whether a request carries the id of a session, which need not exist, and the session. Extract it before the session is
/// looked up.
pub struct CarriesSession(bool, Option<Session>);

impl<S: Send + Sync> FromRequestParts<S> for CarriesSession {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let session = parts.extensions.get::<Session>().cloned();
        Ok(Self(session.as_ref().is_some_and(|session| session.id().is_some()), session))
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
    client: Client,
    query: Result<Query<SignInQuery>, QueryRejection>,
    carries: CarriesSession,
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Response {
    match signed_in {
        Err(NotSignedIn::Unreadable) => return error::unavailable(locale),
        signed_in if web.has_new_proxy_user(&client, signed_in.as_ref().ok()) => {
            let Some(session) = &carries.1 else { return error::unavailable(locale) };
            return web.sign_in_proxy_user(locale, &client, session).await;
        }
        Ok(_) => return redirect_to_room(),
        Err(NotSignedIn::Nobody) => {}
    }
    let why = query.ok().and_then(|Query(query)| query.why).or_else(|| carries.0.then(|| "expired".to_owned()));
    let notice = why.and_then(|why| end_of_session(Texts::of(locale), &why)).map(Cow::Borrowed);
    let notice = web.closed_notice(Texts::of(locale)).map(Cow::Owned).or(notice);
    let page = SignInPage { notice: notice.as_deref(), ..SignInPage::new(&web, locale, "", None) };
    let mut response = page.respond(StatusCode::OK);
    if carries.0 {
        // It is said once.
        response.headers_mut().append(SET_COOKIE, web.sessions.removal_cookie());
    }
    web.with_form_cookie(&client, response)
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
    client: Client,
    signed_in: Result<SignedIn, NotSignedIn>,
    session: Session,
    form: Result<Form<SignInForm>, FormRejection>,
) -> Response {
    if !web.allows_post(&client) {
        return web.refuse_post(locale, &client);
    }
    let form = match form {
        Ok(Form(form)) => form,
        Err(FormRejection::FailedToDeserializeForm(_) | FormRejection::FailedToDeserializeFormBody(_)) => {
            SignInForm::default()
        }
        Err(rejection) => return rejection.into_response(),
    };
    if let Some(token) = &form.token {
        return match web.admit_account(&client, &session, token).await {
            Ok(_) => redirect_to_room(),
            Err(refusal) => refusal.respond(&web, locale, ""),
        };
    }
    match signed_in {
        Ok(_) => return redirect_to_room(),
        Err(NotSignedIn::Unreadable) => return error::unavailable(locale),
        Err(NotSignedIn::Nobody) => {}
    }
    match web.admit_person(&client, &session, &form).await {
        Ok(()) => {
            instruments().signed_in("entered");
            redirect_to_room()
        }
        Err(refusal) => web.with_form_cookie(&client, refusal.respond(&web, locale, &form.username)),
    }
}

impl Web {
    /// Sets the form's cookie, unless the request has one.
    fn with_form_cookie(&self, client: &Client, mut response: Response) -> Response {
        let scope = self.site.cookie_scope();
        if FormCookie::of(&client.headers, scope).is_none() {
            response.headers_mut().append(SET_COOKIE, FormCookie::random().header(scope));
        }
        response
    }

    /// Returns the sentence that says that the room is closed, while it is. Moderators may sign in all the same.
    fn closed_notice(&self, texts: &Texts) -> Option<String> {
        Some(match self.closed_door()?.text {
            Some(text) => format!("{} {text}", texts.sign_in.closed),
            None => texts.sign_in.closed.to_owned(),
        })
    }

    fn closed_door(&self) -> Option<Door> {
        self.room.rules().closed.filter(|door| door.is_shut(self.room.now_ms()))
    }

    /// Refuses all but moderators while the room is closed.
    pub(super) async fn check_door(&self, client: &Client) -> Result<(), SignInRefusal> {
        if self.closed_door().is_some() && !matches!(self.present_cookie(client).await, Ok(Some(_))) {
            return Err(SignInRefusal::Closed);
        }
        Ok(())
    }

    /// Refuses names by the rules that apply by themselves: those of moderators, those that only moderators may take, and those
    /// with a listed word. A person who has such a name keeps it: only typed names are checked.
    async fn check_name(&self, client: &Client, name: &Name) -> Result<(), SignInRefusal> {
        let rules = self.room.rule_checker();
        let owner = self.operator.as_ref().and_then(|operator| operator.owner_of(name.key()));
        let (is_reserved, has_word) = (rules.reserves(name.key()), rules.has_word(name));
        if owner.is_none() && !is_reserved && !has_word {
            return Ok(());
        }
        match self.present_cookie(client).await {
            Ok(Some(moderator)) if owner.is_none_or(|owner| owner == moderator.name) => Ok(()),
            _ if has_word => Err(SignInRefusal::Word),
            _ => Err(SignInRefusal::OfModerator),
        }
    }

    async fn admit_person(&self, client: &Client, session: &Session, form: &SignInForm) -> Result<(), SignInRefusal> {
        if !self.ways.name {
            return Err(SignInRefusal::NotOffered);
        }
        self.count_sign_in(client).map_err(SignInRefusal::too_many)?;
        self.check_door(client).await?;
        let cookie = FormCookie::of(&client.headers, self.site.cookie_scope());
        if form.form.is_some() && cookie.is_none() {
            return Err(SignInRefusal::NoCookies);
        }
        let name = Name::parse(&form.username).map_err(SignInRefusal::Name)?;
        self.check_name(client, &name).await?;
        self.sign_in_gate.admit(client.address).await?;
        let has_owners = self.ways.token || self.ways.proxy;
        if has_owners && self.accounts.gate.is_owned(name.key()).await.map_err(|_| SignInRefusal::Unavailable)? {
            return Err(SignInRefusal::OfAccount);
        }
        let address = self.address_hash(client).await?;
        match cookie {
            Some(cookie) => {
                let tag = cookie.session_tag(name.key());
                let person = Person { address, ..Person::new(name.key().clone(), name.shown(), tag) };
                sign_in(self, session, person, SessionTerms::default()).await
            }
            None => sign_in_once(self, session, &name, address).await,
        }
    }

    /// Returns the hash of a client's address. None for a moderator, whom no action against an address concerns, and where the
    /// address is a trusted proxy's own, which everybody behind it shares.
    pub(super) async fn address_hash(&self, client: &Client) -> Result<Option<AddressHash>, SignInRefusal> {
        if self.site.proxies.trusts(client.address) || matches!(self.present_cookie(client).await, Ok(Some(_))) {
            return Ok(None);
        }
        self.room.address_hash(client.address).await.map(Some).map_err(|_| SignInRefusal::Unavailable)
    }
}

/// Claims the name, then begins the session: a session never has a name that belongs to another one. A second call with the
/// same tag finds the claim of the first, and begins another session of the same person.
pub(super) async fn sign_in(
    web: &Web,
    session: &Session,
    person: Person,
    terms: SessionTerms,
) -> Result<(), SignInRefusal> {
    if web.sessions.bots().reserves(&person.name_key) {
        return Err(SignInRefusal::Reserved);
    }
    match web.room.claim(&person).await {
        Ok(Claim::Mine) => {}
        Ok(Claim::Held { left }) => return Err(SignInRefusal::Held { left }),
        Ok(Claim::Banned(left)) => return Err(SignInRefusal::Banned { left }),
        Err(_) => return Err(SignInRefusal::Unavailable),
    }
    // The record needs no address: a connection has one of its own.
    let person = Person { address: None, ..person };
    web.sessions.begin(session, &person, terms).await.map_err(|_| SignInRefusal::Unavailable)
}

/// Signs in for a client that cannot repeat it under the same tag: if its outcome is unknown, the name is released.
async fn sign_in_once(
    web: &Web,
    session: &Session,
    name: &Name,
    address: Option<AddressHash>,
) -> Result<(), SignInRefusal> {
    let tag = SessionTag::random();
    let person = Person { address, ..Person::new(name.key().clone(), name.shown(), tag.clone()) };
    let outcome = sign_in(web, session, person, SessionTerms::default()).await;
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
    /// People may type a name.
    asks_name: bool,
    /// The origins of the site's own addresses, with spaces; empty: any.
    addresses: String,
    /// The address that links lead to.
    canonical: String,
}

impl<'a> SignInPage<'a> {
    fn new(web: &Web, locale: Locale, typed: &'a str, reason: Option<&'a str>) -> Self {
        let (texts, base, asks_name) = (Texts::of(locale), assets::base(), web.ways.name);
        let own = web.site.public_urls.as_ref();
        let origins: Vec<String> = own.iter().flat_map(|own| own.origins()).map(ToString::to_string).collect();
        let (addresses, canonical) = (origins.join(" "), own.map(PublicUrls::canonical).unwrap_or_default());
        Self { texts, locale, base, typed, reason, notice: None, asks_name, addresses, canonical }
    }

    fn respond(&self, status: StatusCode) -> Response {
        error::html(status, self)
    }
}
