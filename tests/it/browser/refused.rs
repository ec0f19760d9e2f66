//! A page that gets no socket shows the reason and the remedy.

use std::time::Duration;

use super::{CONNECTION, alone, network, picture};
use crate::kit::{Browser, Cluster, Engine, gateway::Gateway, proxy::Target};

const LATENCY: Duration = Duration::from_millis(100);
const LINK: &str =
    "const link = document.querySelector('#status-link'); return link.checkVisibility() && link.pathname";

#[tokio::test]
async fn sockets_blocked_on_the_way_are_named() {
    let cluster = alone().await;
    let (network, _) = network(&cluster).await;
    let gateway = Gateway::to(network.port(), LATENCY).await;
    gateway.respond_with("/ws", "403 Forbidden");
    let sari = enters(&gateway.base()).await;
    sari.shows("#status-text", "diblokir di tengah jalan").await;
    sari.is_accessible("sockets are blocked").await;
    picture(&sari, "blocked").await;
    gateway.pass();
    sari.comes_to(CONNECTION, "online").await;
    sari.comes_to("return document.querySelector('#status').hidden", true).await;
}

#[tokio::test]
async fn gateway_that_wants_a_sign_in_is_named_with_a_link() {
    let cluster = alone().await;
    let (network, _) = network(&cluster).await;
    let gateway = Gateway::to(network.port(), LATENCY).await;
    let sari = enters(&gateway.base()).await;
    sari.comes_to(CONNECTION, "online").await;
    gateway.respond_with("/", "302 Found\r\nlocation: http://localhost:1/login");
    network.cut(Target::All);
    sari.comes_to(CONNECTION, "waiting").await;
    network.heal();
    sari.shows("#status-text", "meminta Anda masuk lagi").await;
    sari.comes_to(LINK, "/chat").await;
    sari.is_accessible("a gateway wants a sign-in").await;
    gateway.pass();
    sari.comes_to(CONNECTION, "online").await;
}

#[tokio::test]
async fn too_many_sockets_of_an_address_are_named() {
    let cluster = Cluster::builder(Engine::Memory).set("RUANG_CONNECTIONS_PER_ADDRESS", "1").start().await;
    let budi = cluster.join(0, "budi").await;
    let sari = enters(cluster.base(0)).await;
    sari.shows("#status-text", "Terlalu banyak tab atau orang").await;
    budi.leave().await;
    sari.comes_to(CONNECTION, "online").await;
}

/// Signs in sari, in Indonesian; her page may get no socket.
async fn enters(base: &str) -> Browser {
    let sari = Browser::start("id").await;
    sari.open(base).await;
    sari.enter("#username", "sari").await;
    sari.is_at("/chat").await;
    sari
}
