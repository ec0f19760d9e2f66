//! `GET /api/operator/export`: the messages and moderators' actions of a time span.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header::CONTENT_DISPOSITION},
    response::Response,
};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tower_sessions::cookie::time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    Moderator,
    access::Access,
    lines::{self, Cut, LineSource},
};
use crate::{
    address::limit_key,
    backplane::Cursor,
    protocol::Id,
    session::{NotSignedIn, SignedIn},
    web::{Web, client::Client, error, history::HistoryEntry},
};

/// Messages, and actions, of a portion.
const PORTION: usize = 200;
/// Reads that a portion counts as.
const READS: u64 = 4;
/// How long an export takes at most.
const MOST: Duration = Duration::from_secs(600);

/// The query parameters.
#[derive(Deserialize)]
pub struct ExportQuery {
    from: Option<String>,
    to: Option<String>,
}

/// The last line: what came before it is complete.
#[derive(Serialize)]
struct EndLine {
    end: bool,
    messages: u64,
    acts: u64,
}

/// An export under way.
struct Export {
    web: Web,
    access: Access,
    /// The address that reads are counted by.
    address: IpAddr,
    /// The span, in Unix milliseconds; its end belongs to it.
    from: u64,
    to: u64,
    stage: Stage,
    messages: u64,
    acts: u64,
}

/// The next step of an export.
enum Stage {
    /// Messages after an id.
    Messages(Id),
    /// Actions after an id.
    Acts(Option<Id>),
    EndLine,
    Over,
}

/// `GET /api/operator/export`.
pub async fn show(
    State(web): State<Web>,
    client: Client,
    _: Moderator,
    signed_in: Result<SignedIn, NotSignedIn>,
    query: Result<Query<ExportQuery>, QueryRejection>,
) -> Response {
    let access = Access::new(&web, client.headers, &signed_in);
    let now = web.room.now_ms();
    let span = query.ok().and_then(|Query(query)| {
        Some((query.from.map_or(Some(0), |from| moment(&from))?, query.to.map_or(Some(now), |to| moment(&to))?))
    });
    let Some((from, to)) = span.filter(|(from, to)| from <= to) else {
        let reason =
            "from and to are milliseconds since 1970, or times like 2026-11-27T10:00:00Z; from is not after to";
        return error::json(StatusCode::BAD_REQUEST, reason);
    };
    if web.queue_memory.is_exceeded() {
        return error::json_unavailable();
    }
    let (address, stage) = (limit_key(client.address), Stage::Messages(Id::new(0, 0)));
    let mut export = Export { web, access, address, from, to, stage, messages: 0, acts: 0 };
    let Ok(first) = export.next().await else { return error::json_unavailable() };
    let name = (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"ruang.jsonl\""));
    lines::respond(first.unwrap_or_default(), export, MOST, Some(name))
}

/// Parses a time as Unix milliseconds. In a query a `+` is a space.
fn moment(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let time = OffsetDateTime::parse(&text.replace(' ', "+"), &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

impl LineSource for Export {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Cut> {
        self.wait_for_turn().await;
        if !self.access.is_valid(&self.web).await {
            return Err(Cut);
        }
        let mut lines = vec![];
        self.stage = match self.stage {
            Stage::Messages(after) => self.read_messages(after, &mut lines).await?,
            Stage::Acts(after) => self.read_acts(after, &mut lines).await?,
            Stage::EndLine => {
                lines::push(&mut lines, &EndLine { end: true, messages: self.messages, acts: self.acts });
                Stage::Over
            }
            Stage::Over => return Ok(None),
        };
        Ok(Some(lines))
    }
}

impl Export {
    /// Counts the reads of a portion; one that comes too early waits.
    async fn wait_for_turn(&self) {
        while let Err(wait) = self.web.reads.take_address(self.address, READS, Instant::now()) {
            sleep(wait).await;
        }
    }

    /// The times of messages never decrease.
    async fn read_messages(&mut self, after: Id, lines: &mut Vec<u8>) -> Result<Stage, Cut> {
        let page = self.web.room.page(Cursor::After(after), PORTION).await.map_err(|_| Cut)?;
        let is_inside = |at: u64| (self.from..=self.to).contains(&at);
        for row in page.rows.iter().filter(|row| is_inside(row.at())) {
            lines::push(lines, &HistoryEntry::from(row));
            self.messages += 1;
        }
        let last = page.rows.last().filter(|last| page.more && last.at() <= self.to);
        Ok(last.map_or(Stage::Acts(None), |last| Stage::Messages(last.id())))
    }

    async fn read_acts(&mut self, after: Option<Id>, lines: &mut Vec<u8>) -> Result<Stage, Cut> {
        let page = self.web.room.records(after, PORTION).await.map_err(|_| Cut)?;
        let is_inside = |at: u64| (self.from..=self.to).contains(&at);
        for record in page.records.into_iter().filter(|record| is_inside(record.at)) {
            lines::push(lines, &record);
            self.acts += 1;
        }
        Ok(page.last.filter(|_| page.more).map_or(Stage::EndLine, |last| Stage::Acts(Some(last))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moment_is_milliseconds_or_rfc_3339() {
        for (text, expected) in [
            ("1764000000000", Some(1_764_000_000_000)),
            ("2025-11-24T16:00:00Z", Some(1_764_000_000_000)),
            ("2025-11-24T23:00:00.5+07:00", Some(1_764_000_000_500)),
            ("2025-11-24T23:00:00 07:00", Some(1_764_000_000_000)),
            ("", None),
            ("-1", None),
            ("yesterday", None),
            ("1969-12-31T00:00:00Z", None),
        ] {
            assert_eq!(moment(text), expected, "{text}");
        }
    }
}
