//! Browser storage: shared by tabs, and possibly missing.

use serde_json::json;

use super::{CONNECTION, TEXT, alone, chooses_for, network, sari_alone, signs_in};
use crate::kit::{Browser, proxy::Target};

/// `localStorage` and `sessionStorage` throw, as with all site data blocked.
const FORBID_STORAGE: &str = "for (const name of ['localStorage', 'sessionStorage']) \
    Object.defineProperty(window, name, { get() { throw new DOMException('', 'SecurityError') } })";

#[tokio::test]
async fn page_without_storage_sends_mutes_and_reconnects() {
    let cluster = alone().await;
    let sari = Browser::start("id").await;
    sari.run_first(FORBID_STORAGE).await;
    signs_in(&sari, cluster.base(0), "sari").await;
    sari.comes_to(CONNECTION, "online").await;
    let mut budi = cluster.join(0, "budi").await;
    sari.enter("#text", "tanpa penyimpanan").await;
    sari.shows(TEXT, "tanpa penyimpanan").await;
    budi.wait_for_text("sari", "tanpa penyimpanan").await;
    chooses_for(&sari, "budi", "Bisukan untuk saya").await;
    sari.shows("#members .mute-mark", "Dibisukan").await;
}

#[tokio::test]
async fn mute_and_preference_of_one_tab_apply_in_the_other() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked("halo").await;
    sari.shows(TEXT, "halo").await;
    let first = sari.opens_tab(&format!("{}/chat", cluster.base(0))).await;
    sari.shows("#members", "budi").await;
    chooses_for(&sari, "budi", "Bisukan untuk saya").await;
    sari.click(".preferences summary").await;
    sari.click("#prefer-notices").await;
    sari.goes_to(first).await;
    let state = "return [document.querySelector('#members [data-name=budi] .mute-mark') !== null, \
        document.querySelector('#timeline .text').checkVisibility(), document.querySelector('#prefer-notices').checked]";
    sari.comes_to(state, json!([true, false, false])).await;
}

/// As in a page over http that is not on the same machine.
const NO_LOCKS: &str = "Object.defineProperty(Navigator.prototype, 'locks', { get() {} })";

#[tokio::test]
async fn closed_http_tab_has_its_messages_sent_by_another() {
    let cluster = alone().await;
    let sari = Browser::start("id").await;
    sari.run_first(NO_LOCKS).await;
    signs_in(&sari, cluster.base(0), "sari").await;
    let first = sari.opens_tab("about:blank").await;
    sari.run_first(NO_LOCKS).await;
    sari.open(&format!("{}/chat", cluster.base(0))).await;
    sari.comes_to(CONNECTION, "online").await;
    sari.script("WebSocket.prototype.send = () => {}", vec![]).await;
    sari.enter("#text", "tertinggal").await;
    sari.shows("#outbox .text", "tertinggal").await;
    sari.closes_tab(first).await;
    sari.reload().await;
    sari.shows(TEXT, "tertinggal").await;
    assert_eq!(sari.texts(TEXT).await, ["tertinggal"]);
}

#[tokio::test]
async fn session_end_leads_to_its_reason_and_keeps_what_was_typed() {
    let (cluster, sari) = sari_alone().await;
    sari.script("WebSocket.prototype.send = () => {}", vec![]).await;
    sari.enter("#text", "belum terkirim").await;
    sari.types("#text", "belum selesai").await;
    sari.script("fetch('/logout', { method: 'POST' })", vec![]).await;
    sari.is_at("/").await;
    sari.comes_to("return location.search", "?why=ended").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    sari.shows(TEXT, "belum terkirim").await;
    sari.comes_to("return document.querySelector('#text').value", "belum selesai").await;
}

/// Loses every sent frame until the page is reloaded.
const LOSE: &str = "WebSocket.prototype.send = () => {}";

#[tokio::test]
async fn duplicated_tab_leaves_the_outbox_to_the_first() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    sari.script(LOSE, vec![]).await;
    sari.enter("#text", "sekali saja").await;
    sari.types("#text", "draf").await;
    let first = sari.duplicates_tab().await;
    sari.comes_to(CONNECTION, "online").await;
    sari.comes_to("return document.querySelector('#text').value", "draf").await;
    sari.enter("#text", " dari salinan").await;
    sari.shows(TEXT, "draf dari salinan").await;
    assert_eq!(sari.texts("#outbox .text").await, [""; 0], "the first tab lives");
    sari.goes_to(first).await;
    sari.shows("#outbox .text", "sekali saja").await;
    sari.reload().await;
    sari.shows(TEXT, "sekali saja").await;
    budi.wait_for_text("sari", "sekali saja").await;
    assert_eq!(budi.catch_up().await.texts(), ["draf dari salinan", "sekali saja"]);
}

#[tokio::test]
async fn tabs_that_return_together_send_a_lost_outbox_once() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    let first = sari.opens_tab(&format!("{base}/chat")).await;
    sari.comes_to(CONNECTION, "online").await;
    let second = sari.opens_tab(&format!("{base}/chat")).await;
    sari.comes_to(CONNECTION, "online").await;
    sari.script(LOSE, vec![]).await;
    sari.enter("#text", "tertinggal").await;
    sari.shows("#outbox .text", "tertinggal").await;
    sari.closes_tab(second.clone()).await;
    network.cut(Target::All);
    for (tab, text) in [(&first, "dari satu"), (&second, "dari dua")] {
        sari.goes_to(tab.clone()).await;
        sari.comes_to(CONNECTION, "waiting").await;
        sari.enter("#text", text).await;
    }
    network.heal();
    for tab in [first, second] {
        sari.goes_to(tab).await;
        for text in ["tertinggal", "dari satu", "dari dua"] {
            sari.shows(TEXT, text).await;
        }
        sari.comes_to("return document.querySelectorAll('#outbox li').length", 0).await;
        assert_eq!(sari.count(TEXT).await, 3);
    }
    assert_eq!(budi.catch_up().await.texts().len(), 3);
}
