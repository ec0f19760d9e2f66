//! The room through the shipped HAProxy configuration, without sticky sessions.

use std::{fs, io, net::IpAddr, process::Command, time::Duration};

use futures_util::future::select_all;
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::kit::{
    Browser, Cluster, Engine, Haproxy, HttpClient, Https, Response, SOON, WsClient, eventually,
    front::{HEAD_LIMIT, check_connection_limit, check_request_limit, hear_each_other, join_people},
    raw::half_sent_head,
    wait::within,
};

#[tokio::test]
async fn chat_through_haproxy_reaches_every_instance() {
    let cluster =
        Cluster::builder(Engine::Redis).instances(3).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let haproxy = Haproxy::start(&cluster).await;
    let names = ["adi", "budi", "citra", "dewi", "eka", "fitri"];
    let mut clients = Vec::new();
    for name in names {
        clients.push(WsClient::sign_in_and_join(&HttpClient::new(haproxy.base()), name).await);
    }
    for client in &mut clients {
        client.wait_for_members(&names).await;
        client.send_text("halo semua").await;
    }
    let all = |transcript: &crate::kit::Transcript| transcript.messages.len() == names.len();
    let expected = clients[0].expect("all greetings", all).await.messages;
    for client in &mut clients {
        assert_eq!(client.expect("all greetings", all).await.messages, expected);
    }
}

