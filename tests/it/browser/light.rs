//! Light: few bytes, nobody else's, and no growth.

use super::{CONNECTION, ROW, TEXT, alone, sari_alone, signs_in};
use crate::kit::Browser;

/// What the first visit may cost, from the form to the room.
const FIRST_LOAD: u64 = 60_000;

#[tokio::test]
async fn the_first_load_is_small_and_comes_from_one_place() {
    let cluster = alone().await;
    let mut budi = cluster.guest(0, "budi").await;
    for n in 1..=50 {
        budi.say_kept(&format!("Pesan nomor {n}, kira-kira sepanjang yang biasa ditulis orang.")).await;
    }
    let page = Browser::start("id").await;
    page.open(cluster.base(0)).await;
    let loaded = "return performance.getEntries().filter(e => e.transferSize !== undefined) \
        .map(e => [e.name, e.transferSize])";
    let mut all = entries(&page, loaded).await;
    signs_in(&page, cluster.base(0), "sari").await;
    page.comes_to(CONNECTION, "online").await;
    all.extend(entries(&page, loaded).await);
    let bytes: u64 = all.iter().map(|(_, bytes)| bytes).sum();
    assert!(bytes < FIRST_LOAD, "{bytes} bytes: {all:#?}");
    assert!(all.len() > 20, "all is counted: {all:?}");
    assert!(all.iter().all(|(name, _)| name.starts_with(cluster.base(0))), "{all:?}");
    page.reload().await;
    page.comes_to(CONNECTION, "online").await;
    let again = entries(&page, loaded).await;
    let fetched: Vec<_> = again.iter().filter(|(name, bytes)| name.contains("/static/") && *bytes > 0).collect();
    assert!(fetched.is_empty(), "a second visit fetches nothing that it has: {fetched:?}");
}

#[tokio::test]
async fn the_newest_messages_are_there_before_the_socket_is() {
    let (cluster, sari) = sari_alone().await;
    cluster.guest(0, "budi").await.say_kept("sudah di halaman").await;
    let html = "const done = arguments[0]; fetch('/chat').then(r => r.text()).then(done)";
    let page = sari.script_that_waits(html).await;
    assert!(page.as_str().expect("a page").contains("sudah di halaman"));
}

#[tokio::test]
async fn thousands_of_messages_leave_some_hundreds_in_the_page() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.guest(0, "budi").await;
    for n in 1..=3000 {
        budi.say(&format!("pesan {n}")).await;
        if n % 100 == 0 {
            budi.catch_up().await;
        }
    }
    sari.shows(TEXT, "pesan 3000").await;
    assert!(sari.count(ROW).await <= 300);
    assert_eq!(sari.texts(TEXT).await.last().map(String::as_str), Some("pesan 3000"));
}

async fn entries(page: &Browser, script: &str) -> Vec<(String, u64)> {
    serde_json::from_value(page.script(script, vec![]).await).expect("names and bytes")
}
