//! `GET /api/operator/log`: moderators' actions as JSON lines, oldest first.

use std::time::Duration;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use tokio::time::{Instant, sleep};
use tower_sessions::session::Id as SessionId;

use super::{
    Moderator,
    lines::{self, Cut, LineSource},
};
use crate::{
    protocol::Id,
    session::{Alive, NotSignedIn, SignedIn, bearer},
    web::{Web, error},
};

/// Actions of a portion.
const PORTION: usize = 200;
/// Time between two reads of new actions, and between two checks that the client still is a moderator.
const POLL: Duration = Duration::from_millis(500);
/// Least time between two empty lines, which keep proxies from closing a connection without data.
const QUIET: Duration = Duration::from_secs(25);
/// How long a log is followed at most.
const MOST: Duration = Duration::from_secs(3600);

/// The query parameters.
#[derive(Deserialize)]
pub struct LogQuery {
    after: Option<Id>,
    #[serde(default)]
    follow: bool,
}

/// A log that is read.
struct Log {
    web: Web,
    /// The headers that authenticate the moderator, unless a session does.
    headers: HeaderMap,
    /// The session that a site handed to the moderator.
    session: Option<SessionId>,
    after: Option<Id>,
    follow: bool,
    is_over: bool,
    /// When the last line was sent.
    sent: Instant,
}

/// `GET /api/operator/log`.
pub async fn show(
    State(web): State<Web>,
    headers: HeaderMap,
    _: Moderator,
    signed_in: Result<SignedIn, NotSignedIn>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Response {
    let session = signed_in.ok().filter(|signed_in| web.is_handed_in_moderator(signed_in)).map(|one| one.id);
    let Ok(Query(LogQuery { after, follow })) = query else {
        return error::json(StatusCode::BAD_REQUEST, "after is the id of an action, follow is true or false");
    };
    let mut log = Log { web, headers, session, after, follow, is_over: false, sent: Instant::now() };
    match log.read().await {
        Ok(first) => lines::respond(first, log, MOST, None),
        Err(Cut) => error::json_unavailable(),
    }
}

impl LineSource for Log {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Cut> {
        while !self.is_over {
            let lines = self.read().await?;
            if !lines.is_empty() {
                self.sent = Instant::now();
                return Ok(Some(lines));
            }
            if self.sent.elapsed() >= QUIET {
                self.sent = Instant::now();
                return Ok(Some(b"\n".to_vec()));
            }
            if !self.is_over {
                sleep(POLL).await;
                self.is_over = !self.web.room.ready() || !self.still_moderates().await;
            }
        }
        Ok(None)
    }
}

impl Log {
    async fn read(&mut self) -> Result<Vec<u8>, Cut> {
        let page = self.web.room.records(self.after, PORTION).await.map_err(|_| Cut)?;
        let mut lines = vec![];
        for record in page.records {
            lines::push(&mut lines, &record);
        }
        self.after = page.last.or(self.after);
        self.is_over = !page.more && !self.follow;
        Ok(lines)
    }

    /// Whether the token or session that began the request still is a moderator's.
    async fn still_moderates(&self) -> bool {
        let Some(operator) = &self.web.operator else { return false };
        if let Some(token) = bearer(&self.headers) {
            return operator.by_token(token).is_some();
        }
        if let Some(session) = &self.session {
            return matches!(self.web.sessions.touch(session).await, Ok(Alive::Yes));
        }
        match operator.sent_cookie(&self.headers) {
            Some(id) => matches!(operator.by_session(&id).await, Ok(Some(_))),
            None => false,
        }
    }
}
