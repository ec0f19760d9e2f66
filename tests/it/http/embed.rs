//! The first page of a frame, as browsers ask for it.

use reqwest::Method;

use crate::kit::{
    Cluster, Engine, Response,
    tokens::{AUDIENCE, secret_file},
};

#[tokio::test]
async fn each_unlisted_site_is_logged_once() {
    let secret = secret_file();
    let builder = Cluster::builder(Engine::Memory).with_tokens("token", &secret);
    let cluster = builder.set("RUANG_EMBED_ORIGINS", "https://site.example").start().await;
    let listed = ["https://site.example/page", AUDIENCE, ""];
    let unlisted = ["https://a.example/x?secret", "https://a.example/y", "https://b.example/"];
    for referrer in listed.into_iter().chain(unlisted).chain(unlisted) {
        let frame = cluster.http_client(0).request(Method::GET, "/embed").header("sec-fetch-dest", "iframe");
        let page = Response::to(frame.header("referer", referrer)).await;
        assert!(
            page.is(200).header("content-security-policy").unwrap().contains("frame-ancestors https://site.example;")
        );
    }
    let log = cluster.instances[0].log();
    for (line, count) in
        [("does not list", 2), ("site=https://a.example ", 1), ("site=https://b.example ", 1), ("secret", 0)]
    {
        let found = log.lines().filter(|log| log.contains("in a frame") && log.contains(line)).count();
        assert_eq!(found, count, "{line}: {log}");
    }
}
