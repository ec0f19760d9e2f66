//! Authentication of the operator: by the token, or by a cookie signed with it.
//!
//! Nothing is stored: all instances with the same token accept the cookie, and a new token invalidates it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tower_sessions::cookie::{Cookie, SameSite, time};

use crate::settings::Secret;

/// The lifetime of the cookie.
const COOKIE_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// The message that both tokens sign when they are compared.
const TOKEN: &[u8] = b"token";

/// Checks tokens and cookies of the operator.
#[derive(Debug)]
pub struct OperatorAuth {
    token: Secret,
    secure: bool,
}

impl OperatorAuth {
    /// `secure`: the public URL is https.
    pub fn new(token: Secret, secure: bool) -> Self {
        Self { token, secure }
    }

    /// Whether this is the token. Takes constant time.
    pub fn is_token(&self, token: &str) -> bool {
        let theirs = mac(token).chain_update(TOKEN).finalize().into_bytes();
        mac(self.token.expose()).chain_update(TOKEN).verify(&theirs).is_ok()
    }

    /// Returns the value of the first of the operator's cookies in a request. Others are not looked at: a request is one
    /// attempt.
    pub fn sent_cookie(&self, headers: &HeaderMap) -> Option<String> {
        let sent = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        let mut cookies = sent.flat_map(Cookie::split_parse).filter_map(Result::ok);
        cookies.find(|cookie| cookie.name() == self.name()).map(|cookie| cookie.value().to_owned())
    }

    /// Whether this is the value of a cookie that is valid now. Takes constant time.
    pub fn is_cookie(&self, value: &str) -> bool {
        self.is_valid(value, now())
    }

    /// Returns the `Set-Cookie` that signs the operator in.
    pub fn cookie(&self) -> HeaderValue {
        let until = now() + COOKIE_LIFETIME.as_secs();
        let value = format!("{until}.{}", hex(&self.signature(until).finalize().into_bytes()));
        self.header(value, time::Duration::try_from(COOKIE_LIFETIME).unwrap_or_default())
    }

    /// Returns the `Set-Cookie` that removes the cookie.
    pub fn removal_cookie(&self) -> HeaderValue {
        self.header(String::new(), time::Duration::ZERO)
    }

    fn name(&self) -> &'static str {
        if self.secure { "__Host-ruang-operator" } else { "ruang-operator" }
    }

    fn is_valid(&self, value: &str, now: u64) -> bool {
        let Some((until, signature)) = value.split_once('.') else { return false };
        let (Ok(until), Some(signature)) = (until.parse::<u64>(), unhex(signature)) else { return false };
        now < until && self.signature(until).verify_slice(&signature).is_ok()
    }

    fn signature(&self, until: u64) -> Hmac<Sha256> {
        mac(self.token.expose()).chain_update(b"cookie").chain_update(until.to_be_bytes())
    }

    fn header(&self, value: String, max_age: time::Duration) -> HeaderValue {
        let cookie = Cookie::build((self.name(), value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Strict)
            .max_age(max_age);
        // The value consists of digits, letters and a dot.
        HeaderValue::try_from(cookie.build().to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

fn mac(key: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(key.as_bytes()).expect("HMAC accepts keys of any length")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.is_ascii() && text.len().is_multiple_of(2);
    digits.then(|| (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect())?
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a token that nobody guesses";

    fn operator() -> OperatorAuth {
        OperatorAuth::new(TOKEN.into(), true)
    }

    fn value(cookie: &HeaderValue) -> String {
        Cookie::parse(cookie.to_str().unwrap()).unwrap().value().to_owned()
    }

    #[test]
    fn token_matches_exactly() {
        assert!(operator().is_token(TOKEN));
        for other in ["", "a token", "a token that nobody guesses ", "A token that nobody guesses"] {
            assert!(!operator().is_token(other), "{other}");
        }
    }

    #[test]
    fn cookie_is_valid_until_it_expires_and_for_its_token_only() {
        let good = value(&operator().cookie());
        let until: u64 = good.split_once('.').unwrap().0.parse().unwrap();
        assert!(operator().is_valid(&good, until - 1));
        assert!(!operator().is_valid(&good, until));
        assert!(!OperatorAuth::new("another token altogether".into(), true).is_valid(&good, until - 1));
        let longer = good.replacen(&until.to_string(), &(until + 1).to_string(), 1);
        for forged in ["", ".", "1.", "x.00", &longer, &good[..good.len() - 2], &format!("{good}00"), "9999999999.zz"] {
            assert!(!operator().is_valid(forged, until - 1), "{forged}");
        }
    }

    #[test]
    fn cookie_is_bound_to_this_site() {
        for cookie in [operator().cookie(), operator().removal_cookie()] {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-ruang-operator="), "{cookie}");
            for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
                assert!(cookie.contains(part), "{cookie} lacks {part}");
            }
        }
    }
}
