//! Recognises the moderators among people in the room.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use crate::{
    session::ModeratorPass,
    web::{Web, peer::PeerIp},
};

/// Adds a [`ModeratorPass`] to the request of a signed-in moderator. Wrong cookies are counted like any other guess.
pub async fn recognise(State(web): State<Web>, PeerIp(peer): PeerIp, mut request: Request, next: Next) -> Response {
    let is_moderator = matches!(web.present_cookie(peer, request.headers()).await, Ok(Some(_)));
    if let Some(auth) = web.operator.clone().filter(|_| is_moderator)
        && let Some(id) = auth.sent_cookie(request.headers())
    {
        let check = move || -> futures_util::future::BoxFuture<'static, bool> {
            let (auth, id) = (auth.clone(), id.clone());
            Box::pin(async move { matches!(auth.by_session(&id).await, Ok(Some(_))) })
        };
        request.extensions_mut().insert(ModeratorPass::new(check));
    }
    next.run(request).await
}
