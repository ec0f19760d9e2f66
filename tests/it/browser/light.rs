//! Size: bytes of the first load, rows in the page, memory.

use std::{env, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use super::{CONNECTION, ROW, TEXT, alone, sari_alone, signs_in};
use crate::kit::{Browser, WsClient};

/// Most bytes of the first visit, from the form to the room.
const FIRST_LOAD: u64 = 60_000;
/// Most rows of the timeline (`MAX_ROWS` in `static/timeline.js`).
const ROWS_KEPT: usize = 2000;

#[tokio::test]
async fn first_load_is_small_and_of_one_origin() {
    let cluster = alone().await;
    let mut budi = cluster.join(0, "budi").await;
    for n in 1..=50 {
        budi.send_acked(&format!("Pesan nomor {n}, kira-kira sepanjang yang biasa ditulis orang.")).await;
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
    assert!(all.len() > 20, "every file is counted: {all:?}");
    assert!(all.iter().all(|(name, _)| name.starts_with(cluster.base(0))), "{all:?}");
    page.reload().await;
    page.comes_to(CONNECTION, "online").await;
    let again = entries(&page, loaded).await;
    let fetched: Vec<_> = again.iter().filter(|(name, bytes)| name.contains("/static/") && *bytes > 0).collect();
    assert!(fetched.is_empty(), "a second visit takes files from the cache: {fetched:?}");
}

#[tokio::test]
async fn newest_messages_are_in_the_page_before_the_socket_opens() {
    let (cluster, sari) = sari_alone().await;
    cluster.join(0, "budi").await.send_acked("sudah di halaman").await;
    let html = "const done = arguments[0]; fetch('/chat').then(r => r.text()).then(done)";
    let page = sari.script_that_waits(html).await;
    assert!(page.as_str().expect("a page").contains("sudah di halaman"));
}

#[tokio::test]
async fn page_after_thousands_of_messages_has_at_most_300_rows() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    says(&mut budi, 1, 3000).await;
    sari.shows(TEXT, "pesan 3000").await;
    assert!(sari.count(ROW).await <= 300);
    assert_eq!(sari.texts(TEXT).await.last().map(String::as_str), Some("pesan 3000"));
}

/// Runs for `RUANG_SOAK_SECONDS` (default 15). The first measurement comes after the timeline is full.
#[tokio::test]
async fn fifty_messages_per_second_keep_frame_rate_and_memory() {
    #[expect(clippy::disallowed_methods, reason = "a test has no settings; the command sets this variable")]
    let set = env::var("RUANG_SOAK_SECONDS");
    let seconds = set.map_or(15, |set| set.parse().expect("seconds"));
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
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
    let mut ticks = interval(Duration::from_millis(100));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for n in 0..seconds * 10 {
        ticks.tick().await;
        says(budi, first + n * 5, 5).await;
    }
}

/// Sends numbered messages, the first with this number.
async fn says(budi: &mut WsClient, first: usize, many: usize) {
    for n in first..first + many {
        budi.send_text(&format!("pesan {n}")).await;
        if n % 100 == 0 {
            budi.catch_up().await;
        }
    }
}

async fn entries(page: &Browser, script: &str) -> Vec<(String, u64)> {
    serde_json::from_value(page.script(script, vec![]).await).expect("names and bytes")
}
