//! `GET /api/messages`: the history, page by page.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Web,
    compression::{self, Busy, FAST, accepts},
    error,
    gzip::gzip,
    members::limit,
    page_cache::{PageCache, Uncached},
    peer::PeerIp,
    reads::PAGE_BYTES,
};
use crate::{
    backplane::{Cursor, Page, Unavailable},
    protocol::{Id, Row, ServerFrame},
    session::Caller,
};

/// Pages in the cache: the newest in some sizes, and those before them. Each has at most twice [`PAGE_BYTES`].
const CACHED: usize = 16;

/// The query parameters.
#[derive(Deserialize)]
pub struct HistoryQuery {
    before: Option<Id>,
    after: Option<Id>,
    limit: Option<usize>,
}

/// The recent pages that were asked for since the history last changed.
pub type HistoryPages = PageCache<(Cursor, usize), EncodedPage>;

/// A response body: JSON, and the same compressed.
#[derive(Debug)]
pub struct EncodedPage {
    plain: Bytes,
    gzip: Bytes,
}

/// The response.
#[derive(Serialize)]
struct HistoryPage {
    messages: Vec<Box<RawValue>>,
    more: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trimmed: bool,
}

/// A message like the socket's frame, or the position of a deleted one.
#[derive(Serialize)]
#[serde(untagged)]
enum HistoryEntry<'a> {
    Message(ServerFrame<'a>),
    Removed { id: Id, removed: bool, from: &'a str, at: u64 },
}

impl<'a> From<&'a Row> for HistoryEntry<'a> {
    fn from(row: &'a Row) -> Self {
        match row {
            Row::Removed { id, at, from } => Self::Removed { id: *id, removed: true, from, at: *at },
            Row::Message(_) => Self::Message(row.into()),
        }
    }
}

/// An empty cache.
pub fn pages() -> HistoryPages {
    PageCache::new(CACHED)
}

/// `GET /api/messages`.
pub async fn list(
    State(web): State<Web>,
    Caller(person): Caller,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(query)) = query else {
        return error::json(StatusCode::BAD_REQUEST, "before and after are ids like 7-42, limit is a number");
    };
    let cursor = match (query.before, query.after) {
        (Some(_), Some(_)) => return error::json(StatusCode::BAD_REQUEST, "give before or after, not both"),
        (Some(id), None) => Cursor::Before(id),
        (None, Some(id)) => Cursor::After(id),
        (None, None) => Cursor::Newest,
    };
    let Some(limit) = limit(query.limit) else {
        return error::json(StatusCode::BAD_REQUEST, "limit is 1 to 200");
    };
    if let Err(refusal) = web.admit_read(&person.session, peer, &headers, limit) {
        return error::json_refused_read(refusal);
    }
    match read(&web, cursor, limit).await {
        Ok(page) => respond(&page, accepts(&headers, "gzip")),
        Err(Unavailable) => error::json_unavailable(),
    }
}

/// Reads a page, from the cache if it is a recent one and the history has not changed since.
async fn read(web: &Web, cursor: Cursor, limit: usize) -> Result<Arc<EncodedPage>, Unavailable> {
    if let Some(revision) = web.room.history_revision() {
        let recent = async || {
            let page = web.room.recent_page(cursor, limit).ok_or(Uncached::NotRecent)?;
            Ok(encode(page, cursor).await?)
        };
        match web.history_pages.get(revision, (cursor, limit), recent).await {
            Ok(page) => return Ok(page),
            Err(Uncached::Busy) => return Err(Unavailable),
            Err(Uncached::NotRecent) => {}
        }
    }
    let page = web.room.page(cursor, limit).await?;
    encode(page, cursor).await.map(Arc::new).map_err(|Busy| Unavailable)
}

async fn encode(page: Page, cursor: Cursor) -> Result<EncodedPage, Busy> {
    compression::run(move || EncodedPage::new(&page, cursor)).await
}

