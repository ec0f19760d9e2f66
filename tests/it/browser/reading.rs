//! Reading: the form of messages, and a scroll position that stays put.

use serde_json::json;

use super::{TEXT, alone, network, sari_alone, signs_in};
use crate::kit::{Browser, WsClient, proxy::Target};

const ROWS: &str = "return document.querySelectorAll('#timeline > li').length";
const STUCK: &str = "const { scrollHeight, scrollTop, clientHeight } = document.querySelector('#scroll'); \
    return scrollHeight - scrollTop - clientHeight < 2";
const TO_TOP: &str = "document.querySelector('#scroll').scrollTop = 0";
const UP_A_BIT: &str = "document.querySelector('#scroll').scrollTop -= 400";

#[tokio::test]
async fn links_mentions_and_emoji_are_marked_up() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    for text in [
        "lihat https://contoh.id/a?b=c.",
        "@sari halo, @sarinah juga",
        "🎉",
        "مرحبا بالعالم sari",
        "javascript:alert(1)",
    ] {
        budi.send_acked(text).await;
    }
    sari.shows(TEXT, "javascript").await;
    let link = "const a = document.querySelectorAll('#timeline a'); \
        return [a.length, a[0].href, a[0].target, a[0].relList.contains('noopener'), a[0].textContent]";
    let wanted = serde_json::json!([1, "https://contoh.id/a?b=c", "_blank", true, "https://contoh.id/a?b=c"]);
    assert_eq!(sari.script(link, vec![]).await, wanted);
    assert_eq!(sari.texts("#timeline mark").await, ["@sari"]);
    assert_eq!(sari.texts("#timeline .emoji-only .text").await, ["🎉"]);
    let directions =
        "return Array.from(document.querySelectorAll('#timeline .text'), e => getComputedStyle(e).direction)";
    assert_eq!(sari.script(directions, vec![]).await, serde_json::json!(["ltr", "ltr", "ltr", "rtl", "ltr"]));
    sari.is_accessible("a conversation with everything in it").await;
}

#[tokio::test]
async fn group_shows_its_name_once_and_each_message_its_time() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    for text in ["satu", "dua", "tiga"] {
        budi.send_acked(text).await;
    }
    sari.shows(TEXT, "tiga").await;
    assert_eq!(sari.count("#timeline .grouped").await, 2);
    assert_eq!(sari.texts("#timeline .day").await, ["Hari ini"]);
    let times = "return Array.from(document.querySelectorAll('#timeline time'), t => \
        /^\\d\\d\\.\\d\\d$/.test(t.textContent) && t.title.length > 15)";
    assert_eq!(sari.script(times, vec![]).await, serde_json::json!([true, true, true]));
    sari.reload().await;
    sari.comes_to(times, serde_json::json!([true, true, true])).await;
    assert_eq!(sari.count("#timeline .grouped").await, 2);
    assert_eq!(sari.texts("#timeline .day").await, ["Hari ini"]);
}

#[tokio::test]
async fn long_text_is_folded_until_opened() {
    let (cluster, sari) = sari_alone().await;
    cluster.join(0, "budi").await.send_acked(&"baris\n".repeat(60)).await;
    sari.shows(TEXT, "baris").await;
    let height = "return document.querySelector('#timeline .text').clientHeight > 1000";
    assert_eq!(sari.script(height, vec![]).await, false);
    sari.click("#timeline .fold").await;
    assert_eq!(sari.script(height, vec![]).await, true);
    assert_eq!(sari.texts("#timeline .fold").await, ["Ringkas"]);
}

#[tokio::test]
async fn reader_at_the_end_stays_there_when_sizes_change() {
    let (cluster, sari) = sari_alone().await;
    let _budi = filled(&cluster, &sari, 60).await;
    let grow = "const box = document.querySelector('#text'); box.value = 'baris\\n'.repeat(arguments[0]); \
        box.dispatchEvent(new InputEvent('input', { bubbles: true }))";
    for lines in [9, 1, 12] {
        sari.script(grow, vec![lines.into()]).await;
        sari.comes_to(STUCK, true).await;
    }
    // Several changes within a frame, which end at the former height.
    for lines in [[9, 1, 12], [9, 1, 4], [1, 1, 6], [6, 6, 6]] {
        sari.script(
            &format!(
                "for (const lines of arguments[0]) {{ {} }}",
                grow.replace("arguments[0]", "lines").replace("const box", "var box")
            ),
            vec![json!(lines)],
        )
        .await;
        frames(&sari, 3).await;
        assert_eq!(sari.script(STUCK, vec![]).await, true, "after {lines:?} lines");
    }
    for (width, height) in [(600, 500), (1100, 900), (320, 480)] {
        sari.screen(width, height, false).await;
        sari.comes_to(STUCK, true).await;
    }
    assert_eq!(sari.script("return document.querySelector('#jump').hidden", vec![]).await, true);
}

