//! Replies, edits and deletions in the page.

use fantoccini::key::Key;
use serde_json::json;

use super::{CONNECTION, TEXT, alone, chooses, network, pictures, sari_alone, signs_in};
use crate::kit::{Browser, Cluster, WsClient, proxy::Target};

const BOX: &str = "return document.querySelector('#text').value";
const TEXTS: &str = "return Array.from(document.querySelectorAll('#timeline .text'), text => text.textContent)";
const QUOTES: &str = "return Array.from(document.querySelectorAll('.quote'), quote => quote.textContent)";
const DELETED: &str = "Pesan ini dihapus.";
/// The menus and the mode of the composer are loaded at the first sign of a reader, and work without a connection from then on.
const HAS_MENUS: &str = "const loaded = performance.getEntries().map(({ name }) => name.split('/').pop()); \
    return ['actions', 'answering', 'copying', 'menu', 'menus', 'row_menu', 'style', 'toast'].every(name => loaded.includes(name + '.js'))";

#[tokio::test]
async fn answer_quotes_its_origin_and_follows_its_changes() {
    let (cluster, sari, mut budi) = conversation().await;
    act(&sari, "#timeline .message:not(.own)", "Balas").await;
    sari.shows("#context-text", "Balas budi dari budi").await;
    sari.is_accessible("an answer is written").await;
    pictures(&sari, "answering").await;
    sari.presses(&char::from(Key::Escape).to_string()).await;
    sari.comes_to("return document.querySelector('#context').hidden", true).await;
    act(&sari, "#timeline .message:not(.own)", "Balas").await;
    sari.enter("#text", "jawaban").await;
    sari.comes_to(QUOTES, json!(["budi dari budi"])).await;
    let answer = budi.wait_for_text("sari", "jawaban").await;
    assert!(answer.frames.iter().any(|frame| frame["reply_to"].is_string()), "it is an answer on the wire");
    sari.is_accessible("an answer").await;
    let first = answer.ids()[0].to_owned();
    budi.send(json!({"type": "edit", "nonce": "e1", "id": first, "text": "dari budi!"})).await;
    sari.comes_to(QUOTES, json!(["budi dari budi!"])).await;
    sari.shows("#timeline .edited", "diperbaiki").await;
    assert_eq!(
        sari.script("return document.querySelector('#announcer').textContent.includes('!')", vec![]).await,
        false
    );
    sari.reload().await;
    sari.comes_to(QUOTES, json!(["budi dari budi!"])).await;
    sari.shows("#timeline .edited", "diperbaiki").await;
    budi.send(json!({"type": "delete", "nonce": "d1", "id": first})).await;
    sari.comes_to(QUOTES, json!(["budi dihapus"])).await;
    drop(cluster);
}

#[tokio::test]
async fn answer_to_oneself_counts_as_a_mention() {
    let (_cluster, sari, mut budi) = conversation().await;
    let id = sari.script("return document.querySelector('#timeline .own').dataset.id", vec![]).await;
    budi.send(json!({"type": "message", "nonce": "r1", "text": "ya", "reply_to": id})).await;
    sari.shows("#timeline .to-you .text", "ya").await;
}

#[tokio::test]
async fn quote_leads_to_a_message_that_is_not_loaded() {
    let (cluster, sari, mut budi) = conversation().await;
    let first = sari.script("return document.querySelector('#timeline .message').dataset.id", vec![]).await;
    for n in 1..=220 {
        budi.send_text(&format!("pesan {n}")).await;
    }
    budi.catch_up().await;
    budi.send(json!({"type": "message", "nonce": "r1", "text": "jawaban", "reply_to": first})).await;
    budi.catch_up().await;
    sari.reload().await;
    sari.comes_to(QUOTES, json!(["budi dari budi"])).await;
    sari.types(".quote", &char::from(Key::Enter).to_string()).await;
    let focused = "return document.activeElement.querySelector('.text')?.textContent";
    sari.comes_to(focused, "dari budi").await;
    sari.shows("#timeline .gap", "terlewat").await;
    sari.is_accessible("a message was jumped to").await;
    drop(cluster);
}

