//! Interruptions: explained, ended as soon as possible, and without loss.

use std::time::Duration;

use super::{CONNECTION, TEXT, alone, network, picture, sari_alone, signs_in};
use crate::kit::{Browser, Cluster, Engine, Haproxy, process::free_port, proxy::Target};

/// From now on the server sees a page of a former version.
const FORMER: &str = "const asked = fetch; window.fetch = (address, options) => \
    asked(address.replace(/static\\/\\w+/, 'static/0123456789abcdef'), options)";

#[tokio::test]
async fn offline_page_explains_queues_texts_and_retries_on_click() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    network.cut(Target::All);
    sari.shows("#status-text", "Sambungan ke ruang obrolan terputus.").await;
    sari.enter("#text", "dari kereta").await;
    sari.enter("#text", "masih di kereta").await;
    sari.shows("#status-count", "Mencoba lagi dalam").await;
    sari.is_accessible("cut off").await;
    picture(&sari, "offline").await;
    network.heal();
    sari.script("document.querySelector('#status-action').click()", vec![]).await;
    sari.shows(TEXT, "masih di kereta").await;
    assert_eq!(sari.texts(TEXT).await, ["dari kereta", "masih di kereta"]);
    sari.comes_to("return document.querySelector('#status').hidden", true).await;
}

#[tokio::test]
async fn online_event_reconnects_at_once() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    network.cut(Target::All);
    sari.comes_to(CONNECTION, "waiting").await;
    network.heal();
    sari.script("dispatchEvent(new Event('online'))", vec![]).await;
    sari.comes_to(CONNECTION, "online").await;
}

#[tokio::test]
async fn killed_instance_loses_no_message() {
    let cluster = Cluster::builder(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8");
    let mut cluster = cluster.set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let haproxy = Haproxy::start(&cluster).await;
    let (sari, budi) = tokio::join!(Browser::start("id"), Browser::start("en"));
    signs_in(&sari, haproxy.base(), "sari").await;
    signs_in(&budi, haproxy.base(), "budi").await;
    let said: Vec<_> = (1..=6).map(|n| format!("kalimat {n}")).collect();
    for (n, text) in said.iter().enumerate() {
        if n == 3 {
            cluster.instances[0].kill();
        }
        sari.enter("#text", text).await;
    }
    for page in [&sari, &budi] {
        page.shows(TEXT, "kalimat 6").await;
        assert_eq!(page.texts(TEXT).await, said);
    }
}

#[tokio::test]
async fn announced_restart_shows_no_status_line() {
    let listen = format!("127.0.0.1:{}", free_port());
    let mut cluster = Cluster::builder(Engine::Redis).set("RUANG_LISTEN", &listen).start().await;
    let sari = Browser::start("id").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    let watch = "window.banners = 0; new MutationObserver(() => window.banners += !document.querySelector('#status').hidden) \
        .observe(document.querySelector('#status'), { attributes: true }); window.left = 0; \
        new MutationObserver(() => window.left += document.body.dataset.connection !== 'online') \
        .observe(document.body, { attributes: true })";
    sari.script(watch, vec![]).await;
    cluster.instances[0].terminate();
    cluster.instances[0].wait_for_exit(Duration::from_secs(30)).await;
    cluster.add().await;
    sari.comes_to(CONNECTION, "online").await;
    sari.enter("#text", "masih di sini").await;
    sari.shows(TEXT, "masih di sini").await;
    assert_ne!(sari.script("return left", vec![]).await, 0, "its instance was restarted");
    assert_eq!(sari.script("return banners", vec![]).await, 0, "and the page did not mention it");
}

#[tokio::test]
async fn new_version_is_offered_and_keeps_the_draft() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    sari.script(FORMER, vec![]).await;
    sari.types("#text", "belum selesai").await;
    network.cut(Target::All);
    sari.comes_to(CONNECTION, "waiting").await;
    network.heal();
    sari.shows("#status-text", "Ada versi baru halaman ini.").await;
    sari.click("#status-action").await;
    sari.comes_to(CONNECTION, "online").await;
    sari.comes_to("return document.querySelector('#text').value", "belum selesai").await;
    assert_eq!(sari.script("return document.querySelector('#status').hidden", vec![]).await, true);
}

#[tokio::test]
async fn new_version_reloads_the_page_of_a_developer() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    sari.script("location.hash = 'live'; document.title = 'lama';", vec![]).await;
    sari.script(FORMER, vec![]).await;
    sari.types("#text", "belum selesai").await;
    network.cut(Target::All);
    sari.comes_to(CONNECTION, "waiting").await;
    network.heal();
    sari.comes_to("return document.title === 'lama'", false).await;
    sari.comes_to(CONNECTION, "online").await;
    sari.comes_to("return document.querySelector('#text').value", "belum selesai").await;
}

#[tokio::test]
async fn sign_out_in_one_tab_ends_the_others() {
    let (cluster, sari) = sari_alone().await;
    let first = sari.opens_tab(&format!("{}/chat", cluster.base(0))).await;
    sari.comes_to(CONNECTION, "online").await;
    sari.click("#sign-out button").await;
    sari.is_at("/").await;
    sari.goes_to(first).await;
    sari.is_at("/").await;
}

#[tokio::test]
async fn history_back_returns_to_a_live_page() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    sari.open(&format!("{}/tidak-ada", cluster.base(0))).await;
    budi.send_acked("selagi pergi").await;
    sari.back().await;
    sari.shows(TEXT, "selagi pergi").await;
    budi.send_acked("sesudah kembali").await;
    sari.shows(TEXT, "sesudah kembali").await;
}

#[tokio::test]
async fn part_that_could_not_be_loaded_offline_is_loaded_later() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    let _budi = cluster.join(0, "budi").await;
    sari.shows("#members", "budi").await;
    network.cut(Target::All);
    sari.comes_to(CONNECTION, "waiting").await;
    // A script has no pointer, whose movement would load the menus before.
    let open = "document.querySelector(\"#members [data-name='budi']\").click(); document.querySelector('#preferences').open = true";
    sari.script(open, vec![]).await;
    sari.types("#text", "@bu").await;
    sari.shows("#status-text", "Sambungan ke ruang obrolan terputus.").await;
    assert_eq!(sari.count(".menu").await, 0);
    network.heal();
    sari.comes_to(CONNECTION, "online").await;
    assert_eq!(sari.script("return document.querySelector('#fault').hidden", vec![]).await, true);
    sari.types("#text", "d").await;
    let completes = "const box = document.querySelector('#text'); box.dispatchEvent(new KeyboardEvent('keydown', \
        { key: 'Tab', bubbles: true, cancelable: true })); return box.value";
    sari.comes_to(completes, "@budi ").await;
    sari.script(open, vec![]).await;
    sari.shows(".menu .item", "Bisukan untuk saya").await;
}
