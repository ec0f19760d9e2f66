//! Floods of sign-ins: limits over all instances, and a Redis that they nearly fill.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use reqwest::redirect;
use tokio::task::JoinSet;

use crate::kit::{Cluster, Engine, Redis, Response, SOON, eventually, redis, wait::within};

/// The sentence of the page while Redis is nearly full.
const FULL: &str = "Ruang obrolan sedang penuh.";

#[tokio::test]
async fn sign_in_limit_of_an_address_holds_over_all_instances() {
    let settings = Cluster::builder(Engine::Redis).instances(2).set("RUANG_SIGN_INS_PER_MINUTE", "3");
    let cluster = settings.start().await;
    for (i, name) in [(0, "sari"), (1, "budi"), (0, "citra")] {
        cluster.http_client(i).sign_in(name).await.redirects_to("/chat");
    }
    let refused = cluster.http_client(1).sign_in("dewi").await;
    let wait: u64 = refused.is(429).header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=21).contains(&wait), "{wait}");
}

#[tokio::test]
async fn sign_in_limit_of_an_ipv6_site_holds_for_all_its_networks() {
    let settings = Cluster::builder(Engine::Redis).set("RUANG_SIGN_INS_PER_MINUTE", "1");
    let cluster = settings.set("RUANG_TRUSTED_PROXIES", "127.0.0.1").start().await;
    let sign_in_from = async |address: String| {
        let request = cluster.http_client(0).request(reqwest::Method::POST, "/");
        let request = request.header("x-forwarded-for", &address).form(&[("username", address.replace(':', "x"))]);
        Response::to(request).await.status
    };
    for network in 0..10 {
        assert_eq!(sign_in_from(format!("2001:db8:1:{network}::1")).await, 303);
    }
    assert_eq!(sign_in_from("2001:db8:1:10::1".to_owned()).await, 429);
    assert_eq!(sign_in_from("2001:db8:2::1".to_owned()).await, 303, "another site");
}

#[tokio::test]
async fn sign_in_limit_of_all_addresses_holds_over_all_instances() {
    let settings = Cluster::builder(Engine::Redis).instances(2).set("RUANG_SIGN_INS_PER_MINUTE_TOTAL", "2");
    let cluster = settings.start().await;
    cluster.http_client(0).sign_in("sari").await.redirects_to("/chat");
    cluster.http_client(1).sign_in("budi").await.redirects_to("/chat");
    cluster.http_client(0).sign_in("citra").await.is(429);
}

#[tokio::test]
async fn sign_in_flood_that_fills_redis_is_refused_while_talk_goes_on() {
    let settings = Cluster::builder(Engine::Redis).set("RUANG_SIGN_INS_PER_MINUTE_TOTAL", "0");
    let mut cluster = settings.set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    fill_to(cluster.redis(), 79).await;

    let flood = Flood::start(cluster.base(0));
    let mut sent = 0;
    within(SOON * 2, "the flood is refused", async {
        while !flood.is_refused() {
            sari.send_acked(&format!("{sent}")).await;
            sent += 1;
        }
    })
    .await;
    for _ in 0..20 {
        sari.send_acked(&format!("{sent}")).await;
        sent += 1;
    }
    budi.wait_for_text("sari", &format!("{}", sent - 1)).await;
    assert_eq!(budi.transcript().texts().len(), sent, "no message is lost");
    assert!(memory(cluster.redis(), "used_memory").await < memory(cluster.redis(), "maxmemory").await);
    assert!(flood.signed_in() > 0);
    drop(flood);

    redis::command(cluster.redis(), &["DEL", "filler"]).await;
    let citra = cluster.http_client(0);
    eventually(SOON, "sign-in works again", || async {
        let response = citra.sign_in("citra").await;
        if response.status == 303 { Ok(()) } else { Err(format!("{response:?}")) }
    })
    .await;
}

/// Fills a Redis to a part of its new limit, in per cent.
async fn fill_to(redis: &Redis, percent: u64) {
    redis::command(redis, &["SETRANGE", "filler", "20000000", "x"]).await;
    let limit = memory(redis, "used_memory").await * 100 / percent;
    redis::command(redis, &["CONFIG", "SET", "maxmemory", &limit.to_string()]).await;
}

async fn memory(redis: &Redis, field: &str) -> u64 {
    let info = redis::command(redis, &["INFO", "memory"]).await;
    let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.expect("a field").trim().parse().expect("a number")
}

/// Programs that sign in under ever new names, until dropped.
struct Flood {
    state: Arc<FloodState>,
    _programs: JoinSet<()>,
}

#[derive(Default)]
struct FloodState {
    names: AtomicUsize,
    signed_in: AtomicUsize,
    refused: AtomicBool,
}

impl Flood {
    fn start(base: &str) -> Self {
        let state = Arc::new(FloodState::default());
        let client = reqwest::Client::builder().tls_certs_only([]).redirect(redirect::Policy::none());
        let client = client.build().expect("a client");
        let mut programs = JoinSet::new();
        for _ in 0..16 {
            let (client, url, state) = (client.clone(), format!("{base}/"), Arc::clone(&state));
            programs.spawn(async move {
                loop {
                    let name = format!("f{}", state.names.fetch_add(1, Ordering::Relaxed));
                    let response = Response::to(client.post(&url).form(&[("username", name)])).await;
                    match response.status {
                        303 => _ = state.signed_in.fetch_add(1, Ordering::Relaxed),
                        503 if response.body.contains(FULL) => state.refused.store(true, Ordering::Relaxed),
                        _ => panic!("{response:?}"),
                    }
                }
            });
        }
        Self { state, _programs: programs }
    }

    fn is_refused(&self) -> bool {
        self.state.refused.load(Ordering::Relaxed)
    }

    fn signed_in(&self) -> usize {
        self.state.signed_in.load(Ordering::Relaxed)
    }
}
