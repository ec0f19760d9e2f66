//! A sound and a notification for who is spoken to while they look elsewhere: only for who asked for them.

use serde_json::json;

use super::{TEXT, sari_alone};
use crate::kit::{Browser, WsClient};

/// Writes down what the page asks of the browser, which does it all the same.
const WATCH: &str = "window.asked = 0; window.notified = []; window.notes = 0; \
    const ask = Notification.requestPermission.bind(Notification); \
    window.Notification = class extends Notification { \
        static requestPermission() { window.asked += 1; return ask(); } \
        constructor(title, options) { super(title, options); window.notified.push([title, options.body]); } }; \
    window.AudioContext = class extends AudioContext { constructor() { super(); window.notes += 1; } }";
const NOTIFIED: &str = "return notified";
/// Tells the other tabs when the room shows what is for her, and whether it is seen.
const TELL: &str = "new MutationObserver(() => { if (document.querySelector('#timeline').textContent.includes('@sari ada?')) \
    localStorage.setItem('came', document.visibilityState) }) \
    .observe(document.querySelector('#timeline'), { childList: true, subtree: true })";

#[tokio::test]
async fn nobody_is_alerted_who_has_not_asked_for_it() {
    let (cluster, sari) = sari_alone().await;
    sari.script(WATCH, vec![]).await;
    let mut budi = cluster.guest(0, "budi").await;
    mentioned_while_elsewhere(&sari, &mut budi, cluster.base(0)).await;
    assert_eq!(sari.script("return [asked, notified, notes]", vec![]).await, json!([0, [], 0]));
}

#[tokio::test]
async fn a_mention_alerts_who_asked_for_it_and_looks_elsewhere() {
    let (cluster, sari) = sari_alone().await;
    sari.notifications("granted").await;
    sari.script(WATCH, vec![]).await;
    sari.click(".preferences summary").await;
    sari.click("#prefer-notify").await;
    sari.click("#prefer-sound").await;
    let mut budi = cluster.guest(0, "budi").await;
    budi.say_kept("@sari di depan mata").await;
    sari.shows(TEXT, "di depan mata").await;
    assert_eq!(sari.script(NOTIFIED, vec![]).await, json!([]), "whoever is here sees it");
    mentioned_while_elsewhere(&sari, &mut budi, cluster.base(0)).await;
    assert_eq!(sari.script("return [asked, notified, notes]", vec![]).await, json!([1, [["budi", "@sari ada?"]], 1]));
    sari.reload().await;
    assert_eq!(sari.script("return document.querySelector('#prefer-notify').checked", vec![]).await, true);
}

#[tokio::test]
async fn whoever_refuses_notifications_is_told_where_that_is_changed() {
    let (_cluster, sari) = sari_alone().await;
    sari.notifications("denied").await;
    sari.click(".preferences summary").await;
    sari.click("#prefer-notify").await;
    sari.comes_to("return document.querySelector('#notify-refused').checkVisibility()", true).await;
    assert_eq!(sari.script("return document.querySelector('#prefer-notify').checked", vec![]).await, false);
}

/// Sari has another tab before her when two things are said of which one is for her.
async fn mentioned_while_elsewhere(sari: &Browser, budi: &mut WsClient, base: &str) {
    sari.script(TELL, vec![]).await;
    let room = sari.opens_tab(&format!("{base}/healthz")).await;
    budi.say_kept("bukan untuk siapa-siapa").await;
    budi.say_kept("@sari ada?").await;
    // To look at the room's tab would bring it before her.
    sari.comes_to("return localStorage.getItem('came')", "hidden").await;
    sari.closes_tab(room).await;
}