fn respond(page: &EncodedPage, gzip: bool) -> Response {
    let content_type = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if gzip {
        ([content_type, (CONTENT_ENCODING, HeaderValue::from_static("gzip"))], page.gzip.clone()).into_response()
    } else {
        ([content_type], page.plain.clone()).into_response()
    }
}

impl EncodedPage {
    fn new(page: &Page, cursor: Cursor) -> Self {
        let (messages, is_cut) = encode_rows(&page.rows, matches!(cursor, Cursor::After(_)));
        let page = HistoryPage { messages, more: page.more || is_cut, trimmed: page.trimmed };
        // Strings, numbers and lists of them always serialize.
        let plain = serde_json::to_vec(&page).unwrap_or_default();
        let gzip = gzip(&plain, FAST).unwrap_or_default().into();
        Self { plain: plain.into(), gzip }
    }
}

/// Encodes as many rows as a page may have bytes, at least one, from the side of the cursor. Returns whether some are left.
fn encode_rows(rows: &[Row], is_forward: bool) -> (Vec<Box<RawValue>>, bool) {
    let mut bytes = 0;
    let mut fits = |row: &RawValue| {
        let is_first = bytes == 0;
        bytes += row.get().len() + 1;
        is_first || bytes <= PAGE_BYTES
    };
    let encode = |row: &Row| to_raw_value(&HistoryEntry::from(row));
    let encoded: Vec<_> = if is_forward {
        rows.iter().filter_map(|row| encode(row).ok()).take_while(|row| fits(row)).collect()
    } else {
        let mut newest: Vec<_> =
            rows.iter().rev().filter_map(|row| encode(row).ok()).take_while(|row| fits(row)).collect();
        newest.reverse();
        newest
    };
    let is_cut = encoded.len() < rows.len();
    (encoded, is_cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Message;

    fn rows(count: u64, text: &str) -> Vec<Row> {
        let message = |n| Message {
            id: Id::new(7, n),
            nonce: "n".parse().unwrap(),
            from: "a".into(),
            text: text.into(),
            at: n,
            bot: false,
            alias: None,
        };
        (1..=count).map(|n| message(n).into()).collect()
    }

    fn ids(page: &EncodedPage) -> (Vec<String>, bool) {
        let page: serde_json::Value = serde_json::from_slice(&page.plain).unwrap();
        let ids = page["messages"].as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap().to_owned());
        (ids.collect(), page["more"].as_bool().unwrap())
    }

    #[test]
    fn large_page_is_cut_at_the_far_side_and_says_more() {
        let page = Page { rows: rows(200, &"x".repeat(2000)), more: false, trimmed: false };
        for (cursor, first, last) in [
            (Cursor::Newest, None, Some("7-200")),
            (Cursor::Before(Id::new(7, 201)), None, Some("7-200")),
            (Cursor::After(Id::new(7, 0)), Some("7-1"), None),
        ] {
            let encoded = EncodedPage::new(&page, cursor);
            assert!(encoded.plain.len() <= PAGE_BYTES + 100, "{}", encoded.plain.len());
            let (ids, more) = ids(&encoded);
            assert!(more && ids.len() > 50, "{cursor:?}: {}", ids.len());
            assert!(first.is_none_or(|first| ids[0] == first), "{cursor:?}: {ids:?}");
            assert!(last.is_none_or(|last| ids[ids.len() - 1] == last), "{cursor:?}: {ids:?}");
        }
    }

    #[test]
    fn page_has_at_least_one_message() {
        let page = Page { rows: rows(2, &"x".repeat(PAGE_BYTES)), more: false, trimmed: false };
        assert_eq!(ids(&EncodedPage::new(&page, Cursor::Newest)), (vec!["7-2".to_owned()], true));
    }

    #[test]
    fn small_page_is_whole() {
        let page = Page { rows: rows(3, "x"), more: false, trimmed: false };
        assert!(!ids(&EncodedPage::new(&page, Cursor::Newest)).1);
    }
}
