//! The whole router, without a socket.

mod responses;
mod sessions;
mod sign_in;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, header},
};
use tower::ServiceExt;
use tower_sessions::{Session, SessionStore};

use super::{Options, Web, layers, router};
use crate::{
    backplane::{Backplane, Person, RetentionPolicy, SessionTag, memory::MemoryBackplane, redis::RedisBackplane},
    origin::SitePolicy,
    protocol::{Limits, TEXT_CHARS},
    rate::Rate,
    redis::{self, RedisConnector},
    room::{self, Room},
    server::Peer,
    session::{self, MemorySessionStore, SessionTerms, Sessions},
};

struct Site {
    router: Router,
    sessions: Sessions,
}

const NAME_HOLD: Duration = Duration::from_secs(900);
const RETENTION: RetentionPolicy = RetentionPolicy {
    history: 100,
    history_age: None,
    name_hold: NAME_HOLD,
    messages: Rate::UNLIMITED,
    bot_messages: Rate::UNLIMITED,
    lease: Duration::from_secs(5),
    edit_window: Duration::from_secs(900),
};

fn open(backplane: Arc<dyn Backplane>) -> Room {
    let options = room::Options {
        leave_grace: Duration::from_secs(5),
        lease: Duration::from_secs(5),
        name_hold: NAME_HOLD,
        history_age: None,
        bots: vec![],
        limits: Limits { text_chars: TEXT_CHARS, messages_per_second: 5, edit_ms: 900_000 },
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

    /// Sessions work, but the room's Redis cannot be reached.
    fn without_room() -> Self {
        let redis = redis::Options { url: "redis://127.0.0.1:1".into(), password: None, ca_file: None };
        let engine = RedisBackplane::new(RedisConnector::new(&redis).unwrap(), "ruang", RETENTION).unwrap();
        Self::of(
            open(Arc::new(engine)),
            Arc::new(MemorySessionStore::default()),
            Options::default(),
            session::Options::default(),
        )
    }

    fn on(store: Arc<dyn SessionStore>, options: Options, sessions: session::Options) -> Self {
        Self::of(open(Arc::new(MemoryBackplane::new(RETENTION))), store, options, sessions)
    }

    fn of(room: Room, store: Arc<dyn SessionStore>, options: Options, sessions: session::Options) -> Self {
        let sessions = Sessions::new(store, sessions);
        let site = SitePolicy::default();
        let queue_memory = Arc::clone(&options.queue_memory);
        let web = Web::new(room, sessions.clone(), site.clone(), options);
        Self { router: layers(router(web), &sessions, &site, queue_memory), sessions }
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

    /// The cookie of a session whose name is not claimed in the room.
    async fn cookie(&self) -> String {
        let store = self.sessions.layer();
        let begun_id = Arc::new(std::sync::Mutex::new(None));
        let (sessions, id) = (self.sessions.clone(), begun_id.clone());
        let begin = move |session: Session| async move {
            let person = Person::new("sari".into(), "Sari", SessionTag::random());
            sessions.begin(&session, &person, SessionTerms::default()).await.unwrap();
            *id.lock().unwrap() = session.id();
        };
        let app = Router::new().route("/", axum::routing::get(begin)).layer(store);
        let response = app.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert!(begun_id.lock().unwrap().is_some());
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
