//! The room under a path of a site, alone and through the shipped examples of each proxy.

use reqwest::{Method, Url};

use crate::kit::{
    Cluster, Engine, Haproxy, HttpClient, Response, SOON, WsClient,
    engines::on_both_engines,
    eventually,
    nginx_caddy::{WebServer, WebServerKind},
};

/// The address in people's browsers.
const SITE: &str = "http://site.example";
const PATH: &str = "/chat";

on_both_engines! { site_under_a_path_works_and_nothing_beside_it }

async fn under_path(engine: Engine) -> Cluster {
    Cluster::builder(engine).set("RUANG_PUBLIC_URL", &format!("{SITE}{PATH}/")).start().await
}

fn client(base: &str) -> HttpClient {
    HttpClient::new(&format!("{base}{PATH}"))
}

/// Signs in and joins as a browser at the site's address does.
async fn join(base: &str, name: &str) -> WsClient {
    let client = client(base);
    let response = client.sign_in(name).await;
    response.redirects_to("/chat/chat");
    let cookies: Vec<_> =
        response.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(!cookies.is_empty() && cookies.iter().all(|cookie| cookie.contains("; Path=/chat")), "{cookies:?}");
    let headers = [("origin", SITE), ("sec-websocket-protocol", "ruang.v1")];
    let mut socket = WsClient::try_connect(&client, &headers).await.expect("a socket");
    socket.join(None).await;
    socket
}

/// Checks that each address in a page is under the path, and each file of it exists.
async fn check_page(client: &HttpClient, path: &str) {
    let page = client.get(path).await;
    let mut addresses = vec![];
    for attribute in ["href=\"", "src=\"", "action=\""] {
        addresses.extend(page.body.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()));
    }
    addresses.retain(|address| !address.starts_with(['#', '?']) && !address.is_empty());
    assert!(addresses.len() > 4, "{path}: {addresses:?}");
    for address in addresses {
        assert!(address.starts_with("/chat/") || address.starts_with(SITE), "{path}: {address}");
        if let Some(file) = address.strip_prefix(PATH).filter(|address| address.starts_with("/static/")) {
            let file = client.get(file).await;
            assert!(file.is(200).header("cache-control").unwrap().contains("immutable"), "{address}");
        }
    }
    assert!(page.body.contains("data-root=\"/chat\""), "{page:?}");
}

async fn site_under_a_path_works_and_nothing_beside_it(engine: Engine) {
    let cluster = under_path(engine).await;
    let (inside, outside) = (client(cluster.base(0)), HttpClient::new(cluster.base(0)));
    for path in ["/", "/privacy", "/nowhere/at/all"] {
        check_page(&inside, path).await;
    }
    let mut sari = join(cluster.base(0), "sari").await;
    check_page(&sari.http_client, "/chat").await;
    sari.send_acked("halo").await;
    let history = sari.http_client.get("/api/messages").await.is(200).json();
    assert_eq!(history["messages"][0]["text"], "halo");
    for path in ["/healthz", "/readyz"] {
        outside.get(path).await.is(200);
        inside.get(path).await.is(200);
    }
    for (path, address) in [("/chat", "/chat/"), ("/chat?lang=en", "/chat/?lang=en"), ("/", "/chat/")] {
        assert_eq!(outside.get(path).await.is(308).header("location"), Some(address));
    }
    for path in ["/privacy", "/api/messages", "/chatter", "/chatter/ws"] {
        let refused = outside.get(path).await;
        assert!(
            refused.is(404).header("content-security-policy").is_some() && refused.body.contains("href=\"/chat/\"")
        );
    }
    let leaves = sari.http_client.request(Method::POST, "/logout").header("origin", SITE);
    Response::to(leaves).await.redirects_to("/chat/");
    sari.wait_for_bye(SOON, "session_ended", 4001).await;
}

#[tokio::test]
async fn manifest_leads_to_the_path() {
    let cluster = Cluster::builder(Engine::Memory)
        .set("RUANG_PUBLIC_URL", &format!("{SITE}{PATH}"))
        .set("RUANG_TITLE", "Kelas 7B")
        .start()
        .await;
    let page = client(cluster.base(0)).get("/").await.body;
    let manifest =
        page.split("rel=\"manifest\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a manifest");
    let address = Url::parse(SITE).unwrap().join(manifest).unwrap();
    let manifest = HttpClient::new(cluster.base(0)).get(manifest).await.is(200).json();
    let resolved = |field: &str| address.join(manifest[field].as_str().unwrap()).unwrap().path().to_owned();
    assert_eq!((resolved("start_url"), resolved("scope")), ("/chat/chat".to_owned(), "/chat/".to_owned()));
}

