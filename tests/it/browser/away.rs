//! Away and back: a page returns by itself, soon, receives the missed messages and sends the waiting ones. The network's latency is 100 ms.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{CONNECTION, TEXT, alone, network, signs_in};
use crate::kit::{Browser, proxy::Target};

const LATENCY: Duration = Duration::from_millis(100);
/// Longer than a page takes for a hiccup.
const FROZEN: Duration = Duration::from_secs(12);
/// Long enough for delays between attempts to have grown.
const AWAY: Duration = Duration::from_secs(25);

#[tokio::test]
async fn frozen_browser_is_back_within_3_s_of_waking() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    network.delay(LATENCY);
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    network.stall(Target::All);
    sari.enter("#text", "ditulis sebelum tidur").await;
    sari.freeze();
    // As with a network that has forgotten the connection: its end is not announced.
    network.half_open();
    network.heal();
    network.delay(LATENCY);
    budi.send_acked("selagi tidur").await;
    sleep(FROZEN).await;
    let woken = Instant::now();
    sari.thaw();
    sari.shows(TEXT, "selagi tidur").await;
    sari.shows(TEXT, "ditulis sebelum tidur").await;
    let took = woken.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    budi.wait_for_text("sari", "ditulis sebelum tidur").await;
}

#[tokio::test]
async fn page_is_back_within_5_s_of_the_servers_return() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    network.delay(LATENCY);
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    network.cut(Target::All);
    sari.comes_to(CONNECTION, "waiting").await;
    sleep(AWAY).await;
    network.heal();
    network.delay(LATENCY);
    let returned = Instant::now();
    sari.comes_to(CONNECTION, "online").await;
    let took = returned.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn page_that_waits_connects_at_a_keystroke() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    // From now on no timer of the page fires.
    sari.script("window.setTimeout = () => 0", vec![]).await;
    network.cut(Target::All);
    sari.comes_to(CONNECTION, "waiting").await;
    network.heal();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(sari.script(CONNECTION, vec![]).await, "waiting");
    sari.types("#text", "h").await;
    sari.comes_to(CONNECTION, "online").await;
}

#[tokio::test]
async fn page_restored_from_the_browsers_cache_connects_at_once() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    // A cached page stands still: its timers do not fire, and the browser has closed its socket.
    sari.script("window.setTimeout = () => 0", vec![]).await;
    network.cut(Target::All);
    sari.comes_to(CONNECTION, "waiting").await;
    sari.enter("#text", "ditulis sebelum pergi").await;
    budi.send_acked("selagi pergi").await;
    network.heal();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(sari.script(CONNECTION, vec![]).await, "waiting");
    sari.script("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))", vec![]).await;
    sari.shows(TEXT, "selagi pergi").await;
    budi.wait_for_text("sari", "ditulis sebelum pergi").await;
}

/// A browser that needs memory ends a page without telling it, and loads it anew when its tab is opened.
const UNTOLD: &str = "for (const type of ['pagehide', 'beforeunload', 'visibilitychange', 'freeze', 'unload']) \
    addEventListener(type, event => event.stopImmediatePropagation(), true)";

#[tokio::test]
async fn discarded_tab_loses_nothing_that_was_typed() {
    let cluster = alone().await;
    let sari = Browser::start("id").await;
    sari.run_first(UNTOLD).await;
    signs_in(&sari, cluster.base(0), "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    sari.script("WebSocket.prototype.send = () => {}", vec![]).await;
    sari.enter("#text", "belum terkirim").await;
    sari.types("#text", "belum selesai").await;
    budi.send_acked("selagi dibuang").await;
    sari.reload().await;
    sari.shows(TEXT, "selagi dibuang").await;
    sari.shows(TEXT, "belum terkirim").await;
    sari.comes_to("return document.querySelector('#text').value", "belum selesai").await;
    budi.wait_for_text("sari", "belum terkirim").await;
    assert_eq!(budi.catch_up().await.texts(), ["selagi dibuang", "belum terkirim"]);
}
