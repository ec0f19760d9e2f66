//! The page under a path of a site, and at an address that is not its own.

use std::sync::Mutex;

use super::{CONNECTION, TEXT};
use crate::kit::{
    Browser, Cluster, Engine, SOON,
    operator::{TOKEN, token_file},
    tls_front::{Bases, TlsFront},
};

#[tokio::test]
async fn page_under_a_path_works() {
    let bases = Bases::new(Mutex::new(vec![]));
    let (front, operators) = (TlsFront::start(Bases::clone(&bases)).await, token_file());
    let address = format!("{}/kelas/7b", front.url());
    let cluster =
        Cluster::builder(Engine::Memory).set("RUANG_PUBLIC_URL", &address).with_operator(&operators).start().await;
    *bases.lock().unwrap() = vec![cluster.base(0).to_owned()];
    let page = Browser::start("id").await;
    page.open(&format!("{address}/operator")).await;
    page.enter("#token", TOKEN).await;
    page.is_at("/kelas/7b/operator").await;
    page.open(&front.url()).await;
    page.is_at("/kelas/7b/").await;
    page.enter("#username", "sari").await;
    page.is_at("/kelas/7b/chat").await;
    page.comes_to(CONNECTION, "online").await;
    page.enter("#text", "halo dari bawah").await;
    page.shows(TEXT, "halo dari bawah").await;
    let keys = "return Object.keys(localStorage).filter(key => !key.startsWith('ruang/kelas/7b.') && key !== 'ruang.preferences')";
    assert_eq!(page.script(keys, vec![]).await, serde_json::json!([]));
    let cookies = "return fetch('/kelas/7b/api/operator/me').then(response => response.status)";
    page.comes_to(cookies, 200).await;
    assert_eq!(
        page.script("return fetch('/').then(response => response.url)", vec![]).await,
        format!("{address}/chat")
    );
    page.reload().await;
    page.comes_to(CONNECTION, "online").await;
    page.shows(TEXT, "halo dari bawah").await;
    page.click("#sign-out button").await;
    page.is_at("/kelas/7b/").await;
    let log = cluster.instances[0].log();
    assert!(!log.contains("status=404") && !log.contains("page-error"), "{log}");
}

#[tokio::test]
async fn unlisted_address_shows_the_right_one() {
    let cluster = Cluster::builder(Engine::Memory)
        .set("RUANG_PUBLIC_URL", "http://chat.example.org,http://ruang.example")
        .start()
        .await;
    let page = Browser::start("en").await;
    page.open(cluster.base(0)).await;
    page.shows("#own-address", "You cannot sign in at this address. Open the room at its own:").await;
    page.comes_to("return document.querySelector('#own-address a').href", "http://chat.example.org/").await;
    page.comes_to("return document.getElementById('sign-in').offsetParent === null", true).await;
    page.is_accessible("at another address").await;
    cluster.instances[0].wait_for_log("add it to RUANG_PUBLIC_URL", SOON).await;
    page.reload().await;
    page.shows("#own-address", "chat.example.org").await;
    assert_eq!(cluster.instances[0].log().matches("add it to RUANG_PUBLIC_URL").count(), 1);
}
