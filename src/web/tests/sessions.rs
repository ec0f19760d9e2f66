//! The cookie, and a store that fails.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use tower::ServiceExt;
use tower_sessions::{Session, SessionStore, session::Id};

use super::{Site, form, header_of};
use crate::{
    origin::CookieScope,
    origin::SitePolicy,
    session::{self, MemorySessionStore, RedisSessionStore, Sessions},
    web::{Options, layers},
};

#[tokio::test]
async fn unreadable_session_is_503_and_keeps_the_cookie() {
    let site = Site::on(unreachable_store(), Options::default(), session::Options::default());
    let cookie = format!("ruang={}", Id::default());
    for uri in ["/", "/chat", "/api/messages", "/api/members"] {
        let response = site.get_as(&cookie, uri).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{uri}");
        assert_eq!(header_of(&response, "retry-after"), "2", "{uri}");
        assert_eq!(header_of(&response, "set-cookie"), "", "{uri}");
    }
    for uri in ["/", "/logout"] {
        let mut request = form(uri, "username=sari");
        request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
        let response = site.send(request).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{uri}");
        assert_eq!(header_of(&response, "set-cookie"), "", "{uri}");
    }
}

/// A store whose client is not connected to any Redis.
fn unreachable_store() -> Arc<dyn SessionStore> {
    let mut builder = fred::types::Builder::default_centralized();
    builder.with_performance_config(|config| config.default_command_timeout = Duration::from_millis(50));
    Arc::new(RedisSessionStore::new(builder.build().unwrap(), "ruang"))
}

#[tokio::test]
async fn session_cookie_has_its_attributes() {
    for (secure, name) in [(false, "ruang="), (true, "__Host-ruang=")] {
        let cookies = CookieScope { secure, ..CookieScope::default() };
        let options = session::Options { cookies, ..session::Options::default() };
        let sessions = Sessions::new(Arc::new(MemorySessionStore::default()), options);
        let insert = |session: Session| async move { session.insert("x", 1).await.unwrap() };
        let app = Router::new().route("/", axum::routing::get(insert)).layer(sessions.layer());
        let response = app.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        let cookie = header_of(&response, "set-cookie");
        assert!(cookie.starts_with(name), "{cookie}");
        for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert_eq!(cookie.contains("Secure"), secure, "{cookie}");
    }
}

#[tokio::test]
async fn unsaved_session_is_503() {
    let sessions = Sessions::new(unreachable_store(), session::Options::default());
    let insert = |session: Session| async move { session.insert("x", 1).await.unwrap() };
    let app = Router::new().route("/unsaved", axum::routing::get(insert));
    let response = layers(app, &sessions, &SitePolicy::default(), Options::default().queue_memory)
        .oneshot(Request::get("/unsaved").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header_of(&response, "retry-after"), "2");
}
