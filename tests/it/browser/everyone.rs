//! Accessibility: keyboard, screen reader, small screen, both languages, no JavaScript.

use fantoccini::key::Key;
use serde_json::json;

use super::{CONNECTION, TEXT, alone, picture, sari_alone, signs_in};
use crate::kit::{
    Browser, Cluster, Engine,
    bots::{self, bots_file},
};

const OVERFLOW: &str = "return document.documentElement.scrollWidth - innerWidth";

#[tokio::test]
async fn every_page_passes_axe_in_light_and_dark() {
    let cluster = alone().await;
    let _held = cluster.join(0, "citra").await;
    let page = Browser::start("id").await;
    for colours in ["light", "dark"] {
        page.prefers("prefers-color-scheme", colours).await;
        page.open(&format!("{}/tidak-ada", cluster.base(0))).await;
        page.is_accessible(&format!("{colours}: an unknown address")).await;
        page.open(&format!("{}/privacy", cluster.base(0))).await;
        page.is_accessible(&format!("{colours}: the privacy page")).await;
        picture(&page, "privacy").await;
        page.open(cluster.base(0)).await;
        page.is_accessible(&format!("{colours}: the form")).await;
        page.enter("#username", "citra").await;
        page.shows("#username-error", "").await;
        page.is_accessible(&format!("{colours}: a name in use")).await;
    }
    picture(&page, "sign-in").await;
    page.script("document.querySelector('#username').value = ''", vec![]).await;
    page.enter("#username", "sari").await;
    page.is_at("/chat").await;
    page.comes_to(CONNECTION, "online").await;
    page.is_accessible("dark: an empty room").await;
    rich(&cluster, &page).await;
    for colours in ["light", "dark"] {
        page.prefers("prefers-color-scheme", colours).await;
        page.is_accessible(&format!("{colours}: the room")).await;
        picture(&page, &format!("room-{colours}")).await;
    }
    page.click(".preferences summary").await;
    page.is_accessible("dark: the preferences").await;
    page.screen(320, 640, true).await;
    page.click("#people-toggle").await;
    page.is_accessible("dark: the people, on a phone").await;
    picture(&page, "phone-people").await;
}

#[tokio::test]
async fn page_at_320_pixels_cuts_nothing_off() {
    let cluster = alone().await;
    let page = Browser::start("id").await;
    page.screen(320, 600, true).await;
    page.open(cluster.base(0)).await;
    assert_eq!(page.script(OVERFLOW, vec![]).await, 0);
    signs_in(&page, cluster.base(0), "Seseorang dengan nama panjang").await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked(&"panjang".repeat(100)).await;
    budi.send_acked("https://contoh.id/alamat/yang/sangat/panjang/dan/tidak/punya/spasi/sama/sekali").await;
    page.shows(TEXT, "https://contoh.id").await;
    assert_eq!(page.script(OVERFLOW, vec![]).await, 0);
    let small = "return Array.from(document.querySelectorAll('button, a, input, textarea, summary')).filter(e => \
        e.checkVisibility() && !e.closest('.text') && e.className !== 'skip' && \
        Math.min(e.getBoundingClientRect().width, e.getBoundingClientRect().height) < 24).map(e => e.outerHTML)";
    assert_eq!(page.script(small, vec![]).await, serde_json::json!([]), "touch targets are large enough");
    page.click("#people-toggle").await;
    page.shows("#members", "budi").await;
    page.presses(&char::from(Key::Escape).to_string()).await;
    page.comes_to("return document.querySelector('#people').checkVisibility()", false).await;
}

#[tokio::test]
async fn page_at_twice_the_text_size_cuts_nothing_off() {
    let (cluster, sari) = sari_alone().await;
    rich(&cluster, &sari).await;
    sari.zoomed_twice().await;
    assert_eq!(sari.script(OVERFLOW, vec![]).await, 0);
    sari.is_accessible("twice the size").await;
    sari.enter("#text", "besar").await;
    sari.shows(TEXT, "besar").await;
    sari.click("#people-toggle").await;
    sari.shows("#members", "sari").await;
    assert_eq!(sari.script(OVERFLOW, vec![]).await, 0);
}

