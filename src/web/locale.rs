//! The language of a page: the reader's choice, else the browser's preference, else the default of the installation.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{
        HeaderMap, HeaderValue, Uri,
        header::{ACCEPT_LANGUAGE, SET_COOKIE},
        request::Parts,
    },
    middleware::Next,
    response::Response,
};

use super::branding::branding;
use crate::origin::{CookieScope, sent_cookie};

const COOKIE_NAME: &str = "ruang_lang";

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Locale {
    /// Bahasa Indonesia.
    Indonesian,
    /// English.
    English,
}

impl Locale {
    const ALL: [Self; 2] = [Self::Indonesian, Self::English];

    /// The language tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Indonesian => "id",
            Self::English => "en",
        }
    }

    /// The language's own name.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::Indonesian => "Bahasa Indonesia",
            Self::English => "English",
        }
    }

    /// The other language, to switch to, if it is on offer.
    pub fn other(self) -> Option<Self> {
        let other = match self {
            Self::Indonesian => Self::English,
            Self::English => Self::Indonesian,
        };
        Self::tagged(other.tag())
    }

    /// The language of readers who prefer none that is on offer.
    pub fn fallback() -> Self {
        Self::fallback_of(branding().languages())
    }

    /// The same for these languages.
    pub fn fallback_of(languages: &[&str]) -> Self {
        let first = languages.first().copied().unwrap_or_default();
        Self::ALL.into_iter().find(|locale| locale.tag() == first).unwrap_or(Self::Indonesian)
    }

    /// The language in `?lang=`, if it is a known one.
    fn chosen(uri: &Uri) -> Option<Self> {
        let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.strip_prefix("lang="));
        pairs.next_back().and_then(Self::tagged)
    }

    /// The language in the cookie.
    fn remembered(headers: &HeaderMap) -> Option<Self> {
        sent_cookie(COOKIE_NAME, headers).and_then(|tag| Self::tagged(&tag))
    }

    /// The known language that the browser prefers most (RFC 9110, section 12.5.4).
    fn preferred(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|line| line.to_str().ok());
        let mut best = None;
        for range in lines.flat_map(|line| line.split(',')) {
            let (tag, weight) = parse_range(range);
            let language = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
            let Some(locale) = Self::tagged(&language) else { continue };
            // Of equal weights the first wins.
            if weight > 0.0 && best.is_none_or(|(_, most)| weight > most) {
                best = Some((locale, weight));
            }
        }
        best.map(|(locale, _)| locale)
    }

    fn tagged(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|locale| locale.tag() == tag && branding().languages().contains(&tag))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Locale {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let chosen = Self::chosen(&parts.uri).or_else(|| Self::remembered(&parts.headers));
        Ok(chosen.or_else(|| Self::preferred(&parts.headers)).unwrap_or_else(Self::fallback))
    }
}

/// Parses a language range with its weight: `en-GB;q=0.8`.
fn parse_range(range: &str) -> (&str, f32) {
    let (tag, parameter) = range.split_once(';').unwrap_or((range, ""));
    let weight = parameter.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse().ok());
    (tag.trim(), weight.unwrap_or(0.0))
}

/// Stores the language of `?lang=` in a cookie: the switch is a link and needs no script.
pub async fn remember(State(scope): State<CookieScope>, request: Request, next: Next) -> Response {
    let chosen = Locale::chosen(request.uri());
    let mut response = next.run(request).await;
    if let Some(locale) = chosen {
        let cookie = format!(
            "{COOKIE_NAME}={}; Path={}; Max-Age=31536000; SameSite=Lax; HttpOnly",
            locale.tag(),
            scope.cookie_path()
        );
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE;

    use super::*;

    #[test]
    fn query_chooses_a_known_language_only() {
        for (uri, chosen) in [
            ("/", None),
            ("/?lang=en", Some(Locale::English)),
            ("/chat?x=1&lang=id", Some(Locale::Indonesian)),
            ("/?lang=", None),
            ("/?lang=de", None),
            ("/?slang=en", None),
        ] {
            assert_eq!(Locale::chosen(&uri.parse().unwrap()), chosen, "{uri}");
        }
    }

    #[test]
    fn accept_language_chooses_the_preferred_known_language() {
        for (accepted, preferred) in [
            ("", None),
            ("*", None),
            ("de, fr;q=0.5", None),
            ("en-GB,en;q=0.9", Some(Locale::English)),
            ("en;q=0.5, id-ID;q=0.8", Some(Locale::Indonesian)),
            ("id, en", Some(Locale::Indonesian)),
            ("en;q=0, de", None),
            ("EN;q=x, ID ; q=0.1", Some(Locale::Indonesian)),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
            assert_eq!(Locale::preferred(&headers), preferred, "{accepted:?}");
        }
    }

    #[test]
    fn choice_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        assert_eq!(Locale::remembered(&headers), None);
        headers.append(COOKIE, HeaderValue::from_static("ruang=abc; ruang_lang=en; other"));
        assert_eq!(Locale::remembered(&headers), Some(Locale::English));
    }
}
