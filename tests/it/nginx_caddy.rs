//! The room through the shipped nginx and Caddy configurations.

use std::{
    net::{IpAddr, SocketAddrV4},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::Method;

use crate::kit::{
    Cluster, Engine, HttpClient, Response, SOON, WsClient, eventually,
    front::{HEAD_LIMIT, check_connection_limit, check_request_limit, hear_each_other, join_people},
    nginx_caddy::{WebServer, WebServerKind},
    raw::half_sent_head,
};

/// Longer than the interval of the server's pings.
const IDLE: Duration = Duration::from_secs(30);

/// An instance waits for Redis before it responds with 503; nothing else may delay the response.
const RESPONSE_LIMIT: Duration = Duration::from_secs(4);

/// How long nginx may go on with the addresses of instances that were replaced.
const REPLACED_WITHIN: Duration = Duration::from_secs(6);

macro_rules! through_each {
    ($($case:ident),+ $(,)?) => {
        mod nginx {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::kit::nginx_caddy::WebServerKind::Nginx).await;
            })+
        }
        mod caddy {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::kit::nginx_caddy::WebServerKind::Caddy).await;
            })+
        }
    };
}

through_each! {
    chat_reaches_every_instance,
    idle_socket_stays_open,
    draining_instance_gets_no_requests_and_clients_resume,
    limits_apply_to_the_seen_address_and_cross_site_is_403,
    no_ready_instance_still_answers_503_with_retry_after,
    full_instances_refuse_sockets_with_retry_after_not_pages,
    killed_instance_fails_no_page,
    half_sent_head_is_closed_within_ten_seconds,
    hundred_people_of_one_address_chat,
}

async fn two_instances() -> Cluster {
    let builder = Cluster::builder(Engine::Redis).instances(2).on_one_port();
    let builder = builder.set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32");
    builder.set("RUANG_SIGN_INS_PER_MINUTE", "6").start().await
}

async fn chat_reaches_every_instance(kind: WebServerKind) {
    let cluster = two_instances().await;
    let web_server = WebServer::start(&cluster, kind).await;
    let names = ["adi", "budi", "citra", "dewi"];
    let mut clients = vec![];
    for name in names {
        clients.push(WsClient::sign_in_and_join(&HttpClient::new(web_server.base()), name).await);
    }
    for client in &mut clients {
        client.wait_for_members(&names).await;
        client.send_text("halo semua").await;
    }
    for client in &mut clients {
        client.expect("all greetings", |transcript| transcript.messages.len() == names.len()).await;
    }
    clients[0].http_client.get("/chat").await.is(200);
    clients[0].http_client.get("/api/messages").await.is(200);
}

