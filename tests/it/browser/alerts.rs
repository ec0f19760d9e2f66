//! Sound and notification for mentions in a tab that is not in front, once the user has turned them on.

use serde_json::json;

use super::{CONNECTION, TEXT, alone, sari_alone, signs_in};
use crate::kit::{Browser, SOON, eventually};

/// Records the notifications and sounds of the page; the browser still shows and plays them.
const WATCH: &str = "window.asked = 0; window.notified = []; window.notes = 0; \
    const ask = Notification.requestPermission.bind(Notification); \
    window.Notification = class extends Notification { \
        static requestPermission() { window.asked += 1; return ask(); } \
        constructor(title, options) { super(title, options); window.notified.push([title, options.body]); \
            localStorage.setItem('alerted', title); } }; \
    window.AudioContext = class extends AudioContext { constructor() { super(); window.notes += 1; } }";
const ALERTED: &str = "return localStorage.getItem('alerted')";
/// As `WATCH`, for tabs that are opened later; each stores its alerts for all.
const WATCH_ALL: &str = "{ const alerts = []; window.Notification = class extends Notification { \
    constructor(title, options) { super(title, options); alerts.push([title, options.body]); \
        localStorage.setItem('alerts ' + performance.timeOrigin, JSON.stringify(alerts)); } } }";
const ALL_ALERTS: &str = "return Object.keys(localStorage).filter(key => key.startsWith('alerts ')) \
    .flatMap(key => JSON.parse(localStorage.getItem(key)))";
/// As in Chrome on Android.
const NO_CONSTRUCTOR: &str = "window.Notification = new Proxy(Notification, \
    { construct() { throw new TypeError('Illegal constructor') } })";
const NOTIFIED: &str = "return notified";

#[tokio::test]
async fn mention_without_consent_alerts_nobody() {
    let (cluster, sari) = sari_alone().await;
    sari.script(WATCH, vec![]).await;
    let mut budi = cluster.join(0, "budi").await;
    sari.script("document.hasFocus = () => false; dispatchEvent(new Event('blur'))", vec![]).await;
    budi.send_acked("@sari ada?").await;
    sari.shows(TEXT, "@sari ada?").await;
    let later = "const done = arguments[0]; setTimeout(() => done([asked, notified, notes]), 1500)";
    assert_eq!(sari.script_that_waits(later).await, json!([0, [], 0]));
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
    let room = sari.opens_tab(&format!("{}/healthz", cluster.base(0))).await;
    budi.send_acked("bukan untuk siapa-siapa").await;
    budi.send_acked("@sari ada?").await;
    sari.comes_to(ALERTED, "budi").await;
    sari.closes_tab(room).await;
    sari.comes_to("return notes", 1).await;
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

#[tokio::test]
async fn one_of_several_tabs_alerts_once_for_many_mentions() {
    let cluster = alone().await;
    let sari = Browser::start("id").await;
    sari.run_first(WATCH_ALL).await;
    signs_in(&sari, cluster.base(0), "sari").await;
    sari.notifications("granted").await;
    sari.click(".preferences summary").await;
    sari.click("#prefer-notify").await;
    let first = sari.opens_tab("about:blank").await;
    for _ in 0..2 {
        sari.run_first(WATCH_ALL).await;
        sari.open(&format!("{}/chat", cluster.base(0))).await;
        sari.comes_to(CONNECTION, "online").await;
        sari.opens_tab("about:blank").await;
    }
    sari.open(&format!("{}/healthz", cluster.base(0))).await;
    let mut budi = cluster.join(0, "budi").await;
    for n in 1..=30 {
        budi.send_text(&format!("@sari {n}")).await;
    }
    budi.catch_up().await;
    sari.comes_to(&format!("{ALL_ALERTS}.map(([title, body]) => body).at(-1)"), "budi: @sari 30").await;
    let alerts = sari.script(ALL_ALERTS, vec![]).await;
    let alerts = alerts.as_array().expect("a list");
    assert!(alerts.len() <= 2, "one for what came at once, one for the rest: {alerts:?}");
    assert_eq!(alerts.last().expect("an alert")[0], "Nama Anda disebut 30 kali");
    // The user is in front of one tab: none alerts.
    sari.goes_to(first).await;
    sari.script("localStorage.clear(); document.hasFocus = () => true; dispatchEvent(new Event('focus'))", vec![])
        .await;
    budi.send_acked("@sari di depan").await;
    sari.shows(TEXT, "@sari di depan").await;
    let later = "const done = arguments[0]; setTimeout(() => done(Object.keys(localStorage).filter(key => key.startsWith('alerts '))), 3000)";
    assert_eq!(sari.script_that_waits(later).await, json!([]));
}

#[tokio::test]
async fn android_notifies_by_a_service_worker() {
    let cluster = alone().await;
    let sari = Browser::start("id").await;
    sari.run_first(NO_CONSTRUCTOR).await;
    signs_in(&sari, cluster.base(0), "sari").await;
    sari.notifications("granted").await;
    sari.click(".preferences summary").await;
    sari.click("#prefer-notify").await;
    sari.script("document.hasFocus = () => false; dispatchEvent(new Event('blur'))", vec![]).await;
    cluster.join(0, "budi").await.send_acked("@sari ada?").await;
    let shown = "const done = arguments[0]; navigator.serviceWorker.getRegistrations() \
        .then(all => Promise.all(all.map(each => each.getNotifications()))).then(all => done(all.flat().map(n => [n.title, n.body])))";
    eventually(SOON, "the worker notifies", || async {
        let found = sari.script_that_waits(shown).await;
        if found == json!([["budi", "@sari ada?"]]) { Ok(()) } else { Err(found.to_string()) }
    })
    .await;
    assert_eq!(sari.script("return document.querySelector('#prefer-notify').checked", vec![]).await, true);
}

#[tokio::test]
async fn permission_taken_back_unticks_the_box() {
    let (_cluster, sari) = sari_alone().await;
    sari.notifications("granted").await;
    sari.click(".preferences summary").await;
    sari.click("#prefer-notify").await;
    sari.reload().await;
    sari.comes_to("return document.querySelector('#prefer-notify').checked", true).await;
    sari.notifications("denied").await;
    sari.reload().await;
    sari.comes_to("return document.querySelector('#notify-refused').hidden", false).await;
    assert_eq!(sari.script("return document.querySelector('#prefer-notify').checked", vec![]).await, false);
}
