//! Sign-in and sign-out.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
    response::Response,
};

use super::{Site, form, header_of, text};
use crate::{session, web::Options};

fn cookies_of(response: &Response) -> impl Iterator<Item = &str> {
    response.headers().get_all(header::SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok())
}

#[tokio::test]
async fn form_remembers_the_chosen_language() {
    let site = Site::new();
    assert!(text(site.get("/").await).await.contains(r#"<html lang="id" "#));
    let english = site.get("/?lang=en").await;
    assert!(cookies_of(&english).any(|cookie| cookie.starts_with("ruang_lang=en;")));
    assert!(text(english).await.contains(r#"<html lang="en" "#));
    assert!(text(site.get_as("ruang_lang=en", "/").await).await.contains(r#"<html lang="en" "#));
}

#[tokio::test]
async fn invalid_name_shows_the_reason() {
    let site = Site::new();
    for body in ["username=", "username=+++", "username=a%E2%80%8Bb", "", &format!("username={}", "x".repeat(33))] {
        let response = site.sign_in(body).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let page = text(response).await;
        assert!(page.contains(r#"aria-describedby="username-error" aria-invalid="true""#), "{page}");
        assert!(page.contains(r#"id="username-error""#), "{page}");
    }
}

#[tokio::test]
async fn typed_name_is_kept_and_escaped() {
    let response = Site::new().sign_in("username=%22%3E%3Cscript%3E%E2%80%8B").await;
    let page = text(response).await;
    assert!(!page.contains("\"><script>"), "{page}");
    assert!(page.contains("&#34;&#62;&#60;script&#62;"), "{page}");
}

#[tokio::test]
async fn sign_in_without_the_room_is_503() {
    let response = Site::without_room().sign_in("username=sari").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header_of(&response, "retry-after"), "2");
    assert!(cookies_of(&response).all(|cookie| cookie.starts_with("ruang-form=")), "no session");
    assert!(text(response).await.contains(r#"value="sari""#));
}

#[tokio::test]
async fn sign_ins_above_the_rate_are_429() {
    let site = Site::with(Options { sign_ins_per_minute: 2, ..Options::default() }, session::Options::default());
    for _ in 0..2 {
        assert_eq!(site.sign_in("username=").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let response = site.sign_in("username=").await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = header_of(&response, "retry-after").parse().unwrap();
    assert!((1..=31).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn form_of_another_site_is_403() {
    let site = Site::new();
    for uri in ["/", "/logout"] {
        for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")]
        {
            let mut request = form(uri, "username=sari");
            request.headers_mut().insert(header::HOST, "localhost:8080".parse().unwrap());
            request.headers_mut().insert(name, value.parse().unwrap());
            assert_eq!(site.send(request).await.status(), StatusCode::FORBIDDEN, "{uri} {name}: {value}");
        }
    }
}

#[tokio::test]
async fn session_decides_between_form_and_room() {
    let site = Site::new();
    let cookie = site.cookie().await;
    for request in [Request::get("/").body(Body::empty()).unwrap(), form("/", "username=adi")] {
        let mut request = request;
        request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
        let response = site.send(request).await;
        assert_eq!((response.status(), header_of(&response, "location")), (StatusCode::SEE_OTHER, "/chat"));
    }
    let response = site.get("/chat").await;
    assert_eq!((response.status(), header_of(&response, "location")), (StatusCode::SEE_OTHER, "/"));
    let response = site.get_as(&cookie, "/chat").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header_of(&response, "cache-control"), "no-store, no-transform");
    assert!(text(response).await.contains(r#"data-you="Sari""#));
}

#[tokio::test]
async fn sign_out_without_a_session_leads_to_the_form() {
    let response = Site::new().send(form("/logout", "")).await;
    assert_eq!((response.status(), header_of(&response, "location")), (StatusCode::SEE_OTHER, "/"));
}
