//! The walk of docs/deploy-a-server.md, as far as no public name is needed: Caddy's own authority stands in for a public one.
//! `tests/compose` runs the compose file, the update, the copy of Redis and its restore.

use std::{fs, net::IpAddr};

use crate::kit::{
    Cluster, Engine, Haproxy, HttpClient,
    caddy_tls::{CaddyTls, PublicAddress},
    cluster::ClusterBuilder,
};

const MANUAL: &str = include_str!("../../docs/deploy-a-server.md");

/// Instances whose proxy is HAProxy, as the compose file sets them up.
fn instances(public: &PublicAddress) -> ClusterBuilder {
    let instances = Cluster::builder(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32");
    instances.set("RUANG_PUBLIC_URL", public.url())
}

#[tokio::test]
async fn people_sign_in_and_open_sockets_through_caddy() {
    let public = PublicAddress::new();
    let cluster = instances(&public).start().await;
    let haproxy = Haproxy::start_behind_tls(&cluster).await;
    let caddy = CaddyTls::start(public, haproxy.base()).await;
    let response = caddy.sign_in_from(IpAddr::from([127, 0, 0, 1]), "sari", &[]).await;
    let cookie = response.lines().find_map(|line| line.to_owned().strip_prefix("Set-Cookie: ").map(str::to_owned));
    let cookie = cookie.unwrap_or_else(|| panic!("no cookie: {response}"));
    assert!(cookie.starts_with("__Host-ruang=") && cookie.contains("; Secure"), "{cookie}");
    let cookie = format!("Cookie: {}", cookie.split(';').next().expect("a value"));
    let page = caddy.curl("/chat", &["--header", &cookie]).await.expect("a response");
    assert!(page.starts_with("HTTP/1.1 200 "), "{page:.200}");
    let upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", &cookie];
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let headers = upgrade.into_iter().chain([key]).flat_map(|header| ["--header", header]);
    let socket = caddy.curl("/ws", &headers.chain(["--max-time", "1"]).collect::<Vec<_>>()).await.expect("a response");
    assert!(socket.starts_with("HTTP/1.1 101 "), "{socket:.200}");
    let plain = HttpClient::new(&caddy.plain_base()).get("/").await;
    assert!(plain.status == 308 && plain.header("location").is_some_and(|to| to.starts_with("https://")), "{plain:?}");
}

#[tokio::test]
async fn limits_behind_caddy_and_haproxy_use_the_clients_address() {
    let public = PublicAddress::new();
    let cluster = instances(&public).set("RUANG_SIGN_INS_PER_MINUTE", "2").start().await;
    let haproxy = Haproxy::start_behind_tls(&cluster).await;
    let caddy = CaddyTls::start(public, haproxy.base()).await;
    let sign_in = async |last: u8, name: &str, forwarded: &str| {
        let header = format!("X-Forwarded-For: {forwarded}");
        caddy.sign_in_from(IpAddr::from([127, 0, 0, last]), name, &["--header", &header]).await
    };
    for (name, forwarded) in [("adi", "127.0.0.7"), ("budi", "127.0.0.8")] {
        let response = sign_in(2, name, forwarded).await;
        assert!(response.starts_with("HTTP/1.1 303 "), "{response:.200}");
    }
    let third = sign_in(2, "citra", "127.0.0.9").await;
    assert!(third.starts_with("HTTP/1.1 429 "), "a forged address is ignored: {third:.200}");
    let other = sign_in(3, "citra", "127.0.0.2").await;
    assert!(other.starts_with("HTTP/1.1 303 "), "{other:.200}");
}

#[test]
fn env_file_of_the_walk_sets_what_the_files_read() {
    let env = MANUAL.split("```ini\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the .env");
    let lines: Vec<(&str, &str)> = env.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |name: &str| lines.iter().find(|(set, _)| *set == name).map(|(_, value)| *value).expect("a value");
    let read = |file: &str| fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).expect("a file");
    let files: String = value("COMPOSE_FILE").split(':').map(read).collect();
    for (name, _) in lines.iter().filter(|(name, _)| !name.starts_with("COMPOSE_")) {
        let is_read = files.contains(&format!("${{{name}:")) || files.contains(&format!("\n      {name}:\n"));
        assert!(is_read, "no file reads {name}");
    }
}

#[test]
fn every_service_of_the_walk_limits_memory_and_processes() {
    let walk = ["docker-compose.yml", "deploy/caddy/tls.yml"];
    for file in walk.map(|file| format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))) {
        let text = fs::read_to_string(&file).expect("a file");
        let count = |part: &str| text.lines().filter(|line| line.trim_start().starts_with(part)).count();
        let services = count("image:");
        assert!(services > 0 && count("mem_limit:") == services && count("pids_limit:") == services, "{file}");
    }
}
