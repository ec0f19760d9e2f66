//! The page in a real Chromium.

mod alerts;
mod answers;
mod away;
mod base_path;
mod conversation;
mod everyone;
mod frames;
mod killed;
mod light;
mod looks;
mod menu;
mod moderation;
mod offline;
mod old_browser;
mod order;
mod payloads;
mod people;
mod reading;
mod refused;
mod reports;
mod returning;
mod rules;
mod sign_in;
mod storage;
mod text;
mod writing;

use std::path::Path;

use crate::kit::{Browser, Cluster, Engine, Proxy};

/// A message's text in the timeline.
const TEXT: &str = "#timeline .message .text";
/// A row of the timeline, of any kind.
const ROW: &str = "#timeline > li";
/// The state of the connection.
const CONNECTION: &str = "return document.body?.dataset.connection";

/// Starts one instance on the memory engine without message limits.
async fn alone() -> Cluster {
    Cluster::builder(Engine::Memory).set("RUANG_MESSAGES_PER_SECOND", "0").start().await
}

/// Starts a proxy before the first instance; returns it and its base URL.
async fn network(cluster: &Cluster) -> (Proxy, String) {
    let address = cluster.instances[0].address();
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let network = Proxy::start(port).await;
    let base = format!("http://127.0.0.1:{}", network.port());
    (network, base)
}

/// Starts an instance with one member: sari, in Indonesian.
async fn sari_alone() -> (Cluster, Browser) {
    let cluster = alone().await;
    let sari = Browser::start("id").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    (cluster, sari)
}

async fn two() -> Cluster {
    Cluster::builder(Engine::Redis).instances(2).start().await
}

/// Signs in sari, in Indonesian, on the first instance, and budi, in English, on the second.
async fn sari_and_budi(cluster: &Cluster) -> (Browser, Browser) {
    let (sari, budi) = tokio::join!(Browser::start("id"), Browser::start("en"));
    signs_in(&sari, cluster.base(0), "sari").await;
    signs_in(&budi, cluster.base(1), "budi").await;
    assert_eq!(sari.script("return document.documentElement.lang", vec![]).await, "id");
    assert_eq!(budi.script("return document.documentElement.lang", vec![]).await, "en");
    for page in [&sari, &budi] {
        page.shows("#members", "sari").await;
        page.shows("#members", "budi").await;
    }
    (sari, budi)
}

async fn signs_in(page: &Browser, base: &str, name: &str) {
    page.open(base).await;
    page.enter("#username", name).await;
    page.is_at("/chat").await;
    page.shows("#members", name).await;
}

/// Chooses an item of the menu of a person in the list.
async fn chooses_for(page: &Browser, name: &str, item: &str) {
    page.click(&format!("#members [data-name='{name}']")).await;
    chooses(page, item).await;
}

/// Chooses an item of the open menu.
async fn chooses(page: &Browser, item: &str) {
    page.shows(".menu .item", item).await;
    let click =
        "Array.from(document.querySelectorAll('.menu .item')).find(item => item.textContent === arguments[0]).click()";
    page.script(click, vec![item.into()]).await;
    page.comes_to("return document.querySelector('.menu') === null", true).await;
}

/// Takes a picture for the documentation when `RUANG_PICTURES` is 1.
async fn picture(page: &Browser, name: &str) {
    if takes_pictures() {
        let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
        page.comes_to("return document.getAnimations().length", 0).await;
        page.picture(&pictures.join(format!("{name}.png"))).await;
    }
}

/// Takes small pictures `NAME-light` and `NAME-dark`; the page stays small and dark.
async fn pictures(page: &Browser, name: &str) {
    if takes_pictures() {
        page.screen(680, 420, false).await;
        for colours in ["light", "dark"] {
            page.prefers("prefers-color-scheme", colours).await;
            picture(page, &format!("{name}-{colours}")).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no settings; the command sets this variable")]
fn takes_pictures() -> bool {
    std::env::var("RUANG_PICTURES").is_ok_and(|value| value == "1")
}
