//! JSON lines, as a response that is sent in portions.

use std::{io, time::Duration};

use axum::{
    body::Body,
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures_util::stream::try_unfold;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

/// A source of JSON lines.
pub trait LineSource: Send + 'static {
    /// Returns the next lines, perhaps none yet; `None` at the end.
    ///
    /// # Errors
    /// [`Cut`]: the response ends before its end, so that the client does not take it for complete.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, Cut>> + Send;
}

/// The source cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut;

/// Responds with these lines, then with those of a source, for a limited time. One portion at a time is in memory.
pub fn respond<S: LineSource>(
    first: Vec<u8>,
    source: S,
    most: Duration,
    name: Option<(HeaderName, HeaderValue)>,
) -> Response {
    let deadline = Instant::now() + most;
    let portions = try_unfold((Some(first), source), move |(first, mut source)| async move {
        let portion = match first {
            Some(first) => Ok(Some(first)),
            None => timeout_at(deadline, source.next()).await.unwrap_or(Err(Cut)),
        };
        let portion = portion.map_err(|Cut| io::Error::from(io::ErrorKind::TimedOut))?;
        Ok::<_, io::Error>(portion.map(|portion| (portion, (None, source))))
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform")),
    ];
    (headers, name.map(|header| [header]), Body::from_stream(portions)).into_response()
}

/// Appends a value as a line.
pub fn push(lines: &mut Vec<u8>, value: &impl Serialize) {
    // Strings, numbers and lists of them always serialize.
    if serde_json::to_writer(&mut *lines, value).is_ok() {
        lines.push(b'\n');
    }
}
