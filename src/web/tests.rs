use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, header},
};
use tower::ServiceExt;
use tower_sessions::{Session, SessionStore, session::Id};

use super::{Options, Web, layers, router};
use crate::{
    backplane::{Backplane, Person, RetentionPolicy, SessionTag, memory::MemoryBackplane, redis::RedisBackplane},
    origin::SitePolicy,
    protocol::{Limits, TEXT_CHARS},
    rate::Rate,
    redis::{self, RedisConnector},
    room::{self, Room},
    server::Peer,
    session::{self, MemorySessionStore, RedisSessionStore, Sessions},
};

struct Site {
    router: Router,
    sessions: Sessions,
}

const NAME_HOLD: Duration = Duration::from_secs(900);
const KEEPING: RetentionPolicy = RetentionPolicy {
    history: 100,
    history_age: None,
    name_hold: NAME_HOLD,
    messages: Rate::UNLIMITED,
    lease: Duration::from_secs(5),
};

fn open(backplane: Arc<dyn Backplane>) -> Room {
    let options = room::Options {
        leave_grace: Duration::from_secs(5),
        lease: Duration::from_secs(5),
        name_hold: NAME_HOLD,
        history_age: None,
        limits: Limits { text_chars: TEXT_CHARS, messages_per_second: 5 },
    };
    Room::open(backplane, options)
}

impl Site {
    fn new() -> Self {
        Self::with(Options::default(), session::Options::default())
    }

    fn with(options: Options, sessions: session::Options) -> Self {
        Self::on(Arc::new(MemorySessionStore::default()), options, sessions)
    }

    /// Sessions work, but the room's Redis is not there.
    fn without_room() -> Self {
        let redis = redis::Options { url: "redis://127.0.0.1:1".into(), password: None, ca_file: None };
        let engine = RedisBackplane::new(RedisConnector::new(&redis).unwrap(), "ruang", KEEPING).unwrap();
        Self::of(
            open(Arc::new(engine)),
            Arc::new(MemorySessionStore::default()),
            Options::default(),
            session::Options::default(),
        )
    }

    fn on(store: Arc<dyn SessionStore>, options: Options, sessions: session::Options) -> Self {
        Self::of(open(Arc::new(MemoryBackplane::new(KEEPING))), store, options, sessions)
    }

