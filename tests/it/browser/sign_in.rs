//! Sign-in says what went wrong, and what helps.

use std::time::Duration;

use serde_json::json;

use super::{alone, network, sari_alone, signs_in};
use crate::kit::{
    Browser, Cluster, Engine, SOON, eventually,
    gateway::Gateway,
    operator::{act, token_file},
};

const REASON: &str = "#username-error";
const NOTICE: &str = ".why";

#[tokio::test]
async fn banned_person_reads_why_they_are_out() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let sari = Browser::start("id").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    act(cluster.base(0), json!({"act": "ban", "name": "sari", "for": "1h"})).await.is(200);
    sari.is_at("/").await;
    sari.shows(NOTICE, "memblokir nama Anda").await;
    sari.is_accessible("banned").await;
    sari.enter("#username", "sari").await;
    sari.shows(REASON, "selama 1 jam lagi").await;
    assert_eq!(sari.count(NOTICE).await, 0, "one reason at a time");
}

#[tokio::test]
async fn lost_name_and_expired_session_are_explained() {
    let cluster = Cluster::builder(Engine::Memory).set("RUANG_NAME_HOLD", "1s").set("RUANG_LEAVE_GRACE", "250ms");
    let cluster = cluster.start().await;
    let sari = Browser::start("en").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    sari.open("about:blank").await;
    let other = cluster.http_client(0);
    eventually(SOON, "the name is free", || async {
        let status = other.sign_in("sari").await.status;
        if status == 303 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    sari.open(&format!("{}/chat", cluster.base(0))).await;
    sari.is_at("/").await;
    sari.shows(NOTICE, "was taken by another person").await;
    sari.script("document.cookie = 'ruang=AAAAAAAAAAAAAAAAAAAAAA; path=/'", vec![]).await;
    sari.open(&format!("{}/chat", cluster.base(0))).await;
    sari.is_at("/").await;
    sari.shows(NOTICE, "has expired").await;
    sari.open(cluster.base(0)).await;
    sari.comes_to("return document.querySelector('.why') === null", true).await;
}

#[tokio::test]
async fn refused_cookies_are_named() {
    let cluster = alone().await;
    let sari = Browser::start_without_cookies("id").await;
    sari.open(cluster.base(0)).await;
    for _ in 0..2 {
        sari.script("window.isFormer = true", vec![]).await;
        sari.enter("#username", "sari").await;
        sari.comes_to("return window.isFormer ? 'former' : document.readyState", "complete").await;
        sari.shows(REASON, "tidak menyimpan kuki").await;
        sari.script("document.querySelector('#username').value = ''", vec![]).await;
    }
    sari.is_accessible("cookies are refused").await;
}

#[tokio::test]
async fn form_sent_twice_on_a_slow_network_enters() {
    let cluster = alone().await;
    let (network, _) = network(&cluster).await;
    let gateway = Gateway::to(network.port(), Duration::from_millis(400)).await;
    let sari = Browser::start("id").await;
    sari.open(&gateway.base()).await;
    sari.types("#username", "sari").await;
    let twice = "const form = document.querySelector('#sign-in'); form.submit(); setTimeout(() => form.submit(), 150)";
    sari.script(twice, vec![]).await;
    sari.is_at("/chat").await;
    sari.shows("#members", "sari").await;
}

#[tokio::test]
async fn second_address_has_a_link_to_the_rooms_own() {
    let cluster = alone().await;
    let port = cluster.instances[0].address().rsplit(':').next().expect("a port").to_owned();
    let own =
        Cluster::builder(Engine::Memory).set("RUANG_PUBLIC_URL", &format!("http://localhost:{port}")).start().await;
    let sari = Browser::start("en").await;
    sari.open(own.base(0)).await;
    // As if the script that hides the form had not come.
    sari.script("document.getElementById('sign-in').hidden = false", vec![]).await;
    sari.enter("#username", "sari").await;
    sari.shows("h1", "The room has another address").await;
    sari.is_accessible("another address").await;
    sari.click(".primary").await;
    sari.enter("#username", "sari").await;
    sari.is_at("/chat").await;
}

#[tokio::test]
async fn reserved_name_says_for_how_long() {
    let (cluster, sari) = sari_alone().await;
    let other = Browser::start("en").await;
    other.open(cluster.base(0)).await;
    other.enter("#username", "sari").await;
    other.shows(REASON, "A person in the room is using this name").await;
    sari.close().await;
    eventually(Duration::from_secs(15), "the name is only reserved", || async {
        let page = cluster.http_client(0).sign_in("sari").await.body;
        if page.contains("masih disimpan") { Ok(()) } else { Err(page) }
    })
    .await;
    other.enter("#username", "").await;
    other.shows(REASON, "reserved for another 15 minutes").await;
    other.is_accessible("a reserved name").await;
}
