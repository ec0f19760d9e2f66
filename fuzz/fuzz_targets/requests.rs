//! Every request gets a response that is not a 500, and none without a session is let in.
//!
//! The first line is the method and the path; headers follow until an empty line, then the body.
#![no_main]

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use libfuzzer_sys::fuzz_target;
use ruang::{
    backplane::{RetentionPolicy, memory::MemoryBackplane},
    origin::SitePolicy,
    protocol::{Limits, TEXT_CHARS},
    rate::Rate,
    room::{self, Room},
    server::Peer,
    session::{self, MemorySessionStore, Sessions},
    web::{self, Web},
};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

static SITE: LazyLock<(Runtime, Router)> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let router = runtime.block_on(async { site() });
    (runtime, router)
});

fuzz_target!(|input: &[u8]| {
    let Some(request) = request(input) else { return };
    let is_for_members = request.uri().path().starts_with("/api/");
    let (runtime, router) = &*SITE;
    let response = runtime.block_on(router.clone().oneshot(request)).expect("a response");
    let status = response.status();
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!is_for_members || !status.is_success(), "there is no session: {status}");
    assert!(response.headers().contains_key("content-security-policy"));
});

fn request(input: &[u8]) -> Option<Request<Body>> {
    let end = input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len());
    let (head, body) = input.split_at(end);
    let mut lines = head.split(|byte| *byte == b'\n');
    let (method, path) = std::str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(path);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    let mut request = request.body(Body::from(body.get(2..).unwrap_or_default().to_vec())).ok()?;
    request.extensions_mut().insert(Peer(SocketAddr::from(([127, 0, 0, 1], 9))));
    Some(request)
}

fn site() -> Router {
    let name_hold = Duration::from_secs(60);
    let lease = Duration::from_secs(5);
    let keeping = RetentionPolicy {
        history: 100,
        history_age: None,
        name_hold,
        messages: Rate::UNLIMITED,
        bot_messages: Rate::UNLIMITED,
        lease,
        edit_window: name_hold,
    };
    let options = room::Options {
        leave_grace: Duration::from_secs(5),
        lease,
        name_hold,
        history_age: None,
        limits: Limits { text_chars: TEXT_CHARS, messages_per_second: 5, edit_ms: 60_000 },
        bots: vec![],
    };
    let room = Room::open(Arc::new(MemoryBackplane::new(keeping)), options);
    let sessions = Sessions::new(Arc::new(MemorySessionStore::default()), session::Options::default());
    let policy = SitePolicy::default();
    let options = web::Options::default();
    let queue_memory = Arc::clone(&options.queue_memory);
    let web = Web::new(room, sessions.clone(), policy.clone(), options);
    web::layers(web::router(web), &sessions, &policy, queue_memory)
}