async fn idle_socket_stays_open(kind: WebServerKind) {
    let cluster = two_instances().await;
    let web_server = WebServer::start(&cluster, kind).await;
    let mut sari = WsClient::sign_in_and_join(&HttpClient::new(web_server.base()), "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    // The idle time under test.
    tokio::time::sleep(IDLE).await;
    budi.send_text("masih ada?").await;
    let transcript = sari.wait_for_text("budi", "masih ada?").await;
    assert_eq!(transcript.welcomes.len(), 1, "the connection is the same");
}

async fn draining_instance_gets_no_requests_and_clients_resume(kind: WebServerKind) {
    let mut cluster = two_instances().await;
    let web_server = WebServer::start(&cluster, kind).await;
    let mut sari = WsClient::sign_in_and_join(&HttpClient::new(web_server.base()), "sari").await;
    let seen = sari.send_acked("sebelum").await;
    cluster.instances[0].terminate();
    cluster.instances[0].wait_for_exit(IDLE).await;
    let http_client = HttpClient::new(web_server.base());
    for _ in 0..20 {
        http_client.get("/").await.is(200);
    }
    let back = WsClient::rejoin(&sari.http_client, &seen).await;
    assert_eq!(back.transcript().last_welcome()["recovered"], true);
}

async fn no_ready_instance_still_answers_503_with_retry_after(kind: WebServerKind) {
    let mut cluster = two_instances().await;
    let web_server = WebServer::start(&cluster, kind).await;
    let sari = HttpClient::new(web_server.base());
    sari.sign_in("sari").await.redirects_to("/chat");
    cluster.redis().kill();
    for instance in &cluster.instances {
        instance.wait_for_readyz(503, SOON).await;
    }
    eventually(SOON, "a response of an instance, not of the web server", || async {
        check_unavailable(&sari.get("/chat").await)
    })
    .await;
    let began = Instant::now();
    for response in join_all((0..10).map(|_| sari.get("/chat"))).await {
        check_unavailable(&response).unwrap();
    }
    let took = began.elapsed();
    assert!(took < RESPONSE_LIMIT, "a request waits for one instance only: {took:?}");
    check_unavailable(&HttpClient::new(web_server.base()).sign_in("budi").await).expect("a form is forwarded");
    cluster.redis().restart().await;
    for instance in &cluster.instances {
        instance.wait_for_readyz(200, SOON).await;
    }
    sari.get("/chat").await.is(200);
    WsClient::connect_and_join(&sari).await.send_acked("lagi").await;
}

/// Checks for an instance's own response while Redis is down.
fn check_unavailable(response: &Response) -> Result<(), String> {
    let is_of_instance = (response.status, response.header("retry-after")) == (503, Some("2"));
    if is_of_instance { Ok(()) } else { Err(format!("{response:?}")) }
}

async fn full_instances_refuse_sockets_with_retry_after_not_pages(kind: WebServerKind) {
    let cluster = Cluster::builder(Engine::Redis).instances(2).on_one_port().set("RUANG_MAX_CONNECTIONS", "1");
    let cluster = cluster.start().await;
    let web_server = WebServer::start(&cluster, kind).await;
    let _clients = (cluster.join(0, "adi").await, cluster.join(1, "budi").await);
    let citra = HttpClient::new(web_server.base());
    citra.sign_in("citra").await.redirects_to("/chat");
    for _ in 0..5 {
        let refused = WsClient::try_connect(&citra, &[]).await.err().expect("a refusal");
        assert!(refused.status == 503 && refused.headers.contains_key("retry-after"), "{refused:?}");
        citra.get("/chat").await.is(200);
    }
}

async fn killed_instance_fails_no_page(kind: WebServerKind) {
    let mut cluster = two_instances().await;
    let web_server = WebServer::start(&cluster, kind).await;
    cluster.instances[0].kill();
    for _ in 0..20 {
        HttpClient::new(web_server.base()).get("/").await.is(200);
    }
}

async fn half_sent_head_is_closed_within_ten_seconds(kind: WebServerKind) {
    let cluster = two_instances().await;
    let web_server = WebServer::start(&cluster, kind).await;
    let kept = half_sent_head(web_server.base(), HEAD_LIMIT * 2).await;
    assert!(kept < HEAD_LIMIT, "{kept:?}");
    HttpClient::new(web_server.base()).get("/").await.is(200);
}

async fn hundred_people_of_one_address_chat(kind: WebServerKind) {
    let cluster = Cluster::builder(Engine::Redis).instances(2).on_one_port();
    let cluster = cluster.set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32").start().await;
    let web_server = WebServer::start(&cluster, kind).await;
    let people = join_people(web_server.base(), 100).await;
    hear_each_other(people).await;
}

async fn limits_apply_to_the_seen_address_and_cross_site_is_403(kind: WebServerKind) {
    let cluster = two_instances().await;
    let web_server = WebServer::start(&cluster, kind).await;
    let from = |last: u8| HttpClient::from_address(web_server.base(), Some(IpAddr::from([127, 0, 0, last])));
    let mut refused = 0;
    for n in 0..20 {
        refused += u32::from(from(2).sign_in(&format!("adi {n}")).await.status == 429);
    }
    assert!(refused >= 8, "six per minute on each of two instances, and a few more over time: {refused}");
    for n in 0..4 {
        let forged = from(2).request(Method::POST, "/").header("x-forwarded-for", format!("127.0.0.{}", 9 + n));
        let response = Response::to(forged.form(&[("username", format!("budi {n}"))])).await;
        assert!(response.status == 429 || response.status == 303, "{response:?}");
        refused += u32::from(response.status == 429);
    }
    assert!(refused >= 10, "the client's own forwarding header is ignored: {refused}");
    from(3).sign_in("citra").await.redirects_to("/chat");
    let form = || from(4).request(Method::POST, "/").form(&[("username", "dewi")]);
    let foreign = form().header("origin", "http://evil.example").header("x-forwarded-host", "evil.example");
    Response::to(foreign).await.is(403);
    Response::to(form().header("origin", web_server.base())).await.redirects_to("/chat");
}

#[tokio::test]
async fn nginx_retries_a_full_instance_on_another() {
    let cluster = Cluster::builder(Engine::Redis).instances(2).on_one_port().set("RUANG_MAX_CONNECTIONS", "3");
    let cluster = cluster.start().await;
    let web_server = WebServer::start(&cluster, WebServerKind::Nginx).await;
    let mut clients = vec![];
    for name in ["adi", "budi", "citra"] {
        clients.push(cluster.join(0, name).await);
    }
    for name in ["dewi", "eka", "fitri"] {
        clients.push(WsClient::sign_in_and_join(&HttpClient::new(web_server.base()), name).await);
    }
}

#[tokio::test]
async fn nginx_finds_a_replaced_instance_within_seconds() {
    let mut cluster = two_instances().await;
    let web_server = WebServer::start(&cluster, WebServerKind::Nginx).await;
    // Each worker resolves for itself, so all of them are asked.
    let ask_often = || join_all((0..30).map(|_| async { HttpClient::new(web_server.base()).get("/").await.status }));
    assert_eq!(ask_often().await, [200; 30]);
    cluster.add().await;
    for old in &mut cluster.instances[..2] {
        old.kill();
    }
    let new = cluster.instances[2].address().parse::<SocketAddrV4>().expect("an address");
    web_server.dns().set(vec![*new.ip()]);
    eventually(REPLACED_WITHIN, "nginx finds the new instance", || async {
        let statuses = ask_often().await;
        if statuses.iter().all(|status| *status == 200) { Ok(()) } else { Err(format!("{statuses:?}")) }
    })
    .await;
}

#[tokio::test]
async fn nginx_limits_the_connections_of_an_address() {
    let cluster = two_instances().await;
    let limit = [("limit_conn connections 4000;", "limit_conn connections 3;")];
    let web_server = WebServer::start_with(&cluster, WebServerKind::Nginx, &limit).await;
    check_connection_limit(web_server.base(), 3).await;
}

#[tokio::test]
async fn nginx_limits_the_requests_of_an_address() {
    let cluster = two_instances().await;
    let limit = [("rate=1000r/s", "rate=1r/s"), ("burst=20000", "burst=20")];
    let web_server = WebServer::start_with(&cluster, WebServerKind::Nginx, &limit).await;
    check_request_limit(web_server.base(), 20).await;
}

#[tokio::test]
async fn nginx_workers_have_descriptors_for_all_connections() {
    let cluster = two_instances().await;
    let web_server = WebServer::start(&cluster, WebServerKind::Nginx).await;
    let workers = web_server.worker_descriptor_limits();
    assert!(
        !workers.is_empty() && workers.iter().all(|files| *files > 16_384),
        "more than worker_connections: {workers:?}"
    );
}

#[tokio::test]
async fn caddy_error_log_has_no_query_strings() {
    let mut cluster = two_instances().await;
    let web_server = WebServer::start(&cluster, WebServerKind::Caddy).await;
    for instance in &mut cluster.instances {
        instance.kill();
    }
    HttpClient::new(web_server.base()).get("/api/members?after=rahasia").await.is(502);
    let log = eventually(SOON, "the failure is logged", || async {
        let log = web_server.log();
        if log.contains("/api/members") { Ok(log) } else { Err(log) }
    })
    .await;
    assert!(!log.contains("rahasia"), "{log}");
}
