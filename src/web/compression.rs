//! Compression of pages and API responses, and the memory of bodies that wait for slow clients.
//!
//! It runs on the runtime's blocking threads, two at a time: on the workers, which deliver messages, it would delay every client.
//! That is why it is not tower-http's `CompressionLayer`, see docs/decisions/0010-compression.md.
//!
//! BREACH: no page holds a secret beside text that another person chose, except to the person themselves.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use flate2::Compression;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::gzip::gzip;
use crate::queue_memory::{QueueMemory, Reservation};

/// The level for bodies that serve one response, or are valid until the next message.
pub const FAST: Compression = Compression::new(2);
/// The largest number of compressions in progress.
const AT_ONCE: usize = 2;
static PERMITS: Semaphore = Semaphore::const_new(AT_ONCE);
/// How long a response waits for its turn.
const WAIT: Duration = Duration::from_secs(2);
/// Smaller bodies fit into a packet anyway.
const MIN_BYTES: usize = 1024;

/// There is no turn in time, or the runtime shuts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// Runs what takes long on a blocking thread, when it is its turn.
///
/// # Errors
/// [`Busy`] after [`WAIT`].
pub async fn run<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
    let permit = timeout(WAIT, PERMITS.acquire()).await.map_err(|_| Busy)?.map_err(|_| Busy)?;
    let job = move || {
        // Kept until the job ends, even if its request does not wait for it.
        let _permit = permit;
        job()
    };
    spawn_blocking(job).await.map_err(|_| Busy)
}

/// Compresses a response where that is worth it and the client accepts it, and counts its bytes as waiting until the
/// client's socket has taken them.
pub async fn encode(State(queue_memory): State<Arc<QueueMemory>>, request: Request, next: Next) -> Response {
    let accepted = accepts(request.headers(), "gzip");
    let response = next.run(request).await;
    if is_asset(&response) || response.body().size_hint().exact().is_none_or(|bytes| bytes == 0) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(mut bytes) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if accepted && is_worth_it(&parts.headers, &bytes) {
        let plain = bytes.clone();
        // Without a turn it goes out as it is.
        if let Ok(Ok(compressed)) = run(move || gzip(&plain, FAST)).await {
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            bytes = compressed.into();
        }
    }
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(counted(bytes, queue_memory.reservation())))
}

/// The response with a body that is compressed already, if `gzip`.
pub fn respond(content_type: &'static str, body: Bytes, gzip: bool) -> Response {
    let mut response = ([(CONTENT_TYPE, content_type)], body).into_response();
    if gzip {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether a client accepts this encoding by name (RFC 9110, section 12.5.3): `gzip, br;q=0` accepts gzip only.
pub fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|range| {
        let (name, parameter) = range.split_once(';').unwrap_or((range, ""));
        let weight = parameter.trim().strip_prefix("q=").map_or(Ok(1.0), |weight| weight.trim().parse::<f32>());
        name.trim().eq_ignore_ascii_case(encoding) && weight.is_ok_and(|weight| weight > 0.0)
    })
}

/// An asset is in memory and compressed already.
fn is_asset(response: &Response) -> bool {
    response.headers().get(CACHE_CONTROL).is_some_and(|value| value.as_bytes().ends_with(b"immutable"))
}

fn is_worth_it(headers: &HeaderMap, body: &Bytes) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_text = content_type.starts_with(b"text/html") || content_type.starts_with(b"application/json");
    is_text && body.len() >= MIN_BYTES && !headers.contains_key(CONTENT_ENCODING)
}

/// Bytes that count as waiting until the last reference to them is dropped.
struct CountedBytes {
    bytes: Bytes,
    _reservation: Reservation,
}

impl AsRef<[u8]> for CountedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn counted(bytes: Bytes, mut reservation: Reservation) -> Bytes {
    reservation.add(bytes.len());
    Bytes::from_owner(CountedBytes { bytes, _reservation: reservation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_accepted_where_it_is_named_and_not_refused() {
        for (header, encoding, expected) in [
            ("", "gzip", false),
            ("gzip, deflate, br", "br", true),
            ("GZIP;q=1, br;q=0", "gzip", true),
            ("GZIP;q=1, br;q=0", "br", false),
            ("br ; q=0.1", "br", true),
            ("br;q=x", "br", false),
            ("deflate, identity", "gzip", false),
            ("xgzip", "gzip", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(header));
            assert_eq!(accepts(&headers, encoding), expected, "{encoding} of {header:?}");
        }
    }

    #[test]
    fn bytes_count_as_waiting_until_they_are_dropped() {
        let queue_memory = Arc::new(QueueMemory::new(10));
        let body = counted(Bytes::from_static(b"twelve bytes"), queue_memory.reservation());
        let rest = body.slice(6..);
        drop(body);
        assert!(queue_memory.is_exceeded());
        drop(rest);
        assert_eq!(queue_memory.waiting(), 0);
    }

    #[tokio::test]
    async fn two_compressions_run_at_a_time() {
        let (started, mut begun) = tokio::sync::mpsc::channel(3);
        let (end, ended) = std::sync::mpsc::channel();
        let ended = Arc::new(parking_lot::Mutex::new(ended));
        let mut jobs: tokio::task::JoinSet<_> = (0..3)
            .map(|_| {
                let (started, ended) = (started.clone(), Arc::clone(&ended));
                run(move || {
                    started.blocking_send(()).unwrap();
                    ended.lock().recv().unwrap();
                })
            })
            .collect();
        begun.recv().await.unwrap();
        begun.recv().await.unwrap();
        assert_eq!(PERMITS.available_permits(), 0);
        assert!(begun.try_recv().is_err(), "the third waits");
        end.send(()).unwrap();
        begun.recv().await.unwrap();
        end.send(()).unwrap();
        end.send(()).unwrap();
        while let Some(job) = jobs.join_next().await {
            assert_eq!(job.unwrap(), Ok(()));
        }
    }
}