#[tokio::test]
async fn draining_instance_gets_no_requests_and_clients_resume() {
    let mut cluster =
        Cluster::builder(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let haproxy = Haproxy::start(&cluster).await;
    let mut sari = WsClient::sign_in_and_join(&HttpClient::new(haproxy.base()), "sari").await;
    let seen = sari.send_acked("sebelum").await;
    cluster.instances[0].terminate();
    cluster.instances[0].wait_for_exit(Duration::from_secs(30)).await;
    let http_client = HttpClient::new(haproxy.base());
    for _ in 0..20 {
        http_client.get("/").await.is(200);
    }
    let back = WsClient::rejoin(&sari.http_client, &seen).await;
    assert_eq!(back.transcript().last_welcome()["recovered"], true);
}

#[tokio::test]
async fn no_ready_instance_still_answers_503_with_retry_after() {
    let mut cluster =
        Cluster::builder(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let haproxy = Haproxy::start(&cluster).await;
    let sari = HttpClient::new(haproxy.base());
    sari.sign_in("sari").await.redirects_to("/chat");
    cluster.redis().kill();
    for instance in &cluster.instances {
        instance.wait_for_readyz(503, SOON).await;
    }
    // HAProxy's own 503 has no Retry-After; an instance's has.
    eventually(SOON, "a response of an instance, not of HAProxy", || async {
        let response = sari.get("/chat").await;
        if (response.status, response.header("retry-after")) == (503, Some("2")) {
            Ok(())
        } else {
            Err(format!("{response:?}"))
        }
    })
    .await;
    cluster.redis().restart().await;
    eventually(SOON, "the room is open again", || async {
        let response = sari.get("/chat").await;
        if response.status == 200 { Ok(()) } else { Err(format!("{response:?}")) }
    })
    .await;
}

#[tokio::test]
async fn limits_apply_to_the_client_address_haproxy_saw() {
    let settings = Cluster::builder(Engine::Redis).set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32");
    let cluster = settings.set("RUANG_SIGN_INS_PER_MINUTE", "2").start().await;
    let haproxy = Haproxy::start(&cluster).await;
    let from = |last: u8| HttpClient::from_address(haproxy.base(), Some(IpAddr::from([127, 0, 0, last])));
    for name in ["adi", "budi"] {
        from(2).sign_in(name).await.redirects_to("/chat");
    }
    from(2).sign_in("citra").await.is(429);
    let forged = from(2).request(Method::POST, "/").header("x-forwarded-for", "127.0.0.9");
    Response::to(forged.form(&[("username", "citra")])).await.is(429);
    from(3).sign_in("citra").await.redirects_to("/chat");
}

#[tokio::test]
async fn forged_forwarded_host_is_refused() {
    let cluster = Cluster::builder(Engine::Redis).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let haproxy = Haproxy::start(&cluster).await;
    let form = || HttpClient::new(haproxy.base()).request(Method::POST, "/").form(&[("username", "sari")]);
    let foreign = form().header("origin", "http://evil.example").header("x-forwarded-host", "evil.example");
    Response::to(foreign).await.is(403);
    Response::to(form().header("origin", haproxy.base())).await.redirects_to("/chat");
}

#[tokio::test]
async fn limits_behind_a_tls_proxy_use_its_forwarded_address() {
    let settings = Cluster::builder(Engine::Redis).set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32");
    let cluster = settings.set("RUANG_SIGN_INS_PER_MINUTE", "2").start().await;
    let manual = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).expect("the manual");
    let lines = manual.split("```haproxy\n").nth(1).and_then(|rest| rest.split("```").next()).expect("its lines");
    let haproxy = Haproxy::start_with_lines(&cluster, &lines.replace("192.0.2.10", "127.0.0.9")).await;
    let sign_in = async |through: u8, forwarded: &str, name: &str| {
        let http_client = HttpClient::from_address(haproxy.base(), Some(IpAddr::from([127, 0, 0, through])));
        let form = http_client.request(Method::POST, "/").form(&[("username", name)]);
        Response::to(form.header("x-forwarded-for", forwarded)).await
    };
    for name in ["adi", "budi"] {
        sign_in(9, "203.0.113.5", name).await.redirects_to("/chat");
    }
    sign_in(9, "203.0.113.5", "citra").await.is(429);
    sign_in(9, "198.51.100.7, 203.0.113.5", "citra").await.is(429);
    sign_in(9, "203.0.113.6", "citra").await.redirects_to("/chat");
    for name in ["dewi", "eka"] {
        sign_in(2, "203.0.113.7", name).await.redirects_to("/chat");
    }
    sign_in(2, "203.0.113.8", "fitri").await.is(429);
}

#[tokio::test]
async fn half_sent_head_through_haproxy_is_closed_soon() {
    let cluster = Cluster::builder(Engine::Memory).start().await;
    let haproxy = Haproxy::start(&cluster).await;
    let kept = half_sent_head(haproxy.base(), HEAD_LIMIT * 2).await;
    assert!(kept < HEAD_LIMIT, "{kept:?}");
}

#[tokio::test]
async fn hundred_people_of_one_address_chat_through_haproxy() {
    let cluster =
        Cluster::builder(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let haproxy = Haproxy::start(&cluster).await;
    let people = join_people(haproxy.base(), 100).await;
    hear_each_other(people).await;
}

#[tokio::test]
async fn haproxy_limits_the_connections_of_an_address() {
    let cluster = Cluster::builder(Engine::Memory).start().await;
    let haproxy = Haproxy::start_with(&cluster, &[("sc1_conn_cur gt 4000", "sc1_conn_cur gt 3")]).await;
    check_connection_limit(haproxy.base(), 3).await;
}

#[tokio::test]
async fn haproxy_limits_the_requests_of_an_address() {
    let cluster = Cluster::builder(Engine::Memory).start().await;
    let haproxy = Haproxy::start_with(&cluster, &[("http_req_rate gt 20000", "http_req_rate gt 20")]).await;
    check_request_limit(haproxy.base(), 20).await;
}

#[tokio::test]
async fn haproxy_limits_half_sent_heads_of_an_address() {
    let cluster = Cluster::builder(Engine::Memory).start().await;
    let haproxy = Haproxy::start_with(&cluster, &[("sc0_conn_cur gt 8000", "sc0_conn_cur gt 3")]).await;
    let from = |last: u8| half_sent_head_from(haproxy.base(), IpAddr::from([127, 0, 0, last]));
    let sockets = [from(5).await, from(5).await, from(5).await, from(5).await];
    // Each of the four may be the last one that HAProxy accepts: it has several threads.
    let end = |socket: io::Result<TcpStream>| {
        Box::pin(async move {
            if let Ok(mut socket) = socket {
                let _reset = socket.read_to_end(&mut vec![]).await;
            }
        })
    };
    let (_, _, held) = within(SOON / 4, "one of four connections is closed", select_all(sockets.map(end))).await;
    let other = HttpClient::from_address(haproxy.base(), Some(IpAddr::from([127, 0, 0, 6])));
    other.get("/").await.is(200);
    drop(held);
}

/// Connects from this address and sends half of a request's head; an error if the connection is reset.
async fn half_sent_head_from(base: &str, address: IpAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((address, 0).into())?;
    let server = base.trim_start_matches("http://").parse().expect("an address");
    let mut stream = socket.connect(server).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await?;
    Ok(stream)
}

#[tokio::test]
async fn query_strings_are_not_in_the_haproxy_log() {
    let cluster = Cluster::builder(Engine::Memory).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let haproxy = Haproxy::start(&cluster).await;
    let sari = HttpClient::new(haproxy.base());
    sari.sign_in("sari").await.redirects_to("/chat");
    sari.get("/api/members?after=rahasia").await.is(200);
    let log = eventually(SOON, "the request is logged", || async {
        let log = haproxy.log();
        if log.contains("\"GET /api/members HTTP/1.1\"") || log.contains("rahasia") { Ok(log) } else { Err(log) }
    })
    .await;
    assert!(!log.contains("rahasia"), "{log}");
}

#[tokio::test]
async fn tls_cookie_is_secure_and_plain_http_redirects() {
    let https = Https::new();
    let settings = Cluster::builder(Engine::Redis).set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32");
    let settings = settings.set("RUANG_PUBLIC_URL", https.url()).set("RUANG_SIGN_INS_PER_MINUTE", "2");
    let cluster = settings.start().await;
    let haproxy = Haproxy::start_with_tls(&cluster, &https).await;
    let sign_in = async |name: &str, forwarded: &str| {
        let (form, header) = (format!("username={name}"), format!("X-Forwarded-For: {forwarded}"));
        https.curl("/", &["--http2", "--data", &form, "--header", &header]).await.expect("an answer")
    };
    let response = sign_in("sari", "127.0.0.7").await;
    assert!(response.starts_with("HTTP/1.1 303 "), "{response}");
    let cookie = response.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(cookie.starts_with("__Host-ruang=") && cookie.split("; ").any(|flag| flag == "Secure"), "{cookie}");
    let hsts = response.lines().filter(|line| line.starts_with("strict-transport-security: "));
    assert_eq!(hsts.count(), 1, "{response}");
    sign_in("budi", "127.0.0.8").await;
    let third = sign_in("citra", "127.0.0.9").await;
    assert!(third.starts_with("HTTP/1.1 429 "), "the client's own forwarding header is ignored: {third}");

    let plain = HttpClient::new(haproxy.base()).get("/chat?a=b").await;
    plain.is(308);
    assert_eq!(plain.header("location"), Some(format!("{}/chat?a=b", https.url()).as_str()));
    assert!(!haproxy.log().contains("WARNING"), "{}", haproxy.log());
}

#[tokio::test]
async fn browser_chats_over_tls_with_every_instance() {
    let https = Https::new();
    let settings = Cluster::builder(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32");
    let cluster = settings.set("RUANG_PUBLIC_URL", https.url()).start().await;
    let haproxy = Haproxy::start_with_tls(&cluster, &https).await;
    let (mut adi, mut budi) = (join_directly(&cluster, 0, "adi").await, join_directly(&cluster, 1, "budi").await);
    let sari = Browser::start("id").await;
    sari.open(haproxy.base()).await;
    sari.enter("#username", "sari").await;
    sari.is_at("/chat").await;
    assert_eq!(sari.script("return location.origin", vec![]).await, https.url());
    sari.enter("#text", "halo dari https").await;
    for client in [&mut adi, &mut budi] {
        client.wait_for_text("sari", "halo dari https").await;
        client.send_text("halo juga").await;
    }
    sari.comes_to("return document.querySelectorAll('#timeline .message .text').length", 3).await;
}

/// Joins at an instance directly; its cookie is one of https and is passed by hand.
async fn join_directly(cluster: &Cluster, instance: usize, name: &str) -> WsClient {
    let http_client = cluster.http_client(instance);
    let response = http_client.sign_in(name).await;
    let cookie = response.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    let mut client = WsClient::try_connect(&http_client, &[("cookie", cookie)]).await.expect("an upgrade");
    client.join(None).await;
    client
}

#[test]
fn haproxy_configuration_has_no_warnings() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/haproxy/haproxy.cfg");
    let output = Command::new("haproxy").args(["-c", "-f", file]).output().expect("haproxy");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !errors.contains("WARNING"), "{errors}");
}
