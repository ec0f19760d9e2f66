//! Writing: a message is shown at once, sent once, and never lost.

use fantoccini::key::Key;

use super::{CONNECTION, TEXT, alone, network, sari_alone, signs_in};
use crate::kit::{Browser, SOON, eventually, proxy::Target};

const PENDING: &str = "#outbox .pending .text";
const BOX: &str = "return document.querySelector('#text').value";
/// Loses every sent frame until the page is reloaded.
const LOSE: &str = "WebSocket.prototype.send = () => {}";

#[tokio::test]
async fn sent_message_is_shown_at_once_and_its_delay_if_any() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    network.stall(Target::All);
    sari.enter("#text", "lambat").await;
    assert_eq!(sari.texts(PENDING).await, ["lambat"]);
    assert_eq!(sari.count("#outbox .delivery").await, 0, "no delay is shown yet");
    assert_eq!(sari.script("return document.activeElement.id", vec![]).await, "text", "the box keeps the focus");
    sari.shows("#outbox .delivery", "Mengirim…").await;
    network.heal();
    sari.shows(TEXT, "lambat").await;
    sari.comes_to("return document.querySelectorAll('#outbox li').length", 0).await;
}

#[tokio::test]
async fn outbox_after_a_reload_is_sent_once_and_in_order() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    sari.script(LOSE, vec![]).await;
    for text in ["satu", "dua", "tiga"] {
        sari.enter("#text", text).await;
    }
    assert_eq!(sari.texts(PENDING).await, ["satu", "dua", "tiga"]);
    sari.reload().await;
    sari.shows(TEXT, "tiga").await;
    budi.wait_for_text("sari", "tiga").await;
    assert_eq!(sari.texts(TEXT).await, ["satu", "dua", "tiga"]);
    assert_eq!(budi.catch_up().await.texts(), ["satu", "dua", "tiga"]);
}

#[tokio::test]
async fn outbox_of_a_closed_tab_is_sent_by_another() {
    let (cluster, sari) = sari_alone().await;
    let first = sari.opens_tab(&format!("{}/chat", cluster.base(0))).await;
    sari.comes_to(CONNECTION, "online").await;
    sari.script(LOSE, vec![]).await;
    sari.enter("#text", "tertinggal").await;
    sari.shows(PENDING, "tertinggal").await;
    sari.closes_tab(first).await;
    sari.reload().await;
    sari.shows(TEXT, "tertinggal").await;
    assert_eq!(sari.texts(TEXT).await, ["tertinggal"]);
}

#[tokio::test]
async fn message_possibly_sent_long_ago_asks_first() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    let leave = "const old = (nonce) => ({ nonce, text: nonce, state: 'waiting', saidAt: Date.now() - 6e5, sentAt: Date.now() - 6e5 }); \
        localStorage.setItem('ruang.outbox/sari/gone', JSON.stringify([old('lagi'), old('buang')]))";
    sari.script(leave, vec![]).await;
    sari.reload().await;
    sari.shows("#outbox .delivery", "Mungkin sudah, mungkin belum terkirim.").await;
    sari.is_accessible("an outbox that asks").await;
    sari.click("#outbox li:last-child .link:last-child").await;
    assert_eq!(sari.texts(PENDING).await, ["lagi"]);
    assert_eq!(budi.catch_up().await.texts(), [""; 0], "the page asks before it sends");
    sari.click("#outbox .link").await;
    sari.shows(TEXT, "lagi").await;
    budi.wait_for_text("sari", "lagi").await;
}

#[tokio::test]
async fn draft_survives_a_reload_and_shift_enter_adds_a_line() {
    let (_cluster, sari) = sari_alone().await;
    let [shift, enter] = [Key::Shift, Key::Enter].map(char::from);
    sari.types("#text", &format!("satu{shift}{enter}")).await;
    sari.types("#text", "dua").await;
    sari.reload().await;
    sari.comes_to(BOX, "satu\ndua").await;
    sari.presses(&enter.to_string()).await;
    sari.shows(TEXT, "satu\ndua").await;
    assert_eq!(sari.script(BOX, vec![]).await, "");
}

