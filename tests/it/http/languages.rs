//! The language of a page.

use reqwest::Method;

use crate::kit::{Cluster, Engine, Response, engines::on_both_engines};

on_both_engines! {
    page_language_follows_accept_language,
    page_varies_by_accept_language,
}

async fn page_language_follows_accept_language(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let cases = [
        (None, "id"),
        (Some("id"), "id"),
        (Some("en"), "en"),
        (Some("en-GB,en;q=0.9"), "en"),
        (Some("EN-us"), "en"),
        (Some("de, en;q=0.5"), "en"),
        (Some("en;q=0.4, id;q=0.8"), "id"),
        (Some("id;q=0, en;q=0.1"), "en"),
        (Some("de"), "id"),
        (Some("*"), "id"),
        (Some(";;q=,,"), "id"),
    ];
    for (header, language) in cases {
        let mut request = cluster.http_client(0).request(Method::GET, "/");
        if let Some(header) = header {
            request = request.header("accept-language", header);
        }
        let page = Response::to(request).await;
        assert!(page.body.contains(&format!("<html lang=\"{language}\"")), "{header:?}: {}", page.body);
    }
}

async fn page_varies_by_accept_language(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let page = cluster.http_client(0).get("/").await;
    let vary = page.header("vary").unwrap_or_default().to_ascii_lowercase();
    assert!(vary.contains("accept-language"), "{page:?}");
}
