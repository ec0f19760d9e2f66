//! Pages and answers, compressed on their way. Nothing in them is secret from whom they are for, so that what others
//! write beside it cannot find it out by its length.

use std::io::Write;

use axum::{
    body::{Body, HttpBody, to_bytes},
    extract::Request,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};

/// Below this it would save no packet.
const WORTH_BYTES: u64 = 1024;
/// The longest that is compressed: far above any page of ours.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Compresses an answer that is worth it, for a client that takes it.
pub async fn compress(request: Request, next: Next) -> Response {
    let taken = accepts(request.headers(), "gzip");
    let response = next.run(request).await;
    if !taken || !is_worth_it(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let Ok(packed) = gzip(&bytes) else { return Response::from_parts(parts, Body::from(bytes)) };
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from(packed))
}

fn is_worth_it(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let of_words = kind.starts_with("text/html") || kind.starts_with("application/json");
    let length = response.body().size_hint().exact().unwrap_or(0);
    of_words && (WORTH_BYTES..=MOST_BYTES).contains(&length) && !response.headers().contains_key(CONTENT_ENCODING)
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Whether a client takes this encoding by name (RFC 9110, section 12.5.3): `gzip, br;q=0` takes gzip only.
pub fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|range| {
        let (name, parameter) = range.split_once(';').unwrap_or((range, ""));
        let weight = parameter.trim().strip_prefix("q=").map_or(Ok(1.0), |weight| weight.trim().parse::<f32>());
        name.trim().eq_ignore_ascii_case(encoding) && weight.is_ok_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_taken_where_it_is_named_and_not_refused() {
        for (accepted, encoding, taken) in [
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
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!(accepts(&headers, encoding), taken, "{encoding} of {accepted:?}");
        }
    }
}
