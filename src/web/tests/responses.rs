//! The API, assets, headers, health and errors.

use axum::http::StatusCode;

use super::{Site, header_of, text};
use crate::web::assets;

#[tokio::test]
async fn api_requires_a_session_and_valid_parameters() {
    let site = Site::new();
    for uri in ["/api/messages", "/api/members"] {
        let response = site.get(uri).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(text(response).await.starts_with(r#"{"error":"#));
    }
    let cookie = site.cookie().await;
    for query in
        ["limit=0", "limit=201", "limit=x", "limit=-1", "before=7-1&after=7-2", "before=7", "after=", "before=+7-1"]
    {
        let response = site.get_as(&cookie, &format!("/api/messages?{query}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        assert!(text(response).await.starts_with(r#"{"error":"#));
    }
    for query in ["limit=0", "limit=201", "limit="] {
        let response = site.get_as(&cookie, &format!("/api/members?{query}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    let site = Site::without_room();
    let cookie = site.cookie().await;
    for uri in ["/api/messages?limit=200&before=7-1", "/api/members?limit=1&after=adi"] {
        let response = site.get_as(&cookie, uri).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header_of(&response, "retry-after"), "2");
    }
}

#[tokio::test]
async fn every_response_has_security_headers() {
    let site = Site::new();
    for uri in ["/", "/nowhere", "/healthz", "/api/messages", "/static/x/page.css"] {
        let response = site.get(uri).await;
        for name in ["content-security-policy", "x-content-type-options", "referrer-policy", "permissions-policy"] {
            assert_ne!(header_of(&response, name), "", "{uri} {name}");
        }
    }
}

#[tokio::test]
async fn assets_are_immutable_under_their_own_hash_only() {
    let site = Site::new();
    let own = site.get(&format!("{}/page.css", assets::base())).await;
    assert_eq!(header_of(&own, "cache-control"), "public, max-age=31536000, no-transform, immutable");
    assert_eq!(header_of(&own, "content-type"), "text/css; charset=utf-8");
    let other = site.get("/static/0123456789abcdef/page.css").await;
    assert_eq!((other.status(), header_of(&other, "cache-control")), (StatusCode::OK, "no-store, no-transform"));
    assert_eq!(site.get("/static/x/none.js").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(site.get("/static/x/../Cargo.toml").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn unknown_path_wrong_method_large_body_have_their_status() {
    let site = Site::new();
    let response = site.get("/nowhere?lang=en").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(text(response).await.contains("Page not found"));
    let response = site.get("/logout").await;
    assert_eq!((response.status(), header_of(&response, "allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    let response = site.sign_in(&format!("username={}", "x".repeat(33 * 1024))).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn instance_without_its_backplane_is_alive_but_not_ready() {
    let site = Site::new();
    assert_eq!(site.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(site.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
}