#[tokio::test]
async fn reader_above_sees_the_unread_count_and_can_jump_to_it() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = filled(&cluster, &sari, 60).await;
    sari.comes_to(STUCK, true).await;
    sari.script(UP_A_BIT, vec![]).await;
    sari.comes_to("return document.querySelector('#jump').hidden", false).await;
    let place = "return document.querySelector('#scroll').scrollTop";
    let before = sari.script(place, vec![]).await;
    let citra = cluster.join(0, "citra").await;
    budi.send_acked("baru satu").await;
    budi.send_acked("baru dua").await;
    drop(citra);
    sari.shows("#jump", "2 pesan baru").await;
    assert_eq!(sari.script(place, vec![]).await, before, "the position did not change");
    sari.comes_to("return document.title", "(2) Ruang utama · ruang").await;
    let unread = "return document.querySelector('#timeline .unread')?.parentElement.querySelector('.text').textContent";
    assert_eq!(sari.script(unread, vec![]).await, "baru satu");
    sari.click("#jump").await;
    sari.comes_to(STUCK, true).await;
    sari.comes_to("return document.title", "Ruang utama · ruang").await;
    assert_eq!(sari.script(unread, vec![]).await, "baru satu", "the line stays where reading continues");
    sari.enter("#text", "sudah kubaca").await;
    sari.comes_to("return document.querySelectorAll('#timeline .unread').length", 0).await;
}

#[tokio::test]
async fn hidden_page_counts_unread_messages_in_its_title() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked("pertama").await;
    sari.shows(TEXT, "pertama").await;
    sari.script("document.hasFocus = () => false; dispatchEvent(new Event('blur'))", vec![]).await;
    budi.send_acked("kedua").await;
    budi.send_acked("ketiga").await;
    sari.comes_to("return document.title", "(2) Ruang utama · ruang").await;
    sari.script("delete document.hasFocus; dispatchEvent(new Event('focus'))", vec![]).await;
    sari.comes_to("return document.title", "Ruang utama · ruang").await;
    sari.shows("#timeline .unread", "Belum dibaca").await;
}

#[tokio::test]
async fn visit_continues_where_the_last_one_ended() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = filled(&cluster, &sari, 3).await;
    sari.open("about:blank").await;
    budi.send_acked("selagi pergi").await;
    sari.open(&format!("{}/chat", cluster.base(0))).await;
    sari.shows("#timeline .unread", "Belum dibaca").await;
    let marked = "return document.querySelector('#timeline .unread').parentElement.querySelector('.text').textContent";
    assert_eq!(sari.script(marked, vec![]).await, "selagi pergi");
}

#[tokio::test]
async fn older_messages_load_on_scroll_without_a_jump() {
    let cluster = alone().await;
    let mut budi = cluster.join(0, "budi").await;
    say_many(&mut budi, 1..=700).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    sari.shows(TEXT, "pesan 700").await;
    for _ in 0..6 {
        // A visible row must not move while rows are inserted above it.
        let step = "const box = document.querySelector('#scroll'), done = arguments[0]; box.scrollTop = 100; \
            const row = Array.from(box.querySelectorAll('#timeline > li')).find(li => li.offsetTop > 100).querySelector('.bubble'); \
            const top = row.getBoundingClientRect().top, first = box.querySelector('#timeline > li'); \
            const wait = () => box.querySelector('#timeline > li') !== first \
                ? done(Math.abs(row.getBoundingClientRect().top - top)) : requestAnimationFrame(wait); wait()";
        let moved = sari.script_that_waits(step).await;
        assert!(moved.as_f64().expect("pixels") < 2.0, "the row moved by {moved}");
        let rows = sari.script(ROWS, vec![]).await;
        assert!(rows.as_u64().expect("a number") <= 300, "{rows} rows in the page");
        if sari.texts(TEXT).await.first().is_some_and(|text| text == "pesan 1") {
            break;
        }
    }
    sari.script(TO_TOP, vec![]).await;
    sari.shows(TEXT, "pesan 1").await;
    sari.click("#jump").await;
    sari.shows(TEXT, "pesan 700").await;
    sari.comes_to(STUCK, true).await;
    budi.send_acked("terbaru").await;
    sari.shows(TEXT, "terbaru").await;
    sari.comes_to(STUCK, true).await;
}

#[tokio::test]
async fn large_gap_is_a_row_that_loads_it() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked("sebelum").await;
    sari.shows(TEXT, "sebelum").await;
    network.cut(Target::All);
    say_many(&mut budi, 1..=520).await;
    network.heal();
    sari.shows("#timeline .gap", "470 pesan terlewat.").await;
    sari.is_accessible("a gap").await;
    sari.script("document.querySelector('#timeline .gap').scrollIntoView()", vec![]).await;
    sari.click("#timeline .gap button").await;
    sari.shows("#timeline .gap", "Sebagian pesan terlewat.").await;
    sari.shows(TEXT, "pesan 371").await;
}

/// Waits until the browser has drawn this many frames.
async fn frames(page: &Browser, count: usize) {
    let count_down = format!(
        "window.drawn = {count}; (function next() {{ requestAnimationFrame(() => (window.drawn -= 1) && next()) }})()"
    );
    page.script(&count_down, vec![]).await;
    page.comes_to("return window.drawn", 0).await;
}

/// Sends numbered messages as budi and waits until sari's page shows the last.
async fn filled(cluster: &crate::kit::Cluster, sari: &Browser, count: usize) -> WsClient {
    let mut budi = cluster.join(0, "budi").await;
    say_many(&mut budi, 1..=count).await;
    sari.shows(TEXT, &format!("pesan {count}")).await;
    budi
}

async fn say_many(client: &mut WsClient, numbers: std::ops::RangeInclusive<usize>) {
    let last = *numbers.end();
    for n in numbers {
        client.send_text(&format!("pesan {n}")).await;
    }
    client
        .expect("all are stored", |transcript| {
            transcript.texts().last().is_some_and(|text| *text == format!("pesan {last}"))
        })
        .await;
}
