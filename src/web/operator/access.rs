//! Access of a moderator to a response that goes on for minutes: it ends with the token, line or session that began it.

use axum::http::HeaderMap;
use tower_sessions::session::Id as SessionId;

use crate::{
    session::{Alive, NotSignedIn, SignedIn, bearer},
    web::Web,
};

/// The credential that admitted a request of a moderator.
pub struct Access {
    /// The headers with the token or cookie.
    headers: HeaderMap,
    /// The session that a site handed to the moderator.
    session: Option<SessionId>,
}

impl Access {
    /// Of a request that is admitted.
    pub fn new(web: &Web, headers: HeaderMap, signed_in: &Result<SignedIn, NotSignedIn>) -> Self {
        let session =
            signed_in.as_ref().ok().filter(|signed_in| web.is_handed_in_moderator(signed_in)).map(|one| one.id);
        Self { headers, session }
    }

    /// Whether it would be admitted again. Counts no guess.
    pub async fn is_valid(&self, web: &Web) -> bool {
        let Some(operator) = &web.operator else { return false };
        if let Some(token) = bearer(&self.headers) {
            return operator.by_token(token).is_some();
        }
        if let Some(session) = &self.session {
            return matches!(web.sessions.touch(session).await, Ok(Alive::Yes));
        }
        match operator.sent_cookie(&self.headers) {
            Some(id) => matches!(operator.by_session(&id).await, Ok(Some(_))),
            None => false,
        }
    }
}
