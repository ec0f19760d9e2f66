//! `GET /chat`: the page of the room.

mod shell;
mod timeline;

use std::sync::Arc;

use axum::{
    extract::State,
    http::{Uri, header::SET_COOKIE},
    response::{IntoResponse, Redirect, Response},
};

pub use self::timeline::format_clock;
use self::{
    shell::{Shell, Visitor},
    timeline::Timeline,
};
use super::{
    Web,
    client::Client,
    compression::{self, Busy, accepts},
    error,
    form_cookie::FormCookie,
    locale::Locale,
    page_cache::{PageCache, Uncached},
    proxy_user::SIGNED_IN,
    sign_in::{CarriesSession, SignInRefusal},
    texts::Texts,
};
use crate::{
    backplane::{Cursor, Page},
    session::{Alive, NotSignedIn, SignedIn},
};

/// Messages in the page as it is served.
const NEWEST: usize = 50;
/// Timelines in the cache: one per language, and one per author of one of its messages.
const CACHED: usize = 32;

/// The newest messages in the current revision of the history, by language and, for their authors, by name.
pub type Timelines = PageCache<(Locale, Option<String>), Timeline>;

/// An empty cache.
pub fn timelines() -> Timelines {
    PageCache::new(CACHED)
}

/// Compresses what all pages share, which takes some milliseconds.
pub fn prepare() {
    Shell::of(Locale::Indonesian);
    Shell::of(Locale::English);
}

/// `GET /chat`: the room with its newest messages.
pub async fn show(
    State(web): State<Web>,
    locale: Locale,
    client: Client,
    uri: Uri,
    carries: CarriesSession,
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Response {
    let sign_in = || Redirect::to(carries.sign_in_path()).into_response();
    let is_new_user = web.has_new_proxy_user(&client, signed_in.as_ref().ok());
    let signed_in = match signed_in {
        Err(NotSignedIn::Nobody) if is_new_user && uri.query() == SIGNED_IN.split('?').nth(1) => {
            return SignInRefusal::NoCookies.respond(&web, locale, "");
        }
        Ok(_) if is_new_user => return Redirect::to("/").into_response(),
        Ok(signed_in) => signed_in,
        Err(NotSignedIn::Nobody) => return sign_in(),
        Err(NotSignedIn::Unreadable) => return error::unavailable(locale),
    };
    let is_handed_in = web.is_handed_in_moderator(&signed_in);
    let SignedIn { person, id, .. } = signed_in;
    if let Err(refusal) = web.admit_read(&person.session, &client, NEWEST) {
        return refusal.respond(locale);
    }
    match web.sessions.touch(&id).await {
        Ok(Alive::Yes) => {}
        Ok(Alive::No) => return sign_in(),
        Err(_) => return error::unavailable(locale),
    }
    // Read before the page: a message sent in between comes after it.
    let head = web.room.head();
    let Ok(timeline) = newest(&web, locale, &person.name).await else { return error::unavailable(locale) };
    let gzip = accepts(&client.headers, "gzip");
    let has_cookie = web.operator.as_ref().map(|operator| operator.sent_cookie(&client.headers).is_some());
    let moderates = has_cookie.map(|has_cookie| has_cookie || is_handed_in);
    let visitor = Visitor { name: &person.name, moderates };
    let page = Shell::of(locale).fill(visitor, head, &timeline, gzip);
    let mut response = compression::respond("text/html; charset=utf-8", page, gzip);
    let scope = web.site.cookie_scope();
    if FormCookie::of(&client.headers, scope).is_some() {
        response.headers_mut().append(SET_COOKIE, FormCookie::removal(scope));
    }
    response
}

/// Returns the newest messages for a person, from the cache if possible.
async fn newest(web: &Web, locale: Locale, you: &str) -> Result<Arc<Timeline>, Busy> {
    if let Some(revision) = web.room.history_revision() {
        match recent(web, revision, locale, you).await {
            Ok(timeline) => return Ok(timeline),
            Err(Uncached::Busy) => return Err(Busy),
            Err(Uncached::NotRecent) => {}
        }
    }
    // The page works without messages, too: the socket brings them.
    let page = web.room.page(Cursor::Newest, NEWEST).await.unwrap_or_default();
    render(page, locale, Some(you)).await.map(Arc::new)
}

async fn recent(web: &Web, revision: u64, locale: Locale, you: &str) -> Result<Arc<Timeline>, Uncached> {
    let cached = async |you: Option<&str>| {
        let make = async || {
            let page = web.room.recent_page(Cursor::Newest, NEWEST).ok_or(Uncached::NotRecent)?;
            Ok(render(page, locale, you).await?)
        };
        web.timelines.get(revision, (locale, you.map(str::to_owned)), make).await
    };
    let timeline = cached(None).await?;
    if timeline.authors.contains(you) { cached(Some(you)).await } else { Ok(timeline) }
}

async fn render(page: Page, locale: Locale, you: Option<&str>) -> Result<Timeline, Busy> {
    let you = you.map(str::to_owned);
    compression::run(move || Timeline::new(Texts::of(locale), &page, you.as_deref())).await
}