    fn of(room: Room, store: Arc<dyn SessionStore>, options: Options, sessions: session::Options) -> Self {
        let sessions = Sessions::new(store, sessions);
        let site = SitePolicy::default();
        let web = Web::new(room, sessions.clone(), site.clone(), options);
        Self { router: layers(router(web), &sessions, &site), sessions }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        let mut request = request;
        request.extensions_mut().insert(Peer(SocketAddr::from(([127, 0, 0, 1], 9))));
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, uri: &str) -> Response<Body> {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    async fn get_as(&self, cookie: &str, uri: &str) -> Response<Body> {
        self.send(Request::get(uri).header(header::COOKIE, cookie).body(Body::empty()).unwrap()).await
    }

    async fn sign_in(&self, body: &str) -> Response<Body> {
        self.send(form("/", body)).await
    }

    /// A session, without its name being claimed in the room.
    async fn cookie(&self) -> String {
        let store = self.sessions.layer();
        let keep = Arc::new(std::sync::Mutex::new(None));
        let (sessions, kept) = (self.sessions.clone(), keep.clone());
        let begin = move |session: Session| async move {
            let person = Person { name: "Sari".into(), name_key: "sari".into(), session: SessionTag::random() };
            sessions.begin(&session, &person).await.unwrap();
            *kept.lock().unwrap() = session.id();
        };
        let app = Router::new().route("/", axum::routing::get(begin)).layer(store);
        let response = app.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        let id: Option<Id> = *keep.lock().unwrap();
        assert!(id.is_some());
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

fn form(uri: &str, body: &str) -> Request<Body> {
    Request::post(uri)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

fn header_of<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_form_is_indonesian_until_english_is_chosen_and_that_is_remembered() {
    let site = Site::new();
    assert!(text(site.get("/").await).await.contains(r#"<html lang="id">"#));
    let english = site.get("/?lang=en").await;
    assert!(header_of(&english, "set-cookie").starts_with("ruang_lang=en;"));
    assert!(text(english).await.contains(r#"<html lang="en">"#));
    assert!(text(site.get_as("ruang_lang=en", "/").await).await.contains(r#"<html lang="en">"#));
}

#[tokio::test]
async fn a_bad_name_comes_back_with_the_reason_beside_it() {
    let site = Site::new();
    for body in ["username=", "username=+++", "username=a%E2%80%8Bb", "", &format!("username={}", "x".repeat(33))] {
        let response = site.sign_in(body).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let page = text(response).await;
        assert!(page.contains(r#"aria-describedby="username-error username-hint" aria-invalid="true""#), "{page}");
        assert!(page.contains(r#"id="username-error""#), "{page}");
    }
}

#[tokio::test]
async fn what_was_typed_is_kept_and_escaped() {
    let response = Site::new().sign_in("username=%22%3E%3Cscript%3E%E2%80%8B").await;
    let page = text(response).await;
    assert!(!page.contains("\"><script>"), "{page}");
    assert!(page.contains("&#34;&#62;&#60;script&#62;"), "{page}");
}

#[tokio::test]
async fn nobody_is_let_in_while_the_room_cannot_be_reached() {
    let response = Site::without_room().sign_in("username=sari").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header_of(&response, "retry-after"), "2");
    assert_eq!(header_of(&response, "set-cookie"), "");
    assert!(text(response).await.contains(r#"value="sari""#));
}

#[tokio::test]
async fn too_many_tries_from_one_address_have_to_wait() {
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
async fn forms_from_other_sites_are_refused() {
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
async fn who_is_signed_in_is_sent_to_the_room_and_who_is_not_to_the_form() {
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
    assert_eq!(header_of(&response, "cache-control"), "no-store");
    assert!(text(response).await.contains(r#"data-you="Sari""#));
}

#[tokio::test]
async fn the_api_is_for_who_is_signed_in_and_reads_its_parameters_strictly() {
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
async fn while_sessions_cannot_be_read_nothing_says_signed_out() {
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

/// Redis that is not there: a client that was never connected and does not wait for it.
fn unreachable_store() -> Arc<dyn SessionStore> {
    let mut builder = fred::types::Builder::default_centralized();
    builder.with_performance_config(|config| config.default_command_timeout = Duration::from_millis(50));
    Arc::new(RedisSessionStore::new(builder.build().unwrap(), "ruang"))
}

#[tokio::test]
async fn signing_out_without_a_session_leads_to_the_form() {
    let response = Site::new().send(form("/logout", "")).await;
    assert_eq!((response.status(), header_of(&response, "location")), (StatusCode::SEE_OTHER, "/"));
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
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
    let own = site.get(&format!("{}/page.css", super::assets::base())).await;
    assert_eq!(header_of(&own, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header_of(&own, "content-type"), "text/css; charset=utf-8");
    let other = site.get("/static/0123456789abcdef/page.css").await;
    assert_eq!((other.status(), header_of(&other, "cache-control")), (StatusCode::OK, "no-store"));
    assert_eq!(site.get("/static/x/none.js").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(site.get("/static/x/../Cargo.toml").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn unknown_paths_wrong_methods_and_large_bodies_are_named_as_such() {
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
async fn an_instance_without_its_backplane_is_alive_but_not_ready() {
    let site = Site::new();
    assert_eq!(site.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(site.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_cookie_is_for_this_site_alone_and_secure_where_the_site_is() {
    for (secure, name) in [(false, "ruang="), (true, "__Host-ruang=")] {
        let options = session::Options { secure, ..session::Options::default() };
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
async fn a_session_that_cannot_be_saved_is_no_empty_500() {
    let sessions = Sessions::new(unreachable_store(), session::Options::default());
    let insert = |session: Session| async move { session.insert("x", 1).await.unwrap() };
    let app = Router::new().route("/unsaved", axum::routing::get(insert));
    let response = layers(app, &sessions, &SitePolicy::default())
        .oneshot(Request::get("/unsaved").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header_of(&response, "retry-after"), "2");
}
