//! Files of `static/`, embedded in the binary, under an address that changes with any of them.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

static HASH: LazyLock<String> = LazyLock::new(tree_hash);

/// The address of the folder, without a slash at its end. Files name each other relative to it.
pub fn base() -> String {
    format!("/static/{}", *HASH)
}

/// `GET /static/{hash}/{path}`. Another hash comes from a page of another version, during a rolling update: it gets
/// what there is, to be asked for again.
pub async fn serve(Path((hash, path)): Path<(String, String)>) -> Response {
    let Some(file) = Files::get(&path) else { return StatusCode::NOT_FOUND.into_response() };
    let caching = if hash == *HASH { "public, max-age=31536000, immutable" } else { "no-store" };
    let headers = [(CONTENT_TYPE, content_type(&path).to_owned()), (CACHE_CONTROL, caching.to_owned())];
    (headers, file.data.into_owned()).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        _ => "application/octet-stream",
    }
}

/// A hash over the names and the bytes of all files, as far as an address needs one.
fn tree_hash() -> String {
    let mut paths: Vec<_> = Files::iter().collect();
    paths.sort();
    let mut hash = Sha256::new();
    for path in paths {
        let data = Files::get(&path).map(|file| file.data).unwrap_or_default();
        // Lengths keep two trees apart whose names and bytes join to the same.
        hash.update((path.len() as u64).to_be_bytes());
        hash.update(path.as_bytes());
        hash.update((data.len() as u64).to_be_bytes());
        hash.update(&data);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_content_type_of_its_own() {
        for path in Files::iter() {
            assert_ne!(content_type(&path), "application/octet-stream", "{path}");
        }
    }

    #[test]
    fn the_hash_is_the_same_each_time() {
        assert_eq!(tree_hash(), *HASH);
        assert_eq!(HASH.len(), 16);
    }
}
