//! `GET /api/messages`: the history, page by page.

use std::{collections::VecDeque, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Web,
    client::Client,
    compression::{self, Busy, FAST, accepts},
    error,
    gzip::gzip,
    members::limit,
    page_cache::{PageCache, Uncached},
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
    around: Option<Id>,
    limit: Option<usize>,
}

/// The recent pages that were asked for since the history last changed.
pub type HistoryPages = PageCache<(Cursor, usize), EncodedPage>;

/// A response body: JSON, and the same compressed.
#[derive(Debug)]
pub struct EncodedPage {
    /// Whether the message in the middle of the page is stored.
    is_found: bool,
    plain: Bytes,
    gzip: Bytes,
}

/// The response.
#[derive(Serialize)]
struct HistoryPage {
    messages: Vec<Box<RawValue>>,
    more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    more_after: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trimmed: bool,
}

/// A message like the socket's frame, or the position of a deleted one.
#[derive(Serialize)]
#[serde(untagged)]
pub enum HistoryEntry<'a> {
    /// The message.
    Message(ServerFrame<'a>),
    /// The position of a deleted one.
    Removed {
        /// Its id.
        id: Id,
        /// True.
        removed: bool,
        /// The name of its sender.
        from: &'a str,
        /// Its time, in Unix milliseconds.
        at: u64,
    },
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
    client: Client,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(query)) = query else {
        return error::json(StatusCode::BAD_REQUEST, "before, after and around are ids like 7-42, limit is a number");
    };
    let cursor = match (query.before, query.after, query.around) {
        (Some(id), None, None) => Cursor::Before(id),
        (None, Some(id), None) => Cursor::After(id),
        (None, None, Some(id)) => Cursor::Around(id),
        (None, None, None) => Cursor::Newest,
        _ => return error::json(StatusCode::BAD_REQUEST, "give one of before, after and around"),
    };
    let Some(limit) = limit(query.limit) else {
        return error::json(StatusCode::BAD_REQUEST, "limit is 1 to 200");
    };
    if let Err(refusal) = web.admit_read(&person.session, &client, limit) {
        return refusal.respond_json();
    }
    match read(&web, cursor, limit).await {
        Ok(page) if !page.is_found => error::json(StatusCode::NOT_FOUND, "the message is no longer stored"),
        Ok(page) => respond(&page, accepts(&client.headers, "gzip")),
        Err(Unavailable) => error::json_unavailable(),
    }
}

/// Reads a page, from the cache if it is a recent one and the history has not changed since.
async fn read(web: &Web, cursor: Cursor, limit: usize) -> Result<Arc<EncodedPage>, Unavailable> {
    if web.room.has_received_own().await
        && let Some(revision) = web.room.history_revision()
    {
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
    let body = if gzip { &page.gzip } else { &page.plain };
    compression::respond("application/json", body.clone(), gzip)
}

impl EncodedPage {
    fn new(page: &Page, cursor: Cursor) -> Self {
        let (messages, is_cut) = encode_rows(&page.rows, cursor);
        let is_around = matches!(cursor, Cursor::Around(_));
        let page = HistoryPage {
            messages,
            more: page.more || (if matches!(cursor, Cursor::After(_)) { is_cut.after } else { is_cut.before }),
            more_after: is_around.then_some(page.more_after || is_cut.after),
            trimmed: page.trimmed,
        };
        let is_found = !(is_around && page.trimmed);
        // Strings, numbers and lists of them always serialize.
        let plain = serde_json::to_vec(&page).unwrap_or_default();
        let gzip = gzip(&plain, FAST).unwrap_or_default().into();
        Self { is_found, plain: plain.into(), gzip }
    }
}

/// Whether rows of a page are left out on a side, because it may have no more bytes.
struct Cut {
    before: bool,
    after: bool,
}

/// Encodes as many rows as a page may have bytes, at least one: those that are nearest to the cursor.
fn encode_rows(rows: &[Row], cursor: Cursor) -> (Vec<Box<RawValue>>, Cut) {
    let len = rows.len();
    // The rows from `first` up to `next` are encoded.
    let (mut first, mut next) = match cursor {
        Cursor::After(_) => (0, 0),
        Cursor::Newest | Cursor::Before(_) => (len, len),
        Cursor::Around(id) => rows.iter().position(|row| row.id() == id).map_or((len, len), |index| (index, index)),
    };
    let (mut encoded, mut bytes) = (VecDeque::new(), 0);
    while first > 0 || next < len {
        // Around a row, as many before it as after it.
        let is_after = next < len && (first == 0 || matches!(cursor, Cursor::Around(_)) && encoded.len() % 2 == 0);
        let index = if is_after { next } else { first - 1 };
        let Ok(row) = to_raw_value(&HistoryEntry::from(&rows[index])) else { break };
        bytes += row.get().len() + 1;
        if bytes > PAGE_BYTES && !encoded.is_empty() {
            break;
        }
        if is_after {
            encoded.push_back(row);
            next += 1;
        } else {
            encoded.push_front(row);
            first -= 1;
        }
    }
    (encoded.into(), Cut { before: first > 0, after: next < len })
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
            reply_to: None,
            edited_at: None,
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
        let page = Page { rows: rows(200, &"x".repeat(2000)), ..Page::default() };
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
    fn large_page_around_a_message_is_cut_on_both_sides() {
        let (middle, page) = (Id::new(7, 100), Page { rows: rows(200, &"x".repeat(2000)), ..Page::default() });
        let encoded = EncodedPage::new(&page, Cursor::Around(middle));
        assert!(encoded.is_found && encoded.plain.len() <= PAGE_BYTES + 100);
        let page: serde_json::Value = serde_json::from_slice(&encoded.plain).unwrap();
        assert_eq!((&page["more"], &page["more_after"]), (&true.into(), &true.into()));
        let (ids, _) = ids(&encoded);
        let index = ids.iter().position(|id| *id == middle.to_string()).unwrap();
        assert!(index.abs_diff(ids.len() / 2) <= 1, "{index} of {}", ids.len());
    }

    #[test]
    fn page_around_nothing_is_not_found() {
        let page = Page { trimmed: true, ..Page::default() };
        assert!(!EncodedPage::new(&page, Cursor::Around(Id::new(7, 1))).is_found);
        assert!(EncodedPage::new(&page, Cursor::Before(Id::new(7, 1))).is_found);
    }

    #[test]
    fn page_has_at_least_one_message() {
        let page = Page { rows: rows(2, &"x".repeat(PAGE_BYTES)), ..Page::default() };
        assert_eq!(ids(&EncodedPage::new(&page, Cursor::Newest)), (vec!["7-2".to_owned()], true));
    }

    #[test]
    fn small_page_is_whole() {
        let page = Page { rows: rows(3, "x"), ..Page::default() };
        assert!(!ids(&EncodedPage::new(&page, Cursor::Newest)).1);
    }
}