#[tokio::test]
async fn enter_of_an_input_method_does_not_send() {
    let (_cluster, sari) = sari_alone().await;
    sari.types("#text", "ni").await;
    let press = "document.querySelector('#text').dispatchEvent(new KeyboardEvent('keydown', \
        { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))";
    sari.script(press, vec![]).await;
    assert_eq!(sari.script(BOX, vec![]).await, "ni");
    assert_eq!(sari.count("#outbox li").await + sari.count(TEXT).await, 0);
}

#[tokio::test]
async fn enter_on_a_phone_adds_a_line_and_the_button_sends() {
    let cluster = alone().await;
    let sari = Browser::start("id").await;
    sari.screen(360, 640, true).await;
    signs_in(&sari, cluster.base(0), "sari").await;
    sari.enter("#text", "satu").await;
    sari.types("#text", "dua").await;
    assert_eq!(sari.script(BOX, vec![]).await, "satu\ndua");
    sari.click("#send").await;
    sari.shows(TEXT, "satu\ndua").await;
}

#[tokio::test]
async fn text_too_long_is_counted_kept_and_not_sent() {
    let (_cluster, sari) = sari_alone().await;
    let paste = "const box = document.querySelector('#text'); box.value = 'x'.repeat(arguments[0]); \
        box.dispatchEvent(new InputEvent('input', { bubbles: true }))";
    let state = "return [document.querySelector('#counter').textContent, document.querySelector('#send').disabled]";
    for (length, counter, disabled) in [
        (1799, "", false),
        (1800, "Sisa 200 karakter", false),
        (2000, "Sisa 0 karakter", false),
        (2001, "Kelebihan 1 karakter, belum bisa dikirim", true),
        (200_000, "Kelebihan 198.000 karakter, belum bisa dikirim", true),
    ] {
        sari.script(paste, vec![length.into()]).await;
        sari.comes_to(state, vec![serde_json::Value::from(counter), disabled.into()]).await;
    }
    sari.presses(&char::from(Key::Enter).to_string()).await;
    assert_eq!(sari.count("#outbox li").await + sari.count(TEXT).await, 0);
    assert_eq!(sari.script("return document.querySelector('#text').value.length", vec![]).await, 200_000);
    sari.is_accessible("a text too long").await;
}

#[tokio::test]
async fn completion_can_be_undone() {
    let (cluster, sari) = sari_alone().await;
    let _budi = cluster.join(0, "Budi Santoso").await;
    sari.shows("#members", "Budi Santoso").await;
    let [tab, control, release] = [Key::Tab, Key::Control, Key::Null].map(char::from);
    sari.types("#text", &format!("halo @bu{tab}")).await;
    sari.comes_to(BOX, "halo @Budi Santoso ").await;
    sari.presses(&format!("{control}z{release}")).await;
    sari.comes_to(BOX, "halo @bu").await;
}

#[tokio::test]
async fn tab_after_a_completion_leaves_the_box() {
    let (cluster, sari) = sari_alone().await;
    let _budi = cluster.join(0, "budi").await;
    sari.shows("#members", "budi").await;
    let tab = char::from(Key::Tab);
    sari.types("#text", &format!("@bu{tab}")).await;
    sari.comes_to(BOX, "@budi ").await;
    sari.presses(&tab.to_string()).await;
    assert_eq!(sari.script("return document.activeElement.id", vec![]).await, "send");
}

