//! Programs: `Authorization: Bearer` in place of a cookie, and messages by HTTP.

mod message;

use std::{sync::LazyLock, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    middleware::Next,
    response::Response,
};

use parking_lot::Mutex;

pub use self::message::submit;
use super::error;
use crate::{
    origin::SitePolicy,
    rate::{Limiter, Rate},
    server::Peer,
    session::{GuessDenied, Sessions, bearer},
};

/// The routes that a program's token opens.
const ROUTES: [&str; 3] = ["/ws", "/api/messages", "/api/members"];

/// Wrong tokens that are logged: guesses from many addresses must not fill the log.
const LOGGED: Rate = Rate { per_second: 1.0, burst: 20.0 };
static LOG_LIMIT: LazyLock<Mutex<Limiter>> = LazyLock::new(Mutex::default);

/// What [`authenticate`] needs.
#[derive(Clone)]
pub struct BotDoor {
    sessions: Sessions,
    site: SitePolicy,
}

impl BotDoor {
    /// The programs of these sessions.
    pub fn new(sessions: Sessions, site: SitePolicy) -> Self {
        Self { sessions, site }
    }
}

/// Looks up the program of a request that has a token. Wrong tokens are counted like those of the operator.
pub async fn authenticate(State(door): State<BotDoor>, mut request: Request, next: Next) -> Response {
    let BotDoor { sessions, site } = door;
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if sessions.bots().is_empty() || !ROUTES.contains(&route) {
        return next.run(request).await;
    }
    let Some(token) = bearer(request.headers()) else { return next.run(request).await };
    let Some(peer) = request.extensions().get::<Peer>() else { return unauthorized() };
    let address = site.proxies.client(peer.0.ip(), request.headers());
    let guess = match sessions.guesses().count(address).await {
        Ok(guess) => guess,
        Err(GuessDenied::TooMany(wait)) => return error::json_too_many("too many wrong tokens", wait),
        Err(GuessDenied::Unavailable) => return error::json_unavailable(),
    };
    let Some(bot) = sessions.bots().find(token).cloned() else {
        if LOG_LIMIT.lock().take(LOGGED.pace(), Instant::now()).is_ok() {
            tracing::warn!(%address, "wrong token of a program");
        }
        return unauthorized();
    };
    guess.refund().await;
    request.extensions_mut().insert(bot);
    next.run(request).await
}

fn unauthorized() -> Response {
    let reason = "a program's token is needed: Authorization: Bearer …";
    let mut refusal = error::json_code(StatusCode::UNAUTHORIZED, "unauthorized", reason);
    refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refusal
}
