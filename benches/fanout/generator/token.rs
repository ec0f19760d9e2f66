//! Sign-in tokens, as a site would make them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How long a token is valid.
const VALID: Duration = Duration::from_secs(240);

/// Returns a token (JWT, HS256) that names the person of this number.
pub fn token(secret: &str, audience: &str, number: usize) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires = (now + VALID).as_secs();
    let claims = format!(r#"{{"name":"tamu{number}","sub":"{number}","exp":{expires},"aud":"{audience}"}}"#);
    let message = [r#"{"alg":"HS256"}"#, &claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("an HMAC takes a key of any length");
    let signature = mac.chain_update(&message).finalize().into_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
