//! Browsers of 2022 have everything, older ones an explanation; a page that fails says so, and is counted.

use std::time::Duration;

use serde_json::json;

use super::{CONNECTION, TEXT, alone, network, sari_alone, signs_in};
use crate::kit::{Browser, Cluster, Engine, eventually, gateway::Gateway, process::free_port};

/// Removes what `localStorage.without` names, before the page's own scripts.
const REMOVE: &str = "{ const path = localStorage.getItem('without')?.split('.'); if (path) { \
    const owner = path.slice(0, -1).reduce((owner, name) => owner[name], window); delete owner[path.at(-1)]; } }";
/// Features that some browsers of 2022 lack and a page might use.
const NEWER: [&str; 20] = [
    "AbortSignal.any",
    "AbortSignal.timeout",
    "Array.fromAsync",
    "Array.prototype.toReversed",
    "Array.prototype.toSorted",
    "Array.prototype.with",
    "Element.prototype.ariaExpanded",
    "Element.prototype.ariaHidden",
    "Element.prototype.checkVisibility",
    "HTMLElement.prototype.inert",
    "HTMLElement.prototype.popover",
    "HTMLElement.prototype.translate",
    "Intl.DurationFormat",
    "Intl.Segmenter",
    "Map.groupBy",
    "Navigator.prototype.userActivation",
    "Promise.withResolvers",
    "Set.prototype.union",
    "URL.canParse",
    "scheduler",
];
/// Features that the page requires.
const NEEDED: [&str; 6] = [
    "Array.prototype.findLast",
    "BroadcastChannel",
    "Element.prototype.replaceChildren",
    "HTMLFormElement.prototype.requestSubmit",
    "Intl.Locale",
    "ResizeObserver",
];
const FAULT: &str = "return document.querySelector('#fault').hidden";

#[tokio::test]
async fn old_browser_without_newer_features_works_in_full() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "🇮🇩 budi").await;
    sari.run_first(REMOVE).await;
    for feature in NEWER {
        sari.script("localStorage.without = arguments[0]", vec![feature.into()]).await;
        sari.reload().await;
        sari.comes_to(CONNECTION, "online").await;
        sari.enter("#text", &format!("tanpa {feature}")).await;
        budi.wait_for_text("sari", &format!("tanpa {feature}")).await;
        budi.send_acked(&format!("@sari tanpa {feature} https://contoh.id")).await;
        sari.shows("#timeline .to-you .text", &format!("tanpa {feature}")).await;
        let avatars = "return Array.from(document.querySelectorAll('#members .avatar'), e => e.textContent)";
        assert_eq!(sari.script(avatars, vec![]).await, json!(["S", "🇮🇩"]), "{feature}");
        let hidden = "return document.querySelector('#timeline .message:last-child .from').translate || \
            document.querySelector('#members .more').getAttribute('aria-haspopup')";
        assert_eq!(sari.script(hidden, vec![]).await, "menu", "{feature}");
        assert_eq!(sari.script(FAULT, vec![]).await, true, "{feature}");
    }
}

#[tokio::test]
async fn old_browser_without_needed_features_says_so() {
    let (_cluster, sari) = sari_alone().await;
    sari.run_first(REMOVE).await;
    for feature in NEEDED {
        sari.script("localStorage.without = arguments[0]", vec![feature.into()]).await;
        sari.reload().await;
        sari.comes_to("return document.querySelector('#too-old').hidden", false).await;
        assert_eq!(sari.script(FAULT, vec![]).await, true, "{feature}: one sentence is enough");
    }
    sari.is_accessible("a browser that is too old").await;
}

#[tokio::test]
async fn uncaught_error_offers_a_reload_and_is_counted() {
    let metrics = format!("127.0.0.1:{}", free_port());
    let cluster = Cluster::builder(Engine::Memory).set("RUANG_METRICS_LISTEN", &metrics).start().await;
    let sari = Browser::start("id").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    sari.comes_to(CONNECTION, "online").await;
    assert_eq!(sari.script(FAULT, vec![]).await, true);
    // The next frame is one that no code of the page expects.
    sari.script("window.JSON.parse = () => null", vec![]).await;
    cluster.join(0, "budi").await.send_acked("halo").await;
    sari.comes_to(FAULT, false).await;
    sari.shows("#fault", "muat ulang halaman ini").await;
    sari.is_accessible("a fault").await;
    eventually(crate::kit::SOON, "the error is counted", || async {
        let text = reqwest::get(format!("http://{metrics}/metrics")).await.map_err(|error| error.to_string())?;
        let text = text.text().await.map_err(|error| error.to_string())?;
        let line = text.lines().find(|line| line.starts_with("ruang_page_errors")).unwrap_or_default();
        if line.ends_with(" 0") || line.is_empty() { Err(line.to_owned()) } else { Ok(()) }
    })
    .await;
    sari.click("#fault a").await;
    sari.comes_to(FAULT, true).await;
    sari.comes_to(CONNECTION, "online").await;
    sari.shows(TEXT, "halo").await;
}

#[tokio::test]
async fn script_that_does_not_load_offers_a_reload() {
    let cluster = alone().await;
    let (network, _) = network(&cluster).await;
    let gateway = Gateway::to(network.port(), Duration::ZERO).await;
    gateway.respond_with("/timeline.js", "503 Service Unavailable");
    let sari = Browser::start("id").await;
    sari.open(&gateway.base()).await;
    sari.enter("#username", "sari").await;
    sari.is_at("/chat").await;
    sari.comes_to(FAULT, false).await;
    gateway.pass();
    sari.click("#fault a").await;
    sari.comes_to(CONNECTION, "online").await;
}
