//! The room in a frame of another site: the script that the site includes, and the frame's first page.

use std::{sync::LazyLock, time::Instant};

use askama::Template;
use axum::{
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, REFERER, SET_COOKIE},
    },
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;

use super::{Web, assets, client::Client, error, locale::Locale, texts::Texts};
use crate::{
    origin::PublicUrl,
    rate::{KeyedLimiter, Rate},
};

/// How often a frame of one unlisted site is logged.
const LOGGED: Rate = Rate { per_second: 1.0 / 3600.0, burst: 1.0 };
/// Sites that are counted at a time.
const SITES: usize = 100;
/// How long browsers use the script without asking.
const SCRIPT_CACHING: &str = "public, max-age=300";

#[derive(Template)]
#[template(path = "embed.html")]
struct EmbedPage<'a> {
    texts: &'static Texts,
    base: String,
    origins: &'a str,
}

/// `GET /embed.js`: the custom element `<ruang-chat>`. Its address stays, so it is cached for minutes only.
pub async fn script(headers: HeaderMap) -> Response {
    let Some(mut response) = assets::respond("embed.js", &headers) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(SCRIPT_CACHING));
    // Other sites include it: that is what it is for.
    let anyone = HeaderValue::from_static("cross-origin");
    response.headers_mut().insert("cross-origin-resource-policy", anyone);
    response
}

/// `GET /embed`: asks the site around the frame for a token.
pub async fn page(State(web): State<Web>, locale: Locale, client: Client) -> Response {
    web.log_unlisted_site(&client);
    let origins: Vec<String> = web.site.embedders.iter().map(ToString::to_string).collect();
    let (texts, base) = (Texts::of(locale), assets::base());
    error::html(StatusCode::OK, &EmbedPage { texts, base, origins: &origins.join(" ") })
}

impl Web {
    /// Logs a frame of a site that is not listed, once per hour and site. The browser does not show it.
    fn log_unlisted_site(&self, Client { address, headers, .. }: &Client) {
        static SEEN: LazyLock<Mutex<KeyedLimiter<String>>> =
            LazyLock::new(|| Mutex::new(KeyedLimiter::new(LOGGED, SITES)));
        let is_frame = headers.get("sec-fetch-dest").is_some_and(|destination| destination == "iframe");
        let referrer = headers.get(REFERER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(site) = PublicUrl::of_page(referrer) else { return };
        let is_known = self.site.embedders.contains(&site)
            || self.site.public_urls.as_ref().is_some_and(|own| own.contains(&site));
        if is_frame && !is_known && SEEN.lock().take(site.to_string(), Instant::now()).is_ok() {
            tracing::warn!(%site, %address, "a site that RUANG_EMBED_ORIGINS does not list has the room in a frame");
        }
    }
}

/// Lets browsers send the cookies of a response in frames of other sites: there they are kept apart per site around the frame.
pub fn partition_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().map(partitioned).collect();
    headers.remove(SET_COOKIE);
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
}

/// The operator's cookie is `Strict`, and stays so.
fn partitioned(cookie: &HeaderValue) -> HeaderValue {
    let Some(text) = cookie.to_str().ok().filter(|text| text.contains("SameSite=Lax")) else { return cookie.clone() };
    let secure = if text.contains("Secure") { "" } else { "; Secure" };
    let text = format!("{}{secure}; Partitioned", text.replace("SameSite=Lax", "SameSite=None"));
    HeaderValue::try_from(text).unwrap_or_else(|_| cookie.clone())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn cookies_are_partitioned_but_the_operators() {
        let mut headers = HeaderMap::new();
        for cookie in [
            "__Host-ruang=a; HttpOnly; SameSite=Lax; Secure; Path=/",
            "ruang_lang=id; SameSite=Lax; Path=/",
            "o=b; SameSite=Strict; Secure",
        ] {
            headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        partition_cookies(&mut headers);
        let cookies: Vec<_> = headers.get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect();
        assert_eq!(
            cookies,
            [
                "__Host-ruang=a; HttpOnly; SameSite=None; Secure; Path=/; Partitioned",
                "ruang_lang=id; SameSite=None; Path=/; Secure; Partitioned",
                "o=b; SameSite=Strict; Secure",
            ]
        );
    }

    #[test]
    fn unlisted_site_is_logged_once_per_hour() {
        let (mut seen, now) = (KeyedLimiter::new(LOGGED, SITES), Instant::now());
        let mut log =
            |site: &str, minutes: u64| seen.take(site.to_owned(), now + Duration::from_secs(minutes * 60)).is_ok();
        assert!(log("https://a.example", 0) && log("https://b.example", 0));
        assert!(!log("https://a.example", 59) && !log("https://b.example", 59));
        assert!(log("https://a.example", 61));
    }

    #[test]
    fn script_is_small() {
        assert!(include_str!("../../static/embed.js").len() < 5_000);
    }
}
