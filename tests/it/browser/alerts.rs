//! Sound and notification for mentions in a tab that is not in front, once the user has turned them on.

use serde_json::json;

use super::{TEXT, sari_alone};
use crate::kit::{Browser, WsClient};

/// Records the notifications and sounds of the page; the browser still shows and plays them.
const WATCH: &str = "window.asked = 0; window.notified = []; window.notes = 0; \
    const ask = Notification.requestPermission.bind(Notification); \
    window.Notification = class extends Notification { \
        static requestPermission() { window.asked += 1; return ask(); } \
        constructor(title, options) { super(title, options); window.notified.push([title, options.body]); } }; \
    window.AudioContext = class extends AudioContext { constructor() { super(); window.notes += 1; } }";
const NOTIFIED: &str = "return notified";
/// Stores, for the other tabs, whether the room's tab was visible when the mention arrived.
const TELL: &str = "new MutationObserver(() => { if (document.querySelector('#timeline').textContent.includes('@sari ada?')) \
    localStorage.setItem('came', document.visibilityState) }) \
    .observe(document.querySelector('#timeline'), { childList: true, subtree: true })";

#[tokio::test]
async fn mention_without_consent_alerts_nobody() {
    let (cluster, sari) = sari_alone().await;
    sari.script(WATCH, vec![]).await;
    let mut budi = cluster.join(0, "budi").await;
    mentioned_while_elsewhere(&sari, &mut budi, cluster.base(0)).await;
    assert_eq!(sari.script("return [asked, notified, notes]", vec![]).await, json!([0, [], 0]));
}

#[tokio::test]
async fn mention_in_a_hidden_tab_alerts_once_with_consent() {
    let (cluster, sari) = sari_alone().await;
    sari.notifications("granted").await;
    sari.script(WATCH, vec![]).await;
    sari.click(".preferences summary").await;
    sari.click("#prefer-notify").await;
    sari.click("#prefer-sound").await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked("@sari di depan mata").await;
    sari.shows(TEXT, "di depan mata").await;
    assert_eq!(sari.script(NOTIFIED, vec![]).await, json!([]), "a visible message needs no notification");
    mentioned_while_elsewhere(&sari, &mut budi, cluster.base(0)).await;
    assert_eq!(sari.script("return [asked, notified, notes]", vec![]).await, json!([1, [["budi", "@sari ada?"]], 1]));
    sari.reload().await;
    assert_eq!(sari.script("return document.querySelector('#prefer-notify').checked", vec![]).await, true);
}

#[tokio::test]
async fn refused_notifications_are_explained_and_unticked() {
    let (_cluster, sari) = sari_alone().await;
    sari.notifications("denied").await;
    sari.click(".preferences summary").await;
    sari.click("#prefer-notify").await;
    sari.comes_to("return document.querySelector('#notify-refused').checkVisibility()", true).await;
    assert_eq!(sari.script("return document.querySelector('#prefer-notify').checked", vec![]).await, false);
}

/// Puts another tab in front of sari's room; then budi sends two messages, one of which mentions her.
async fn mentioned_while_elsewhere(sari: &Browser, budi: &mut WsClient, base: &str) {
    sari.script(TELL, vec![]).await;
    let room = sari.opens_tab(&format!("{base}/healthz")).await;
    budi.send_acked("bukan untuk siapa-siapa").await;
    budi.send_acked("@sari ada?").await;
    // Switching to the room's tab would bring it to the front.
    sari.comes_to("return localStorage.getItem('came')", "hidden").await;
    sari.closes_tab(room).await;
}
