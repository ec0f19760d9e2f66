//! The proof that a server has understood the upgrade (RFC 6455, section 4.2.2).

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1_smol::Sha1;

/// Appended to the client's key before hashing (RFC 6455, section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a key, decoded.
const KEY_BYTES: usize = 16;

/// The value of `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`; none if that is not a key.
///
/// ```
/// use ruang::websocket::accept_key;
///
/// // The example of RFC 6455, section 1.3.
/// assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ==").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
/// assert_eq!(accept_key(b"halo"), None);
/// ```
pub fn accept_key(key: &[u8]) -> Option<String> {
    STANDARD.decode(key).ok().filter(|decoded| decoded.len() == KEY_BYTES)?;
    let mut digest = Sha1::new();
    digest.update(key);
    digest.update(GUID.as_bytes());
    Some(STANDARD.encode(digest.digest().bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ==").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }

    #[test]
    fn what_is_not_sixteen_bytes_in_base64_is_no_key() {
        for key in [&b""[..], b"dGhl", b"dGhlIHNhbXBsZSBub25jZQ", b"\xff\xff", b"dGhlIHNhbXBsZSBub25jZSBsb25n"] {
            assert_eq!(accept_key(key), None);
        }
    }
}
