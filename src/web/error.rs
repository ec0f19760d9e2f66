//! Error pages and JSON errors.

use std::{any::Any, borrow::Cow, time::Duration};

use askama::Template;
use axum::{
    Json,
    body::{Body, HttpBody},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, REFRESH, RETRY_AFTER},
    },
    response::{Html, IntoResponse, Response},
};

use super::{assets, base_path, locale::Locale, texts::Texts};
use crate::origin::PostRefusal;

/// `Retry-After` of a 503, in seconds.
pub const RETRY_SECONDS: &str = "2";

/// Renders a page.
pub fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(error) => {
            tracing::error!(%error, "page failed to render");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A JSON error.
pub fn json(status: StatusCode, reason: &str) -> Response {
    (status, Json(serde_json::json!({ "error": reason }))).into_response()
}

/// A JSON error with a code for programs.
pub fn json_code(status: StatusCode, code: &str, reason: &str) -> Response {
    (status, Json(serde_json::json!({ "error": reason, "code": code }))).into_response()
}

/// The JSON error while the room cannot be reached.
pub fn json_unavailable() -> Response {
    with_retry_after(json(StatusCode::SERVICE_UNAVAILABLE, "the room cannot be reached"), RETRY_SECONDS)
}

/// The JSON error of a rate limit.
pub fn json_too_many(reason: &str, wait: Duration) -> Response {
    with_retry_after(json(StatusCode::TOO_MANY_REQUESTS, reason), &seconds(wait))
}

/// A `Retry-After` that is not too early.
pub fn seconds(wait: Duration) -> String {
    (wait.as_secs() + 1).to_string()
}

/// Adds `Retry-After`.
pub fn with_retry_after(mut response: Response, seconds: &str) -> Response {
    if let Ok(seconds) = HeaderValue::from_str(seconds) {
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

/// An unknown path.
pub async fn not_found(locale: Locale) -> Response {
    page(locale, StatusCode::NOT_FOUND, Texts::of(locale).errors.not_found)
}

/// A form sent by another site.
pub fn foreign(locale: Locale) -> Response {
    page(locale, StatusCode::FORBIDDEN, Texts::of(locale).errors.foreign)
}

/// A form that [`SitePolicy`] refuses, with the reason: another site has sent it, or the room was opened at an address that
/// is not its own.
pub fn refused_post(locale: Locale, refusal: &PostRefusal) -> Response {
    let texts = Texts::of(locale);
    match refusal {
        PostRefusal::OtherSite => foreign(locale),
        PostRefusal::OtherAddress { own, .. } => {
            let (title, advice) = texts.errors.other_address;
            let link = (own.to_string(), Cow::Owned(own.to_string()));
            html(StatusCode::FORBIDDEN, &ErrorPage::new(locale, title, advice, link))
        }
        PostRefusal::UnknownAddress { .. } => page(locale, StatusCode::FORBIDDEN, texts.errors.unknown_address),
    }
}

/// The session store or the room cannot be reached.
pub fn unavailable(locale: Locale) -> Response {
    let page = page(locale, StatusCode::SERVICE_UNAVAILABLE, Texts::of(locale).errors.unavailable);
    with_retry_after(page, RETRY_SECONDS)
}

/// Too many pages were read. Unlike on `Retry-After`, browsers act on `Refresh`: the page loads by itself when it may.
pub fn too_many(locale: Locale, wait: Duration) -> Response {
    let page = page(locale, StatusCode::TOO_MANY_REQUESTS, Texts::of(locale).errors.too_many);
    let mut page = with_retry_after(page, &seconds(wait));
    if let Ok(wait) = HeaderValue::from_str(&seconds(wait)) {
        page.headers_mut().insert(REFRESH, wait);
    }
    page
}

/// A handler panicked.
pub fn panicked(_cause: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    let locale = Locale::fallback();
    page(locale, StatusCode::INTERNAL_SERVER_ERROR, Texts::of(locale).errors.failed)
}

/// Turns the empty 500 by which tower-sessions replaces a response whose session it cannot save into a 503 page. No other
/// 500 here is empty.
pub async fn session_unsaved(locale: Locale, response: Response<Body>) -> Response<Body> {
    let empty = response.body().size_hint().exact() == Some(0) && !response.headers().contains_key(CONTENT_TYPE);
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR && empty { unavailable(locale) } else { response }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    texts: &'static Texts,
    locale: Locale,
    base: String,
    title: &'static str,
    advice: &'static str,
    /// The way out: an address, and its label.
    href: String,
    label: Cow<'static, str>,
}

impl ErrorPage {
    fn new(
        locale: Locale,
        title: &'static str,
        advice: &'static str,
        (href, label): (String, Cow<'static, str>),
    ) -> Self {
        Self { texts: Texts::of(locale), locale, base: assets::base(), title, advice, href, label }
    }
}

fn page(locale: Locale, status: StatusCode, (title, advice): (&'static str, &'static str)) -> Response {
    let texts = Texts::of(locale);
    // Reloading may help, or only another page.
    let (href, label) = match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => (String::new(), texts.script.reload),
        _ => (format!("{}/", base_path::root()), texts.errors.home),
    };
    html(status, &ErrorPage::new(locale, title, advice, (href, label.into())))
}
