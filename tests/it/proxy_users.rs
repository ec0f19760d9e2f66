//! A room behind a proxy that knows people: nginx with `auth_request`, as oauth2-proxy and Authelia are used.

use std::process::Command;

use reqwest::Method;

use crate::kit::{
    Cluster, Engine, HttpClient, Response, SOON, WsClient, eventually,
    operator::{act, token_file},
    process::{Process, free_port, scratch},
};

/// nginx in front of a room: the cookie `who` is the proxy's own session.
struct Gatekeeper {
    base: String,
    _dir: tempfile::TempDir,
    _process: Process,
}

impl Gatekeeper {
    async fn start(cluster: &Cluster) -> Self {
        let (dir, port, authority) = (scratch(), free_port(), free_port());
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths = paths.map(|kind| format!("{kind}_temp_path {}/{kind};", dir.path().display())).join(" ");
        let instance = cluster.instances[0].address();
        let config = format!(
            "daemon off; master_process off; pid {dir}/nginx.pid; events {{}}
             http {{ {paths} access_log off;
               server {{ listen 127.0.0.1:{authority};
                 location / {{ if ($cookie_who = \"\") {{ return 401; }} add_header Remote-User $cookie_who; return 204; }} }}
               server {{ listen 127.0.0.1:{port};
                 location = /verify {{ internal; proxy_pass http://127.0.0.1:{authority}/; }}
                 location / {{
                   auth_request /verify; auth_request_set $user $upstream_http_remote_user;
                   proxy_set_header Remote-User $user; proxy_set_header Host $http_host;
                   proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
                   proxy_pass http://{instance}; }} }} }}",
            dir = dir.path().display()
        );
        std::fs::write(dir.path().join("nginx.conf"), config).expect("a file");
        let mut command = Command::new("/usr/sbin/nginx");
        command.args(["-e", "stderr", "-p"]).arg(dir.path()).arg("-c").arg(dir.path().join("nginx.conf"));
        let process = Process::spawn("nginx", &mut command);
        let base = format!("http://127.0.0.1:{port}");
        eventually(SOON, "nginx answers", || async {
            HttpClient::new(&base).try_get("/").await.map(drop).map_err(|error| error.to_string())
        })
        .await;
        Self { base, _dir: dir, _process: process }
    }
}

async fn behind_a_proxy(trusted: &str) -> Cluster {
    let builder = Cluster::builder(Engine::Memory).set("RUANG_SIGN_IN", "proxy");
    builder.set("RUANG_USER_HEADER", "Remote-User").set("RUANG_TRUSTED_PROXIES", trusted).start().await
}

/// A client whose session with the proxy is in the cookie `who`.
async fn get(client: &HttpClient, path: &str, who: &str) -> Response {
    let cookies = [client.cookie(), Some(format!("who={who}"))].into_iter().flatten().collect::<Vec<_>>().join("; ");
    Response::to(client.request(Method::GET, path).header("cookie", cookies)).await
}

#[tokio::test]
async fn proxy_user_is_signed_in_without_a_form() {
    let cluster = behind_a_proxy("127.0.0.1").await;
    let gatekeeper = Gatekeeper::start(&cluster).await;
    let client = HttpClient::new(&gatekeeper.base);
    client.get("/").await.is(401);
    get(&client, "/", "Sari").await.redirects_to("/chat?by=proxy");
    let room = get(&client, "/chat?by=proxy", "Sari").await;
    assert!(room.is(200).body.contains("data-you=\"Sari\""), "{room:?}");
    let cookie = format!("{}; who=Sari", client.cookie().expect("a session"));
    let headers = [("origin", gatekeeper.base.as_str()), ("cookie", &cookie)];
    let mut sari = WsClient::try_connect(&HttpClient::new(&gatekeeper.base), &headers).await.expect("a socket");
    sari.join(None).await;
    sari.send_acked("halo").await;
    // Another user at the same browser.
    get(&client, "/chat", "Adi").await.redirects_to("/");
    get(&client, "/", "Adi").await.redirects_to("/chat?by=proxy");
    assert!(get(&client, "/chat", "Adi").await.is(200).body.contains("data-you=\"Adi\""));
}

#[tokio::test]
async fn header_of_an_untrusted_peer_is_ignored() {
    let cluster = behind_a_proxy("192.0.2.1").await;
    let request = cluster.http_client(0).request(Method::GET, "/").header("remote-user", "Sari");
    let page = Response::to(request).await;
    assert!(!page.is(200).body.contains("<form id=\"sign-in\""), "{page:?}");
    assert!(page.body.contains("dari situsnya"), "{page:?}");
}

#[tokio::test]
async fn header_with_two_values_or_a_bad_name_is_refused() {
    let cluster = behind_a_proxy("127.0.0.1").await;
    let request = |values: &[&str]| {
        let request = cluster.http_client(0).request(Method::GET, "/");
        values.iter().fold(request, |request, value| request.header("remote-user", *value))
    };
    Response::to(request(&["Sari", "Adi"])).await.is(200);
    let long = "x".repeat(33);
    assert!(Response::to(request(&[&long])).await.is(422).body.contains("32"));
    Response::to(request(&["Sari"])).await.redirects_to("/chat?by=proxy");
}

#[tokio::test]
async fn proxy_user_without_cookies_is_told_and_not_sent_in_circles() {
    let cluster = behind_a_proxy("127.0.0.1").await;
    let request = |path: &str| cluster.http_client(0).request(Method::GET, path).header("remote-user", "Sari");
    Response::to(request("/chat")).await.redirects_to("/");
    Response::to(request("/")).await.redirects_to("/chat?by=proxy");
    let page = Response::to(request("/chat?by=proxy")).await;
    assert!(page.is(400).body.contains("kuki"), "{page:?}");
}

#[tokio::test]
async fn closed_door_refuses_new_users_of_a_proxy() {
    let operator = token_file();
    let builder = Cluster::builder(Engine::Memory).set("RUANG_SIGN_IN", "proxy").with_operator(&operator);
    let builder = builder.set("RUANG_USER_HEADER", "Remote-User").set("RUANG_TRUSTED_PROXIES", "127.0.0.1");
    let cluster = builder.start().await;
    let gatekeeper = Gatekeeper::start(&cluster).await;
    let sari = HttpClient::new(&gatekeeper.base);
    get(&sari, "/", "Sari").await.redirects_to("/chat?by=proxy");
    act(cluster.base(0), serde_json::json!({"act": "closed", "text": "Penuh."})).await.is(200);
    let budi = HttpClient::new(&gatekeeper.base);
    eventually(SOON, "the door is closed", || async {
        let refused = get(&budi, "/", "Budi").await;
        if refused.status == 403 && refused.body.contains("Penuh.") { Ok(()) } else { Err(refused.body) }
    })
    .await;
    get(&sari, "/chat", "Sari").await.is(200);
    act(cluster.base(0), serde_json::json!({"act": "closed", "for": "0s"})).await.is(200);
    eventually(SOON, "the door is open", || async {
        let admitted = get(&budi, "/", "Budi").await;
        if admitted.status == 303 { Ok(()) } else { Err(admitted.body) }
    })
    .await;
}
