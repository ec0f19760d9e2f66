//! How the operator proves to be the operator: by the token, or by a cookie that only who has the token can make.
//!
//! Nothing is stored: every instance that has the same token knows the cookie, and another token ends it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{
    HeaderMap, HeaderValue,
    header::{AUTHORIZATION, COOKIE},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tower_sessions::cookie::{Cookie, SameSite, time};

use crate::settings::Secret;

/// How long the cookie is good for.
const LASTS: Duration = Duration::from_secs(12 * 3600);
/// What is authenticated to compare tokens.
const TOKEN: &[u8] = b"token";

/// Whoever has the token.
#[derive(Debug)]
pub struct Operator {
    token: Secret,
    secure: bool,
}

impl Operator {
    /// `secure`: the public URL is https.
    pub fn new(token: Secret, secure: bool) -> Self {
        Self { token, secure }
    }

    /// Whether this is the token. Takes as long for one that is nearly right as for any other.
    pub fn knows(&self, token: &str) -> bool {
        let theirs = mac(token).chain_update(TOKEN).finalize().into_bytes();
        mac(self.token.expose()).chain_update(TOKEN).verify(&theirs).is_ok()
    }

    /// The token of an `Authorization: Bearer …`.
    pub fn bearer(headers: &HeaderMap) -> Option<&str> {
        let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// Whether a request brings a cookie that is still good.
    pub fn is_in(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        sent.flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .any(|cookie| cookie.name() == self.name() && self.is_good(cookie.value(), now()))
    }

    /// The cookie, from now on.
    pub fn cookie(&self) -> HeaderValue {
        let until = now() + LASTS.as_secs();
        let value = format!("{until}.{}", hex(&self.signature(until).finalize().into_bytes()));
        self.header(value, time::Duration::try_from(LASTS).unwrap_or_default())
    }

    /// What takes the cookie away.
    pub fn removal_cookie(&self) -> HeaderValue {
        self.header(String::new(), time::Duration::ZERO)
    }

    fn name(&self) -> &'static str {
        if self.secure { "__Host-ruang-operator" } else { "ruang-operator" }
    }

    fn is_good(&self, value: &str, now: u64) -> bool {
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
        // Digits, letters and what a cookie is made of.
        HeaderValue::try_from(cookie.build().to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

fn mac(key: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(key.as_bytes()).expect("a key of any length is good")
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

    fn operator() -> Operator {
        Operator::new(TOKEN.into(), true)
    }

    fn value(cookie: &HeaderValue) -> String {
        Cookie::parse(cookie.to_str().unwrap()).unwrap().value().to_owned()
    }

    #[test]
    fn the_token_is_known_and_no_other() {
        assert!(operator().knows(TOKEN));
        for other in ["", "a token", "a token that nobody guesses ", "A token that nobody guesses"] {
            assert!(!operator().knows(other), "{other}");
        }
    }

    #[test]
    fn the_cookie_is_good_until_it_runs_out_and_only_with_this_token() {
        let good = value(&operator().cookie());
        let until: u64 = good.split_once('.').unwrap().0.parse().unwrap();
        assert!(operator().is_good(&good, until - 1));
        assert!(!operator().is_good(&good, until));
        assert!(!Operator::new("another token altogether".into(), true).is_good(&good, until - 1));
        let longer = good.replacen(&until.to_string(), &(until + 1).to_string(), 1);
        for forged in ["", ".", "1.", "x.00", &longer, &good[..good.len() - 2], &format!("{good}00"), "9999999999.zz"] {
            assert!(!operator().is_good(forged, until - 1), "{forged}");
        }
    }

    #[test]
    fn the_cookie_is_one_that_no_other_site_can_use() {
        for cookie in [operator().cookie(), operator().removal_cookie()] {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-ruang-operator="), "{cookie}");
            for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
                assert!(cookie.contains(part), "{cookie} lacks {part}");
            }
        }
    }
}
