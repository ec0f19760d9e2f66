//! The same room through the balancer that the project ships, nothing sticky about it.

use std::{fs, net::IpAddr, process::Command, time::Duration};

use reqwest::Method;

use crate::kit::{Answer, Balancer, Browser, Cluster, Engine, HttpClient, Https, SOON, WsClient, eventually};

#[tokio::test]
async fn chat_goes_through_the_balancer_to_every_instance() {
    let cluster = Cluster::of(Engine::Redis).instances(3).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let balancer = Balancer::before(&cluster).await;
    let names = ["adi", "budi", "citra", "dewi", "eka", "fitri"];
    let mut guests = Vec::new();
    for name in names {
        guests.push(WsClient::enter(&HttpClient::at(balancer.base()), name).await);
    }
    for guest in &mut guests {
        guest.sees(&names).await;
        guest.say("halo semua").await;
    }
    let all = |heard: &crate::kit::Transcript| heard.messages.len() == names.len();
    let expected = guests[0].expect("everybody's greeting", all).await.messages;
    for guest in &mut guests {
        assert_eq!(guest.expect("everybody's greeting", all).await.messages, expected);
    }
}

#[tokio::test]
async fn an_instance_that_drains_is_left_alone_and_its_people_come_back_through_another() {
    let mut cluster = Cluster::of(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let balancer = Balancer::before(&cluster).await;
    let mut sari = WsClient::enter(&HttpClient::at(balancer.base()), "sari").await;
    let seen = sari.say_kept("sebelum").await;
    cluster.instances[0].terminate();
    cluster.instances[0].ended(Duration::from_secs(30)).await;
    let http_client = HttpClient::at(balancer.base());
    for _ in 0..20 {
        http_client.get("/").await.is(200);
    }
    let back = WsClient::rejoin(&sari.http_client, &seen).await;
    assert_eq!(back.heard().welcomed()["recovered"], true);
}

#[tokio::test]
async fn with_no_instance_ready_those_who_are_signed_in_hear_why() {
    let mut cluster = Cluster::of(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let balancer = Balancer::before(&cluster).await;
    let sari = HttpClient::at(balancer.base());
    sari.sign_in("sari").await.leads_to("/chat");
    cluster.redis().kill();
    for instance in &cluster.instances {
        instance.answers_readyz(503, SOON).await;
    }
    // The balancer's own 503 has no Retry-After; an instance's has.
    eventually(SOON, "an instance answers, not the balancer", || async {
        let answer = sari.get("/chat").await;
        if (answer.status, answer.header("retry-after")) == (503, Some("2")) {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    })
    .await;
    cluster.redis().restart().await;
    eventually(SOON, "the room is open again", || async {
        let answer = sari.get("/chat").await;
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await;
}

#[tokio::test]
async fn limits_go_by_the_address_that_the_balancer_saw() {
    let settings = Cluster::of(Engine::Redis).set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32");
    let cluster = settings.set("RUANG_SIGN_INS_PER_MINUTE", "2").start().await;
    let balancer = Balancer::before(&cluster).await;
    let from = |last: u8| HttpClient::from(balancer.base(), Some(IpAddr::from([127, 0, 0, last])));
    for name in ["adi", "budi"] {
        from(2).sign_in(name).await.leads_to("/chat");
    }
    from(2).sign_in("citra").await.is(429);
    let pretending = from(2).request(Method::POST, "/").header("x-forwarded-for", "127.0.0.9");
    Answer::to(pretending.form(&[("username", "citra")])).await.is(429);
    from(3).sign_in("citra").await.leads_to("/chat");
}

#[tokio::test]
async fn a_made_up_forwarded_host_does_not_open_the_door_to_other_sites() {
    let cluster = Cluster::of(Engine::Redis).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let balancer = Balancer::before(&cluster).await;
    let form = || HttpClient::at(balancer.base()).request(Method::POST, "/").form(&[("username", "sari")]);
    let foreign = form().header("origin", "http://evil.example").header("x-forwarded-host", "evil.example");
    Answer::to(foreign).await.is(403);
    Answer::to(form().header("origin", balancer.base())).await.leads_to("/chat");
}

#[tokio::test]
async fn behind_another_that_ends_tls_limits_go_by_the_address_that_this_one_saw() {
    let settings = Cluster::of(Engine::Redis).set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32");
    let cluster = settings.set("RUANG_SIGN_INS_PER_MINUTE", "2").start().await;
    let manual = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).expect("the manual");
    let lines = manual.split("```haproxy\n").nth(1).and_then(|rest| rest.split("```").next()).expect("its lines");
    let balancer = Balancer::told(&cluster, &lines.replace("192.0.2.10", "127.0.0.9")).await;
    let sign_in = async |through: u8, forwarded: &str, name: &str| {
        let http_client = HttpClient::from(balancer.base(), Some(IpAddr::from([127, 0, 0, through])));
        let form = http_client.request(Method::POST, "/").form(&[("username", name)]);
        Answer::to(form.header("x-forwarded-for", forwarded)).await
    };
    for name in ["adi", "budi"] {
        sign_in(9, "203.0.113.5", name).await.leads_to("/chat");
    }
    sign_in(9, "203.0.113.5", "citra").await.is(429);
    sign_in(9, "198.51.100.7, 203.0.113.5", "citra").await.is(429);
    sign_in(9, "203.0.113.6", "citra").await.leads_to("/chat");
    for name in ["dewi", "eka"] {
        sign_in(2, "203.0.113.7", name).await.leads_to("/chat");
    }
    sign_in(2, "203.0.113.8", "fitri").await.is(429);
}

#[tokio::test]
async fn names_in_an_address_are_not_in_the_balancer_s_log() {
    let cluster = Cluster::of(Engine::Memory).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let balancer = Balancer::before(&cluster).await;
    let sari = HttpClient::at(balancer.base());
    sari.sign_in("sari").await.leads_to("/chat");
    sari.get("/api/members?after=rahasia").await.is(200);
    let log = eventually(SOON, "the request is logged", || async {
        let log = balancer.log();
        if log.contains("\"GET /api/members HTTP/1.1\"") || log.contains("rahasia") { Ok(log) } else { Err(log) }
    })
    .await;
    assert!(!log.contains("rahasia"), "{log}");
}

#[tokio::test]
async fn over_tls_the_session_is_for_https_and_the_plain_port_leads_there() {
    let https = Https::new();
    let settings = Cluster::of(Engine::Redis).set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32");
    let settings = settings.set("RUANG_PUBLIC_URL", https.url()).set("RUANG_SIGN_INS_PER_MINUTE", "2");
    let cluster = settings.start().await;
    let balancer = Balancer::over_tls(&cluster, &https).await;
    let sign_in = async |name: &str, forwarded: &str| {
        let (form, header) = (format!("username={name}"), format!("X-Forwarded-For: {forwarded}"));
        https.curl("/", &["--http2", "--data", &form, "--header", &header]).await.expect("an answer")
    };
    let answer = sign_in("sari", "127.0.0.7").await;
    assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(cookie.starts_with("__Host-ruang=") && cookie.split("; ").any(|flag| flag == "Secure"), "{cookie}");
    let strict = answer.lines().filter(|line| line.starts_with("strict-transport-security: "));
    assert_eq!(strict.count(), 1, "{answer}");
    sign_in("budi", "127.0.0.8").await;
    let third = sign_in("citra", "127.0.0.9").await;
    assert!(third.starts_with("HTTP/1.1 429 "), "what a client writes of its address does not count: {third}");

    let plain = HttpClient::at(balancer.base()).get("/chat?a=b").await;
    plain.is(308);
    assert_eq!(plain.header("location"), Some(format!("{}/chat?a=b", https.url()).as_str()));
    assert!(!balancer.log().contains("WARNING"), "{}", balancer.log());
}

#[tokio::test]
async fn over_tls_a_browser_chats_with_people_of_every_instance() {
    let https = Https::new();
    let settings = Cluster::of(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32");
    let cluster = settings.set("RUANG_PUBLIC_URL", https.url()).start().await;
    let balancer = Balancer::over_tls(&cluster, &https).await;
    let (mut adi, mut budi) = (inside(&cluster, 0, "adi").await, inside(&cluster, 1, "budi").await);
    let sari = Browser::start("id").await;
    sari.open(balancer.base()).await;
    sari.enter("#username", "sari").await;
    sari.is_at("/chat").await;
    assert_eq!(sari.script("return location.origin", vec![]).await, https.url());
    sari.enter("#text", "halo dari https").await;
    for guest in [&mut adi, &mut budi] {
        guest.hears("sari", "halo dari https").await;
        guest.say("halo juga").await;
    }
    sari.comes_to("return document.querySelectorAll('#timeline .message .text').length", 3).await;
}

/// Somebody at an instance itself, which takes its cookie for one of https.
async fn inside(cluster: &Cluster, instance: usize, name: &str) -> WsClient {
    let http_client = cluster.http_client(instance);
    let answer = http_client.sign_in(name).await;
    let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    let mut guest = WsClient::try_connect(&http_client, &[("cookie", cookie)]).await.expect("an upgrade");
    guest.join(None).await;
    guest
}

#[test]
fn the_shipped_configuration_is_accepted_without_a_warning() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/haproxy/haproxy.cfg");
    let checked = Command::new("haproxy").args(["-c", "-f", file]).output().expect("haproxy");
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success() && !said.contains("WARNING"), "{said}");
}
