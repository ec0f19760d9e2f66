//! Files of `static/`, embedded in the binary as they are and compressed, under an address that changes with any of them.

use axum::{
    body::Bytes,
    extract::Path,
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse, Response},
};

use super::encoding::accepts;

/// A file, in each form it is served in.
struct File {
    name: &'static str,
    plain: &'static [u8],
    br: &'static [u8],
    gzip: &'static [u8],
}

// HASH and FILES, in the order of their names, made by build.rs.
include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The address of the folder, without a slash at its end. Files name each other relative to it.
pub fn base() -> String {
    format!("/static/{HASH}")
}

/// The script's modules: a page that names them all has them fetched at once, not one after the other.
pub fn modules() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.name).filter(|name| name.ends_with(".js"))
}

/// `GET /static/{hash}/{path}`. Another hash comes from a page of another version, during a rolling update: it gets
/// what there is, to be asked for again.
pub async fn serve(Path((hash, path)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(file) = find(&path) else { return StatusCode::NOT_FOUND.into_response() };
    let caching = if hash == HASH { "public, max-age=31536000, immutable" } else { "no-store" };
    let common = [(CONTENT_TYPE, content_type(file.name)), (CACHE_CONTROL, caching), (VARY, "accept-encoding")];
    match file.best(&headers) {
        (Some(encoding), bytes) => (common, [(CONTENT_ENCODING, encoding)], Bytes::from_static(bytes)).into_response(),
        (None, bytes) => (common, Bytes::from_static(bytes)).into_response(),
    }
}

fn find(name: &str) -> Option<&'static File> {
    FILES.binary_search_by_key(&name, |file| file.name).ok().map(|at| &FILES[at])
}

impl File {
    /// The smallest form that the client takes, and its name.
    fn best(&self, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
        let forms = [(Some("br"), self.br), (Some("gzip"), self.gzip), (None, self.plain)];
        let taken = forms.into_iter().filter(|(name, _)| name.is_none_or(|name| accepts(headers, name)));
        taken.min_by_key(|(_, bytes)| bytes.len()).unwrap_or((None, self.plain))
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header::ACCEPT_ENCODING};

    use super::*;

    #[test]
    fn every_file_has_a_content_type_of_its_own() {
        for file in FILES {
            assert_ne!(content_type(file.name), "application/octet-stream", "{}", file.name);
        }
    }

    #[test]
    fn every_file_is_found_by_its_name_and_no_other() {
        for file in FILES {
            assert_eq!(find(file.name).map(|found| found.plain), Some(file.plain));
        }
        assert!(find("none.js").is_none());
    }

    #[test]
    fn a_client_gets_the_smallest_form_it_takes() {
        let file = find("main.js").unwrap();
        for (accepted, form) in [
            ("", None),
            ("gzip", Some("gzip")),
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip, br;q=0", Some("gzip")),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!(file.best(&headers).0, form, "{accepted:?}");
        }
    }
}
