//! Browser storage: shared by tabs, and possibly missing.

use serde_json::json;

use super::{CONNECTION, TEXT, alone, chooses_for, sari_alone, signs_in};
use crate::kit::Browser;

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