#[tokio::test]
async fn any_public_address_may_post_and_be_an_audience() {
    use crate::kit::tokens::{SECRET, claims, post, secret_file, signed};
    let secret = secret_file();
    let builder = Cluster::builder(Engine::Memory).with_tokens("name,token", &secret);
    let cluster = builder.set("RUANG_PUBLIC_URL", "https://chat.example.org, https://ruang.example").start().await;
    for (origin, status) in
        [("https://chat.example.org", 303), ("https://ruang.example", 303), ("https://other.example", 403)]
    {
        let form = cluster.http_client(0).request(Method::POST, "/").header("origin", origin);
        let name = origin.rsplit('/').next().unwrap();
        Response::to(form.form(&[("username", name)])).await.is(status);
    }
    for (n, (audience, status)) in
        [("https://chat.example.org", 201), ("https://ruang.example/", 201), ("https://ruang.example/x", 403)]
            .into_iter()
            .enumerate()
    {
        let mut claims = claims("Sari", &n.to_string());
        claims["name"] = format!("Sari {n}").into();
        claims["aud"] = audience.into();
        post(&cluster.http_client(0), &signed(&claims, SECRET)).await.is(status);
    }
    let page = cluster.http_client(0).get("/").await;
    assert!(page.body.contains("data-origins=\"https://chat.example.org https://ruang.example\""), "{}", page.body);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("connect-src 'self' wss://chat.example.org wss://ruang.example;"), "{policy}");
}

/// Checks the room and the site around it through a proxy.
async fn check_through(base: &str) {
    eventually(SOON, "the proxy forwards to a ready instance", || async {
        let response = client(base).try_get("/readyz").await.map_err(|error| error.to_string())?;
        if response.status == 200 { Ok(()) } else { Err(response.status.to_string()) }
    })
    .await;
    let site = HttpClient::new(base).get("/").await;
    assert_eq!(site.is(200).body.trim(), "the site");
    HttpClient::new(base).get("/chatter").await.is(200);
    assert_eq!(HttpClient::new(base).get("/chat").await.is(308).header("location"), Some("/chat/"));
    check_page(&client(base), "/").await;
    let (mut sari, mut budi) = (join(base, "sari").await, join(base, "budi").await);
    check_page(&sari.http_client, "/chat").await;
    sari.send_acked("halo").await;
    budi.wait_for_text("sari", "halo").await;
    budi.http_client.get("/api/members").await.is(200);
}

async fn two_instances() -> Cluster {
    let builder = Cluster::builder(Engine::Redis).instances(2).on_one_port();
    let builder = builder.set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8");
    builder.set("RUANG_PUBLIC_URL", &format!("{SITE}{PATH}")).start().await
}

#[tokio::test]
async fn room_under_a_path_works_through_nginx() {
    let cluster = two_instances().await;
    let shipped = include_str!("../../deploy/nginx/nginx.conf");
    let begin = shipped.find("        location / {").expect("the room's location");
    let end = shipped.find("        # nginx' own refusals.").expect("what follows it");
    let path = include_str!("../../deploy/nginx/path.conf");
    let locations = format!("{path}        location / {{\n            return 200 \"the site\";\n        }}\n\n");
    let nginx = WebServer::start_with(&cluster, WebServerKind::Nginx, &[(&shipped[begin..end], &locations)]).await;
    check_through(nginx.base()).await;
}

#[tokio::test]
async fn room_under_a_path_works_through_caddy() {
    let cluster = two_instances().await;
    let shipped = include_str!("../../deploy/caddy/Caddyfile");
    let block = &shipped[shipped.find("reverse_proxy {").expect("the room")..];
    let path = include_str!("../../deploy/caddy/path.caddy");
    let path = &path[path.find("@room").expect("the room")..];
    let caddy = WebServer::start_with(&cluster, WebServerKind::Caddy, &[(block, path)]).await;
    check_through(caddy.base()).await;
}

#[tokio::test]
async fn room_under_a_path_works_through_haproxy() {
    let cluster = two_instances().await;
    let lines = include_str!("../../deploy/haproxy/path.cfg");
    let before = "    # If no instance is ready, people who are signed in";
    let answer = "http-request return status 200 content-type text/plain string \"the site\"";
    let backends = format!("\nbackend site\n    {answer}\n\nbackend ready");
    let replaced = [(before, &*format!("{lines}{before}")), ("\nbackend ready", &backends)];
    let haproxy = Haproxy::start_with(&cluster, &replaced).await;
    check_through(haproxy.base()).await;
}