#[tokio::test]
async fn up_edits_the_last_message_and_escape_brings_the_draft_back() {
    let (_cluster, sari, mut budi) = conversation().await;
    let [up, escape] = [Key::Up, Key::Escape].map(char::from);
    sari.script("document.querySelector('#text').focus()", vec![]).await;
    sari.presses(&up.to_string()).await;
    sari.comes_to(BOX, "dari sari").await;
    sari.is_accessible("a message is edited").await;
    pictures(&sari, "editing").await;
    sari.presses(&format!(" dibatalkan{escape}")).await;
    sari.comes_to(BOX, "").await;
    sari.presses(&up.to_string()).await;
    sari.comes_to(BOX, "dari sari").await;
    sari.enter("#text", " juga").await;
    sari.shows(TEXT, "dari sari juga").await;
    sari.shows("#timeline .own .edited", "diperbaiki").await;
    budi.expect("the edit", |transcript| transcript.frames.iter().any(|frame| frame["type"] == "edited")).await;
    sari.types("#text", "draf").await;
    act(&sari, "#timeline .own", "Perbaiki").await;
    sari.comes_to(BOX, "dari sari juga").await;
    sari.presses(&escape.to_string()).await;
    sari.comes_to(BOX, "draf").await;
}

#[tokio::test]
async fn reload_goes_on_with_a_correction_and_with_an_answer() {
    let (_cluster, sari, mut budi) = conversation().await;
    let [enter, escape] = [Key::Enter, Key::Escape].map(char::from);
    sari.types("#text", "draf").await;
    act(&sari, "#timeline .own", "Perbaiki").await;
    sari.comes_to(BOX, "dari sari").await;
    sari.presses(" juga").await;
    sari.reload().await;
    sari.shows("#context-text", "Perbaiki pesan Anda").await;
    sari.comes_to(BOX, "dari sari juga").await;
    sari.types("#text", &enter.to_string()).await;
    sari.comes_to(TEXTS, json!(["dari budi", "dari sari juga"])).await;
    sari.comes_to(BOX, "draf").await;
    act(&sari, "#timeline .message:not(.own)", "Balas").await;
    sari.reload().await;
    sari.shows("#context-text", "Balas budi dari budi").await;
    sari.comes_to(BOX, "draf").await;
    sari.types("#text", &enter.to_string()).await;
    budi.wait_for_text("sari", "draf").await;
    sari.comes_to(QUOTES, json!(["budi dari budi"])).await;
    // A mode that was cancelled or used does not come back.
    act(&sari, "#timeline .own", "Perbaiki").await;
    sari.presses(&escape.to_string()).await;
    sari.reload().await;
    sari.comes_to(CONNECTION, "online").await;
    sari.comes_to(
        "return [document.querySelector('#context').hidden, document.querySelector('#text').value]",
        json!([true, ""]),
    )
    .await;
}

#[tokio::test]
async fn wrong_clock_of_the_device_still_offers_to_edit() {
    let (_cluster, sari, _budi) = conversation().await;
    sari.script("const now = Date.now; Date.now = () => now() + 1_800_000", vec![]).await;
    sari.enter("#text", "jam saya salah").await;
    sari.shows("#timeline .own .text", "jam saya salah").await;
    act(&sari, "#timeline > li:last-child", "Perbaiki").await;
    sari.comes_to(BOX, "jam saya salah").await;
}

