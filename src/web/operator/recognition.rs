//! Recognises the moderators among people in the room.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use crate::{
    session::{ModeratorPass, TokensModerate},
    web::{Web, client::Client},
};

/// Adds a [`ModeratorPass`] to the request of a moderator who is signed in by the cookie, and whether tokens can make moderators.
/// Wrong cookies are counted like any other guess.
pub async fn recognise(State(web): State<Web>, client: Client, mut request: Request, next: Next) -> Response {
    let is_moderator = matches!(web.present_cookie(&client).await, Ok(Some(_)));
    if let Some(auth) = web.operator.clone().filter(|_| is_moderator)
        && let Some(id) = auth.sent_cookie(&client.headers)
    {
        let pass = ModeratorPass::new(move || {
            let (auth, id) = (auth.clone(), id.clone());
            Box::pin(async move { matches!(auth.by_session(&id).await, Ok(Some(_))) })
        });
        request.extensions_mut().insert(pass);
    }
    if web.accounts.verifier.is_some() {
        request.extensions_mut().insert(TokensModerate);
    }
    next.run(request).await
}
