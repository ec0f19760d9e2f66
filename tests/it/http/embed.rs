//! The first page of a frame, as browsers ask for it.

use reqwest::Method;

use crate::kit::{
    Cluster, Engine, Response,
    operator::{TOKEN, log_in, token_file},
    tokens::{AUDIENCE, SECRET, claims, post, secret_file, signed},
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

#[tokio::test]
async fn pages_of_moderators_are_in_no_frame() {
    let (secret, tokens) = (secret_file(), token_file());
    let builder = Cluster::builder(Engine::Memory).with_tokens("token", &secret).with_operator(&tokens);
    let cluster = builder.set("RUANG_EMBED_ORIGINS", "https://site.example").start().await;
    let client = cluster.http_client(0);
    let policies = async |path: &str, cookie: &str| {
        let response = client.request(Method::GET, path).header("cookie", cookie).send().await.expect("a response");
        let policies = response.headers().get_all("content-security-policy").iter();
        policies.map(|policy| policy.to_str().expect("ASCII").to_owned()).collect::<Vec<_>>()
    };
    let entered = log_in(&client, TOKEN).await;
    let by_token = cookie_of(&entered);
    for (path, cookie) in [("/operator", ""), ("/operator?lang=en", by_token), ("/api/operator", by_token)] {
        let found = policies(path, cookie).await;
        assert!(found.contains(&"frame-ancestors 'none'".to_owned()) && found.len() == 2, "{path}: {found:?}");
    }
    assert_eq!(policies("/", by_token).await.len(), 1);

    let mut claims = claims("Sari", "7");
    claims["role"] = "moderator".into();
    let handed_in = post(&client, &signed(&claims, SECRET)).await;
    let found = policies("/operator", cookie_of(&handed_in)).await;
    assert!(found.len() == 1 && found[0].contains("frame-ancestors https://site.example;"), "{found:?}");
}

/// The cookie that a response sets, as a request sends it.
fn cookie_of(response: &Response) -> &str {
    response.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie")
}
