//! Files under /static/.

use reqwest::Method;

use crate::kit::{Cluster, Engine, HttpClient, Response, engines::on_both_engines};

on_both_engines! {
    assets_under_the_current_hash_are_immutable,
    assets_are_compressed_on_request,
    assets_under_another_hash_are_current_and_not_cached,
    unknown_asset_is_404,
}

async fn assets_under_the_current_hash_are_immutable(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let http_client = cluster.http_client(0);
    for path in assets_of(&http_client).await {
        let response = http_client.get(&path).await;
        response.is(200);
        let cached = response.header("cache-control").unwrap_or_default();
        assert!(cached.contains("immutable"), "{path}: {cached:?}");
        let content_type = response.header("content-type").unwrap_or_default();
        let types = ["text/css", "text/javascript", "image/", "application/manifest+json"];
        let is_known = types.iter().any(|prefix| content_type.starts_with(prefix));
        assert!(is_known, "{path}: {content_type:?}");
    }
}

async fn assets_are_compressed_on_request(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let http_client = cluster.http_client(0);
    let path = assets_of(&http_client).await.into_iter().find(|path| path.ends_with(".css")).expect("a style sheet");
    let plain = http_client.get(&path).await;
    assert_eq!(plain.header("content-encoding"), None);
    for encoding in ["br", "gzip"] {
        let request = http_client.request(Method::GET, &path).header("accept-encoding", encoding);
        let compressed = request.send().await.expect("an answer");
        assert_eq!(compressed.headers()["content-encoding"], encoding);
        assert!(compressed.headers()["vary"].to_str().is_ok_and(|vary| vary.contains("accept-encoding")));
        let length = compressed.bytes().await.expect("a body").len();
        assert!(length * 2 < plain.body.len(), "{encoding}: {length} of {}", plain.body.len());
    }
}

async fn assets_under_another_hash_are_current_and_not_cached(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let http_client = cluster.http_client(0);
    let path = assets_of(&http_client).await.remove(0);
    let current = http_client.get(&path).await;
    let file = path.splitn(4, '/').nth(3).expect("a file below the hash");
    let under_other_hash = http_client.get(&format!("/static/0123456789abcdef/{file}")).await;
    assert_eq!(under_other_hash.is(200).body, current.body);
    assert_eq!(under_other_hash.header("cache-control"), Some("no-store, no-transform"));
}

async fn unknown_asset_is_404(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let http_client = cluster.http_client(0);
    let path = assets_of(&http_client).await.remove(0);
    let hash = path.split('/').nth(2).expect("a hash");
    for file in ["none.js", "../Cargo.toml", "%2e%2e/Cargo.toml", ""] {
        let response = Response::to(http_client.request(Method::GET, &format!("/static/{hash}/{file}"))).await;
        assert_eq!(response.status, 404, "{file:?}: {response:?}");
    }
}

/// Returns the paths of the assets of the sign-in page.
async fn assets_of(http_client: &HttpClient) -> Vec<String> {
    let page = http_client.get("/").await.body;
    let assets = page.split('"').filter(|part| part.starts_with("/static/")).map(str::to_owned);
    let assets: Vec<_> = assets.collect();
    assert!(!assets.is_empty(), "the page has no assets: {page}");
    assets
}
