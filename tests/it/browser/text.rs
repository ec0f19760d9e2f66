//! Texts that try to look like something else, and texts of several scripts.

use serde_json::json;

use super::{TEXT, sari_alone};

#[tokio::test]
async fn link_with_bidi_controls_shows_the_host_that_opens() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked("\u{200f}https://evil.example/\u{202e}?nigol/elpmaxe.knab//:sptth").await;
    budi.send_acked("https://аррӏе.com/masuk").await;
    sari.shows(TEXT, "xn--").await;
    let shown = "return Array.from(document.querySelectorAll('#timeline a'), a => [a.textContent, a.href])";
    let expected = json!([
        ["https://evil.example/", "https://evil.example/"],
        ["https://xn--80ak6aa92e.com/masuk", "https://xn--80ak6aa92e.com/masuk"],
    ]);
    assert_eq!(sari.script(shown, vec![]).await, expected);
    let isolated = "const link = document.querySelector('#timeline a'), style = getComputedStyle(link), range = document.createRange(); \
        const left = (index) => { range.setStart(link.firstChild, index); range.setEnd(link.firstChild, index + 1); \
            return range.getBoundingClientRect().left }; \
        return [style.direction, style.unicodeBidi, left(0) < left(10)]";
    assert_eq!(sari.script(isolated, vec![]).await, json!(["ltr", "isolate", true]));
}

#[tokio::test]
async fn each_line_of_a_text_has_its_own_direction() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked("baris pertama yang cukup panjang\nمرحبا\nakhir").await;
    budi.send_acked(&format!("baris pertama\nمرحبا\n{}akhir", "panjang\n".repeat(20))).await;
    sari.comes_to("return document.querySelectorAll('#timeline .text').length", 2).await;
    let edges = "const text = document.querySelectorAll('#timeline .text')[arguments[0]], node = text.firstChild, box = text.getBoundingClientRect(); \
        return node.data.split('\\n').map((line) => { const range = document.createRange(), start = node.data.indexOf(line); \
            range.setStart(node, start); range.setEnd(node, start + line.length); const rect = range.getBoundingClientRect(); \
            return [rect.left - box.left < 2, box.right - rect.right < 2] })";
    assert_eq!(sari.script(edges, vec![0.into()]).await, json!([[true, true], [false, true], [true, false]]));
    assert_eq!(sari.script(edges, vec![1.into()]).await[1], json!([false, true]), "in a text that is folded");
}

#[tokio::test]
async fn stacked_marks_do_not_leave_their_bubble() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked(&format!("a{}", "\u{0317}\u{0310}".repeat(100))).await;
    sari.shows(TEXT, "a").await;
    let clipped = "return getComputedStyle(document.querySelector('#timeline .bubble')).overflow";
    assert_eq!(sari.script(clipped, vec![]).await, "clip");
}

#[tokio::test]
async fn names_and_times_are_not_translated() {
    let (cluster, sari) = sari_alone().await;
    cluster.join(0, "budi").await.send_acked("@sari lihat www.contoh.id").await;
    sari.shows(TEXT, "contoh").await;
    sari.enter("#text", "ya").await;
    sari.shows("#timeline .own .text", "ya").await;
    let translated = "const parts = document.querySelectorAll('.from, time, .avatar, #you, #members bdi, #members .more, \
            .presence-notice bdi, mark, .text a'); \
        return [parts.length > 10, Array.from(parts).filter(part => part.translate).map(part => part.outerHTML)]";
    assert_eq!(sari.script(translated, vec![]).await, json!([true, []]));
    sari.reload().await;
    sari.shows("#members", "sari").await;
    assert_eq!(sari.script(translated, vec![]).await[1], json!([]));
}
