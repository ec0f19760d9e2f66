//! Sign-in tokens of the tests: a site's key, and JSON Web Tokens made without the server's code.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::NamedTempFile;

use super::{HttpClient, Response, cluster::ClusterBuilder};

/// The secret of the site and the room.
pub const SECRET: &str = "pX5vK1jGt6ByQ0eZuA9wMh2N";
/// The audience of the tokens.
pub const AUDIENCE: &str = "https://chat.example.org";

/// A file with the secret; dropping it deletes it.
pub fn secret_file() -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{SECRET}\n")).expect("a file that can be written");
    file
}

impl ClusterBuilder {
    /// Sets these ways to sign in, and the secret of tokens.
    pub fn with_tokens(self, ways: &str, file: &NamedTempFile) -> Self {
        let path = file.path().display().to_string();
        self.set("RUANG_SIGN_IN", ways).set("RUANG_TOKEN_SECRET_FILE", &path).set("RUANG_PUBLIC_URL", AUDIENCE)
    }
}

/// The claims of a user of the site who comes now.
pub fn claims(name: &str, sub: &str) -> Value {
    json!({"name": name, "sub": sub, "exp": now() + 60, "aud": AUDIENCE})
}

/// The time in seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A token with these claims, signed with a secret.
pub fn signed(claims: &Value, secret: &str) -> String {
    signed_as("HS256", claims, secret)
}

/// The same, with another algorithm in its header.
pub fn signed_as(algorithm: &str, claims: &Value, secret: &str) -> String {
    let parts = [json!({"alg": algorithm, "typ": "JWT"}), claims.clone()];
    let message = parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key").chain_update(&message);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// A new token of a user.
pub fn token(name: &str, sub: &str) -> String {
    signed(&claims(name, sub), SECRET)
}

/// Posts a token to the API.
pub async fn post(client: &HttpClient, token: &str) -> Response {
    Response::to(client.request(Method::POST, "/api/session").json(&json!({"token": token}))).await
}