#[tokio::test]
async fn deletion_can_be_taken_back_and_survives_leaving() {
    let (_cluster, sari, mut budi) = conversation().await;
    act(&sari, "#timeline .own", "Hapus").await;
    sari.comes_to(TEXTS, json!(["dari budi", DELETED])).await;
    sari.types("#toast button", &char::from(Key::Enter).to_string()).await;
    sari.comes_to(TEXTS, json!(["dari budi", "dari sari"])).await;
    assert!(budi.catch_up().await.removed.is_empty(), "nothing was sent");
    act(&sari, "#timeline .own", "Hapus").await;
    sari.shows("#toast", "Pesan dihapus").await;
    sari.reload().await;
    sari.comes_to(TEXTS, json!(["dari budi", DELETED])).await;
    budi.expect("the deletion", |transcript| transcript.removed.len() == 1).await;
}

#[tokio::test]
async fn changes_made_offline_survive_a_reload() {
    let cluster = alone().await;
    let (network, base) = network(&cluster).await;
    let sari = Browser::start("id").await;
    signs_in(&sari, &base, "sari").await;
    for text in ["satu", "dua"] {
        sari.enter("#text", text).await;
        sari.shows(TEXT, text).await;
    }
    sari.comes_to(HAS_MENUS, true).await;
    network.cut(Target::All);
    sari.comes_to(CONNECTION, "waiting").await;
    sari.script("document.querySelector('#text').focus()", vec![]).await;
    sari.presses(&char::from(Key::Up).to_string()).await;
    sari.comes_to(BOX, "dua").await;
    sari.enter("#text", " belas").await;
    sari.shows("#timeline .changing .text", "dua belas").await;
    act(&sari, "#timeline .own", "Hapus").await;
    sari.comes_to(TEXTS, json!([DELETED, "dua belas"])).await;
    network.heal();
    sari.reload().await;
    sari.comes_to(CONNECTION, "online").await;
    sari.comes_to(TEXTS, json!([DELETED, "dua belas"])).await;
    sari.comes_to("return document.querySelector('.changing') === null", true).await;
    sari.comes_to("return document.querySelectorAll('#timeline .edited').length", 1).await;
}

#[tokio::test]
async fn finger_answers_corrects_and_takes_back() {
    let (_cluster, sari, mut budi) = conversation().await;
    let (own, other) = ("#timeline .own .bubble", "#timeline .message:not(.own) .bubble");
    let hold = async |message: &str, item: &str| {
        sari.long_press(message).await;
        chooses(&sari, item).await;
    };
    sari.screen(390, 844, true).await;
    sari.types("#text", "draf").await;
    hold(own, "Perbaiki").await;
    sari.comes_to(BOX, "dari sari").await;
    sari.click("#context-cancel").await;
    sari.comes_to(BOX, "draf").await;
    hold(own, "Perbaiki").await;
    sari.types("#text", " juga").await;
    sari.click("#send").await;
    sari.comes_to(TEXTS, json!(["dari budi", "dari sari juga"])).await;
    sari.comes_to(BOX, "draf").await;
    hold(own, "Hapus").await;
    sari.comes_to(TEXTS, json!(["dari budi", DELETED])).await;
    sari.click("#toast button").await;
    sari.comes_to(TEXTS, json!(["dari budi", "dari sari juga"])).await;
    hold(other, "Balas").await;
    sari.click("#send").await;
    budi.wait_for_text("sari", "draf").await;
    sari.comes_to(QUOTES, json!(["budi dari budi"])).await;
    sari.click(".quote").await;
    sari.comes_to("return document.querySelector('#timeline .marked .text')?.textContent", "dari budi").await;
}

/// One message of budi and one of sari, in sari's page.
async fn conversation() -> (Cluster, Browser, WsClient) {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked("dari budi").await;
    sari.shows(TEXT, "dari budi").await;
    sari.enter("#text", "dari sari").await;
    sari.shows("#timeline .own .text", "dari sari").await;
    (cluster, sari, budi)
}

/// Opens the menu of a message and chooses an item.
async fn act(page: &Browser, message: &str, item: &str) {
    page.click(&format!("{message} .more")).await;
    chooses(page, item).await;
}
