//! Signing out.

use axum::{
    extract::State,
    http::{HeaderMap, header::SET_COOKIE},
    response::{IntoResponse, Redirect, Response},
};

use super::{Web, error, locale::Locale, peer::PeerIp};
use crate::session::{NotSignedIn, SignedIn};

/// `POST /logout`: ends the presence on every instance, then the session. 303: signed out. 503: still signed in, and it can
/// be repeated.
pub async fn submit(
    State(web): State<Web>,
    locale: Locale,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Response {
    if !web.site.allows_post(&headers, peer) {
        return web.refuse_post(locale, &headers, peer);
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
