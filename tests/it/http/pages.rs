//! The chat page, wrong methods, unknown paths, and headers of every page.

use reqwest::Method;

use crate::kit::{Cluster, Engine, Response, engines::on_both_engines};

on_both_engines! {
    chat_without_a_session_redirects_to_sign_in,
    chat_page_holds_newest_messages_and_the_resume_id,
    wrong_methods_are_405_with_allow,
    unknown_path_is_404_in_the_page_language,
    pages_are_no_store,
    pages_are_compressed_on_request,
    pages_have_security_headers,
}

async fn chat_without_a_session_redirects_to_sign_in(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    cluster.http_client(0).get("/chat").await.redirects_to("/");
}

async fn chat_page_holds_newest_messages_and_the_resume_id(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let id = sari.send_acked("<b>halo</b> & apa kabar").await;
    sari.wait_for_text("sari", "<b>halo</b> & apa kabar").await;
    let page = sari.http_client.get("/chat").await;
    assert!(page.body.contains("apa kabar"), "the page has the message: {}", page.body);
    assert!(!page.body.contains("<b>halo</b>"), "the message is escaped: {}", page.body);
    assert!(page.body.contains(&id), "the page has the id to resume from: {}", page.body);
}

async fn wrong_methods_are_405_with_allow(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let http_client = cluster.http_client(0);
    let wrong = [
        (Method::DELETE, "/"),
        (Method::PUT, "/"),
        (Method::POST, "/chat"),
        (Method::GET, "/logout"),
        (Method::POST, "/ws"),
        (Method::PUT, "/api/messages"),
        (Method::DELETE, "/api/members"),
        (Method::POST, "/healthz"),
        (Method::POST, "/readyz"),
    ];
    for (method, path) in wrong {
        let response = Response::to(http_client.request(method.clone(), path)).await;
        assert_eq!(response.status, 405, "{method} {path}: {response:?}");
        assert!(response.header("allow").is_some(), "{method} {path}: {response:?}");
    }
}

async fn unknown_path_is_404_in_the_page_language(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    for (language, tag) in [("id", "<html lang=\"id\""), ("en", "<html lang=\"en\"")] {
        let request = cluster.http_client(0).request(Method::GET, "/tidak/ada").header("accept-language", language);
        let response = Response::to(request).await;
        response.is(404);
        assert!(response.body.contains(tag), "{language}: {response:?}");
    }
}

async fn pages_are_no_store(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    let form = sari.get("/").await;
    sari.sign_in("sari").await;
    for page in [form, sari.get("/chat").await, sari.get("/api/members").await] {
        let cached = page.header("cache-control").unwrap_or_default();
        assert!(cached == "no-store, no-transform", "{page:?}");
    }
}

async fn pages_are_compressed_on_request(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await;
    let plain = sari.get("/chat").await;
    assert_eq!(plain.header("content-encoding"), None);
    let request = sari.request(Method::GET, "/chat").header("accept-encoding", "gzip");
    let compressed = request.send().await.expect("an answer");
    assert_eq!(compressed.headers()["content-encoding"], "gzip");
    assert!(compressed.headers()["vary"].to_str().is_ok_and(|vary| vary.contains("accept-encoding")));
    let length = compressed.bytes().await.expect("a body").len();
    assert!(length * 2 < plain.body.len(), "{length} of {}", plain.body.len());
}

async fn pages_have_security_headers(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let page = cluster.http_client(0).get("/").await;
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "trusted-types notifier"] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe-"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.header("referrer-policy").is_some(), "{page:?}");
}