#[tokio::test]
async fn forced_colours_pass_axe_and_reduced_motion_is_obeyed() {
    let (cluster, sari) = sari_alone().await;
    let animations = "return document.getAnimations().length";
    sari.prefers("forced-colors", "active").await;
    rich(&cluster, &sari).await;
    sari.is_accessible("forced colours").await;
    picture(&sari, "room-forced-colours").await;
    sari.prefers("prefers-reduced-motion", "reduce").await;
    let changes = "return Array.from(document.querySelectorAll('*')).filter(e => { const s = getComputedStyle(e); \
        return s.animationName !== 'none' || s.transitionDuration.split(', ').some(d => d !== '0s') })\
        .map(e => e.outerHTML.slice(0, 80))";
    assert_eq!(sari.script(changes, vec![]).await, serde_json::json!([]), "nothing is animated");
    assert_eq!(sari.script(animations, vec![]).await, 0);
}

#[tokio::test]
async fn keyboard_alone_signs_in_writes_and_signs_out() {
    let cluster = alone().await;
    let page = Browser::start("id").await;
    page.open(cluster.base(0)).await;
    let [tab, enter, shift, release] = [Key::Tab, Key::Enter, Key::Shift, Key::Null].map(char::from);
    page.presses(&format!("sari{enter}")).await;
    page.is_at("/chat").await;
    page.comes_to(CONNECTION, "online").await;
    page.presses(&format!("halo{enter}")).await;
    page.shows(TEXT, "halo").await;
    let focused =
        "const e = document.activeElement; return [e.id || e.parentElement.id, getComputedStyle(e).outlineStyle]";
    page.presses(&format!("{shift}{tab}{release}")).await;
    assert_eq!(page.script(focused, vec![]).await, serde_json::json!(["scroll", "solid"]), "the focus can be seen");
    page.presses(&format!("{shift}{tab}{release}")).await;
    assert_eq!(page.script(focused, vec![]).await, serde_json::json!(["sign-out", "solid"]));
    page.presses(&enter.to_string()).await;
    page.is_at("/").await;
}

#[tokio::test]
async fn new_message_is_announced_once() {
    let (cluster, sari) = sari_alone().await;
    let watch = "window.added = []; new MutationObserver(records => added.push(...records.flatMap(r => \
        Array.from(r.addedNodes, n => n.textContent)))) \
        .observe(document.querySelector('[role=log]'), { childList: true, subtree: true })";
    let mut budi = cluster.join(0, "budi").await;
    sari.shows("#timeline", "budi telah bergabung.").await;
    sari.script(watch, vec![]).await;
    budi.send_acked("satu").await;
    sari.enter("#text", "dua").await;
    sari.shows(TEXT, "dua").await;
    let counts = "return ['satu', 'dua'].map(text => added.filter(each => each.includes(text)).length)";
    sari.comes_to(counts, serde_json::json!([1, 1])).await;
}

#[tokio::test]
async fn history_is_not_announced_and_many_messages_are_counted() {
    let cluster = alone().await;
    let mut budi = cluster.join(0, "budi").await;
    for n in 1..=120 {
        budi.send_text(&format!("lama {n}")).await;
    }
    budi.catch_up().await;
    let sari = Browser::start("id").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    sari.comes_to(CONNECTION, "online").await;
    sari.script("document.querySelector('#scroll').scrollTop = 0", vec![]).await;
    sari.shows(TEXT, "lama 1").await;
    let announced = "return Array.from(document.querySelectorAll('[role=log] *, [aria-live] .message'), e => e.textContent).join('|')";
    assert_eq!(sari.script(announced, vec![]).await, "");
    budi.send_acked("satu").await;
    sari.comes_to("return document.querySelector('[role=log]').textContent", "budi: satu").await;
    for n in 1..=20 {
        budi.send_text(&format!("banyak {n}")).await;
    }
    budi.catch_up().await;
    let counted = "return /\\d+ pesan baru/.test(document.querySelector('[role=log]').textContent)";
    sari.comes_to(counted, true).await;
}

