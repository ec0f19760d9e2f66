//! `GET /api/operator/log`: moderators' actions as JSON lines, oldest first.

use std::time::Duration;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{
    Moderator,
    access::Access,
    lines::{self, Cut, LineSource},
};
use crate::{
    protocol::Id,
    session::{NotSignedIn, SignedIn},
    web::{Web, client::Client, error},
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
    access: Access,
    after: Option<Id>,
    follow: bool,
    is_over: bool,
    /// When the last line was sent.
    sent: Instant,
}

/// `GET /api/operator/log`.
pub async fn show(
    State(web): State<Web>,
    client: Client,
    _: Moderator,
    signed_in: Result<SignedIn, NotSignedIn>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Response {
    let access = Access::new(&web, client.headers, &signed_in);
    let Ok(Query(LogQuery { after, follow })) = query else {
        return error::json(StatusCode::BAD_REQUEST, "after is the id of an action, follow is true or false");
    };
    let mut log = Log { web, access, after, follow, is_over: false, sent: Instant::now() };
    match log.read().await {
        Ok(first) => lines::respond(first, log, MOST, None),
        Err(Cut) => error::json_unavailable(),
    }
}

impl LineSource for Log {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Cut> {
        while !self.is_over && self.access.is_valid(&self.web).await {
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
                self.is_over = !self.web.room.ready();
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
}
