//! Light: few bytes, nobody else's, and no growth.

use std::{env, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use super::{CONNECTION, ROW, TEXT, alone, sari_alone, signs_in};
use crate::kit::{Browser, WsClient};

/// What the first visit may cost, from the form to the room.
const FIRST_LOAD: u64 = 60_000;
/// Rows that the page keeps (`static/timeline.js`).
const ROWS_KEPT: usize = 2000;

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
    says(&mut budi, 1, 3000).await;
    sari.shows(TEXT, "pesan 3000").await;
    assert!(sari.count(ROW).await <= 300);
    assert_eq!(sari.texts(TEXT).await.last().map(String::as_str), Some("pesan 3000"));
}

/// For as many seconds as `RUANG_SOAK_SECONDS` says (15): what is measured first is past the page's first growth.
#[tokio::test]
async fn fifty_messages_a_second_are_shown_smoothly_in_no_more_memory() {
    #[expect(clippy::disallowed_methods, reason = "a setting of the test, not of the program")]
    let set = env::var("RUANG_SOAK_SECONDS");
    let seconds = set.map_or(15, |set| set.parse().expect("seconds"));
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.guest(0, "budi").await;
    let frames = "window.frames = []; let count = 0, since = performance.now(); requestAnimationFrame(function frame(now) { \
        count += 1; if (now - since >= 1000) { frames.push(count * 1000 / (now - since)); count = 0; since = now; } \
        requestAnimationFrame(frame); })";
    says(&mut budi, 1, ROWS_KEPT + 100).await;
    sari.shows(TEXT, &format!("pesan {}", ROWS_KEPT + 100)).await;
    let before = sari.heap_bytes().await;
    sari.script(frames, vec![]).await;
    fifty_a_second(&mut budi, ROWS_KEPT + 101, seconds).await;
    let slowest = sari.script("return Math.min(...frames)", vec![]).await.as_f64().expect("frames a second");
    sari.shows(TEXT, &format!("pesan {}", ROWS_KEPT + 100 + seconds * 50)).await;
    let after = sari.heap_bytes().await;
    println!("slowest second: {slowest:.0} frames; memory before and after: {before:.0}, {after:.0} bytes");
    assert!(slowest >= 30.0, "{slowest} frames in the slowest second");
    assert!(after < before * 1.25 + 1e6, "{before} bytes became {after}");
}

async fn fifty_a_second(budi: &mut WsClient, first: usize, seconds: usize) {
    let mut turns = interval(Duration::from_millis(100));
    turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for n in 0..seconds * 10 {
        turns.tick().await;
        says(budi, first + n * 5, 5).await;
    }
}

/// So many numbered messages, the first of them with this number.
async fn says(budi: &mut WsClient, first: usize, many: usize) {
    for n in first..first + many {
        budi.say(&format!("pesan {n}")).await;
        if n % 100 == 0 {
            budi.catch_up().await;
        }
    }
}

async fn entries(page: &Browser, script: &str) -> Vec<(String, u64)> {
    serde_json::from_value(page.script(script, vec![]).await).expect("names and bytes")
}