#[tokio::test]
async fn pasted_image_and_dropped_file_are_answered() {
    let (_cluster, sari) = sari_alone().await;
    let transfer = "const data = new DataTransfer(); data.items.add(new File(['x'], 'foto.png', { type: 'image/png' })); \
        const event = arguments[0] === 'paste' \
            ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }) \
            : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }); \
        document.querySelector('#text-only').textContent = ''; \
        document.querySelector(arguments[1]).dispatchEvent(event); return event.defaultPrevented";
    for (event, target) in [("paste", "#text"), ("drop", "#text"), ("drop", "#timeline")] {
        assert_eq!(sari.script(transfer, vec![event.into(), target.into()]).await, true, "{event} on {target}");
        sari.shows("#text-only", "hanya menerima teks").await;
    }
    sari.is_accessible("a file was refused").await;
    let link = "const data = new DataTransfer(); data.setData('text/uri-list', 'https://contoh.id'); \
        const event = new DragEvent(arguments[0], { dataTransfer: data, bubbles: true, cancelable: true }); \
        document.querySelector(arguments[1]).dispatchEvent(event); return event.defaultPrevented";
    for (event, target, refused) in
        [("dragover", "#timeline", true), ("drop", "#timeline", true), ("drop", "#text", false)]
    {
        assert_eq!(sari.script(link, vec![event.into(), target.into()]).await, refused, "a link: {event} on {target}");
    }
}

#[tokio::test]
async fn several_messages_are_copied_as_lines_of_text() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked("lihat https://contoh.id/rute").await;
    budi.send_acked(&"baris\n".repeat(30)).await;
    sari.enter("#text", "baik").await;
    sari.shows(TEXT, "baik").await;
    let copy = "const texts = document.querySelectorAll('#timeline .text'); const range = document.createRange(); \
        range.setStart(texts[0].firstChild, arguments[0]); range.setEndAfter(texts[arguments[1]]); \
        getSelection().removeAllRanges(); getSelection().addRange(range); \
        const data = new DataTransfer(); \
        texts[0].dispatchEvent(new ClipboardEvent('copy', { clipboardData: data, bubbles: true, cancelable: true })); \
        return data.getData('text/plain')";
    let lines = format!("budi: https://contoh.id/rute\nbudi: {}\nsari: baik", ["baris"; 30].join("\n"));
    // Copying is loaded when the reader first points, types or focuses.
    eventually(SOON, "lines of text", async || {
        let copied = sari.script(copy, vec![6.into(), 2.into()]).await;
        if copied == lines { Ok(()) } else { Err(copied.to_string()) }
    })
    .await;
    assert_eq!(sari.script(copy, vec![0.into(), 0.into()]).await, "", "the browser copies a part of one message");
}

#[tokio::test]
async fn keyboard_of_a_phone_covers_neither_composer_nor_header() {
    let cluster = alone().await;
    let sari = Browser::start("id").await;
    sari.screen(390, 844, true).await;
    signs_in(&sari, cluster.base(0), "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    for n in 1..=30 {
        budi.send_acked(&format!("pesan {n}")).await;
    }
    sari.shows(TEXT, "pesan 30").await;
    let keyboard = "Object.defineProperties(visualViewport, \
        { height: { get: () => arguments[0], configurable: true }, offsetTop: { get: () => arguments[1], configurable: true } }); \
        visualViewport.dispatchEvent(new Event('resize'))";
    let bounds = "const rect = (css) => document.querySelector(css).getBoundingClientRect(); \
        return [rect('.bar').top, rect('#composer').bottom, rect('#timeline .message:last-child .bubble').bottom < rect('#composer').top]";
    for (height, top) in [(500, 0), (500, 120)] {
        sari.script(keyboard, vec![height.into(), top.into()]).await;
        sari.comes_to(bounds, serde_json::json!([top, top + height, true])).await;
    }
    sari.script(keyboard, vec![844.into(), 0.into()]).await;
    sari.comes_to(bounds, serde_json::json!([0, 844, true])).await;
    sari.screen(844, 390, true).await;
    sari.script(keyboard, vec![170.into(), 0.into()]).await;
    sari.comes_to(bounds, serde_json::json!([0, 170, true])).await;
    let height = "return document.querySelector('#scroll').clientHeight >= 64";
    sari.comes_to(height, true).await;
}
