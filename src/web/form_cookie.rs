//! The cookie of the sign-in form: a random value that makes a sign-in idempotent, and shows whether the browser stores
//! cookies at all.
//!
//! The tag of a session is derived from it. If a form is sent twice, or the answer to it is lost, the second request finds
//! its own claim of the name. The page of the room removes the cookie: a tag is never used again after its session has ended.

use axum::http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use tower_sessions::cookie::{SameSite, time};

use crate::{backplane::SessionTag, name::NameKey, origin::CookieScope};

/// The cookie's name, without its prefix.
const NAME: &str = "ruang-form";
/// The length of a value: 128 bits in hexadecimal.
const LENGTH: usize = 32;

/// The value of a form's cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormCookie(String);

impl FormCookie {
    /// Returns a new value.
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()))
    }

    /// Reads the value that a request carries, if it is well-formed.
    pub fn of(headers: &HeaderMap, scope: CookieScope) -> Option<Self> {
        let value = scope.sent_cookie(NAME, headers)?;
        let is_valid = value.len() == LENGTH && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_valid.then_some(Self(value))
    }

    /// Returns the tag of the session that this form starts under a name.
    pub fn session_tag(&self, name_key: &NameKey) -> SessionTag {
        let digest = Sha256::new().chain_update(&self.0).chain_update("/").chain_update(name_key.as_str()).finalize();
        let tag: String = digest[..LENGTH / 2].iter().map(|byte| format!("{byte:02x}")).collect();
        tag.as_str().into()
    }

    /// Returns the `Set-Cookie` of this value. It ends with the browser: a form may be open for long.
    pub fn header(&self, scope: CookieScope) -> HeaderValue {
        scope.set_cookie(NAME, &self.0, SameSite::Lax, None)
    }

    /// Returns the `Set-Cookie` that removes the cookie.
    pub fn removal(scope: CookieScope) -> HeaderValue {
        scope.set_cookie(NAME, "", SameSite::Lax, Some(time::Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE;

    use super::*;

    fn request(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    #[test]
    fn form_cookie_is_read_back_and_forgeries_are_not() {
        for secure in [false, true] {
            let cookie = FormCookie::random();
            let scope = |secure| CookieScope { secure, ..CookieScope::default() };
            let header = cookie.header(scope(secure));
            let header = header.to_str().unwrap();
            assert_eq!(header.contains("Secure"), secure, "{header}");
            assert!(!header.contains("Max-Age"), "it ends with the browser: {header}");
            let sent = header.split(';').next().unwrap();
            assert_eq!(FormCookie::of(&request(&format!("ruang=x; {sent}")), scope(secure)), Some(cookie));
            assert_eq!(FormCookie::of(&request(sent), scope(!secure)), None);
        }
        for forged in ["ruang-form=", "ruang-form=abc", &format!("ruang-form={}", "g".repeat(32)), "x"] {
            assert_eq!(FormCookie::of(&request(forged), CookieScope::default()), None, "{forged}");
        }
    }

    #[test]
    fn session_tag_depends_on_the_cookie_and_the_name() {
        let (one, other) = (FormCookie::random(), FormCookie::random());
        let (sari, budi) = ("sari".into(), "budi".into());
        assert_eq!(one.session_tag(&sari), one.session_tag(&sari));
        assert_ne!(one.session_tag(&sari), one.session_tag(&budi));
        assert_ne!(one.session_tag(&sari), other.session_tag(&sari));
        assert!(!one.session_tag(&sari).as_str().contains(&one.0));
    }
}
