//! Signing out.

use axum::{
    extract::State,
    http::header::SET_COOKIE,
    response::{IntoResponse, Redirect, Response},
};

use super::{Web, client::Client, error, locale::Locale};
use crate::session::{NotSignedIn, SignedIn};

/// `POST /logout`: ends the presence on every instance, then the session. 303: signed out. 503: still signed in, and it can
/// be repeated.
pub async fn submit(
    State(web): State<Web>,
    locale: Locale,
    client: Client,
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Response {
    if !web.allows_post(&client) {
        return web.refuse_post(locale, &client);
    }
    match signed_in {
        Ok(signed_in) if !end(&web, &signed_in).await => error::unavailable(locale),
        Err(NotSignedIn::Unreadable) => error::unavailable(locale),
        Ok(_) => ([(SET_COOKIE, web.sessions.removal_cookie())], Redirect::to("/")).into_response(),
        Err(NotSignedIn::Nobody) => Redirect::to("/").into_response(),
    }
}

/// Ends the presence first: after the session is deleted it could not be repeated.
async fn end(web: &Web, signed_in: &SignedIn) -> bool {
    let SignedIn { person, id, .. } = signed_in;
    web.room.end(&person.session, &person.name_key).await.is_ok() && web.sessions.delete(id).await.is_ok()
}