#[tokio::test]
async fn chosen_language_is_remembered() {
    let (cluster, sari) = sari_alone().await;
    let lang = "return document.documentElement.lang";
    sari.click("#language").await;
    sari.comes_to(lang, "en").await;
    sari.open(&format!("{}/chat", cluster.base(0))).await;
    assert_eq!(sari.script(lang, vec![]).await, "en");
    sari.comes_to(CONNECTION, "online").await;
    let _budi = cluster.join(0, "budi").await;
    sari.shows("#timeline", "budi has joined.").await;
}

#[tokio::test]
async fn page_without_javascript_shows_messages_and_explains() {
    let cluster = alone().await;
    cluster.join(0, "budi").await.send_acked("halo semua").await;
    let page = Browser::start("id").await;
    page.without_scripts().await;
    page.open(cluster.base(0)).await;
    page.types("#username", &format!("sari{}", char::from(Key::Enter))).await;
    page.is_at("/chat").await;
    page.shows(TEXT, "halo semua").await;
    page.shows("#timeline time", "UTC").await;
    page.shows(".no-script", "Tanpa JavaScript").await;
    assert_eq!(page.script("return document.querySelector('#composer').checkVisibility()", vec![]).await, false);
}

/// Fills a room with messages of every kind.
async fn rich(cluster: &Cluster, page: &Browser) {
    let mut dewi = cluster.join(0, "dewi").await;
    let mut eka = cluster.join(0, "Eka 🌿").await;
    dewi.send_acked("Sore! Jadi naik gunung Sabtu ini?").await;
    page.enter("#text", "Jadi. Kumpul jam lima di stasiun, ya.").await;
    eka.send_acked("Aku bawa kopi dan pisang goreng. Rutenya: https://contoh.id/rute").await;
    eka.send_acked("🎉").await;
    dewi.send_acked("@sari punya senter cadangan?").await;
    page.shows(TEXT, "senter").await;
    dewi.leave().await;
    eka.send_acked(&"Daftar bawaan yang panjang sekali.\n".repeat(20)).await;
    page.shows(TEXT, "Daftar").await;
}

/// A saturated colour, and a program with a second name among the people.
#[tokio::test]
async fn own_look_and_bots_pass_axe_in_light_and_dark() {
    let file = bots_file();
    let builder = Cluster::builder(Engine::Memory).with_bots(&file).set("RUANG_ACCENT", "#b91c1c");
    let cluster = builder.set("RUANG_TITLE", "Kelas 7B").set("RUANG_WELCOME", "Selamat datang").start().await;
    let page = Browser::start("id").await;
    page.open(cluster.base(0)).await;
    page.is_accessible("the form in the own look").await;
    signs_in(&page, cluster.base(0), "sari").await;
    let _listening = bots::join(cluster.base(0)).await;
    bots::post(cluster.base(0), "a", &json!({"text": "Build 7 https://contoh.id @sari", "as": "Deploy"})).await.is(201);
    page.shows(TEXT, "Build 7").await;
    page.shows("#timeline .bot", "bot").await;
    page.shows("#timeline .alias", "Deploy").await;
    page.shows("#members .bot", "bot").await;
    page.enter("#text", "terima kasih https://contoh.id").await;
    page.shows("#timeline .own .text", "terima kasih").await;
    for colours in ["light", "dark"] {
        page.prefers("prefers-color-scheme", colours).await;
        page.is_accessible(&format!("{colours}: the room in the own look")).await;
        picture(&page, &format!("own-look-{colours}")).await;
    }
    page.reload().await;
    page.shows("#timeline .bot", "bot").await;
    assert_eq!(page.texts("#timeline .by").await, ["CIbotDeploy", "sari"]);
}
