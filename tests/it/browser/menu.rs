//! The menu of a message: by pointer, by keyboard, by touch.

use fantoccini::key::Key;
use serde_json::json;

use super::{TEXT, chooses, chooses_for, picture, pictures, sari_alone};
use crate::kit::{Browser, Cluster, WsClient};

const FOCUSED: &str = "return document.activeElement.closest('.message')?.querySelector('.text').textContent ?? document.activeElement.id";
const SHOWN: &str = "return Array.from(document.querySelectorAll('#timeline .message .text')) \
    .filter(text => text.checkVisibility()).map(text => text.textContent)";
const ITEMS: &str = ".menu [role=menuitem]";

#[tokio::test]
async fn pointer_opens_the_menu_and_mutes_with_a_way_back() {
    let (_cluster, sari, _budi) = conversation().await;
    let button = "#timeline .message:not(.own, .grouped) .more";
    let opacity = format!("return getComputedStyle(document.querySelector('{button}')).opacity");
    assert_eq!(sari.script(&opacity, vec![]).await, "0");
    sari.click(button).await;
    sari.shows(ITEMS, "Salin teks").await;
    sari.is_accessible("a message's menu").await;
    pictures(&sari, "menu").await;
    chooses(&sari, "Bisukan untuk saya").await;
    sari.comes_to(SHOWN, json!(["dari sari"])).await;
    sari.shows("#toast", "Pesan budi tidak lagi terlihat").await;
    sari.is_accessible("what was done can be undone").await;
    sari.click("#toast button").await;
    sari.comes_to(SHOWN, json!(["satu", "dua", "dari sari"])).await;
    sari.click("#timeline .own .more").await;
    sari.shows(ITEMS, "Salin teks").await;
    assert!(!sari.texts(ITEMS).await.contains(&"Bisukan untuk saya".to_owned()), "no mute of oneself");
}

/// A person who is not in the list has left it to their messages.
#[tokio::test]
async fn person_who_has_left_is_muted_at_a_message() {
    let (_cluster, sari, budi) = conversation().await;
    budi.http_client.log_out().await.redirects_to("/");
    sari.comes_to("return document.querySelector('#members [data-name=budi]') === null", true).await;
    sari.click("#timeline .message:not(.own, .grouped) .more").await;
    chooses(&sari, "Bisukan untuk saya").await;
    sari.comes_to(SHOWN, json!(["dari sari"])).await;
    chooses_for(&sari, "budi", "Batal bisukan").await;
    sari.comes_to(SHOWN, json!(["satu", "dua", "dari sari"])).await;
}

#[tokio::test]
async fn keyboard_walks_the_messages_and_their_menus() {
    let (_cluster, sari, _budi) = conversation().await;
    let press = async |keys: &[Key]| sari.presses(&keys.iter().map(|key| char::from(*key)).collect::<String>()).await;
    sari.script("document.querySelector('#scroll').focus()", vec![]).await;
    press(&[Key::Up]).await;
    sari.comes_to(FOCUSED, "dari sari").await;
    press(&[Key::Up]).await;
    press(&[Key::Up]).await;
    sari.comes_to(FOCUSED, "satu").await;
    press(&[Key::Down]).await;
    sari.comes_to(FOCUSED, "dua").await;
    sari.is_accessible("a message has the focus").await;
    press(&[Key::Enter]).await;
    sari.shows(ITEMS, "Salin teks").await;
    let item = "return document.activeElement.textContent";
    sari.comes_to(item, "Balas").await;
    press(&[Key::Up]).await;
    sari.comes_to(item, "Bisukan untuk saya").await;
    press(&[Key::Down]).await;
    sari.comes_to(item, "Balas").await;
    press(&[Key::Escape]).await;
    sari.comes_to(FOCUSED, "dua").await;
    press(&[Key::Enter]).await;
    sari.comes_to(item, "Balas").await;
    press(&[Key::Down]).await;
    sari.comes_to(item, "Salin teks").await;
    press(&[Key::Enter]).await;
    sari.shows("#toast", "Tersalin").await;
    sari.comes_to(FOCUSED, "dua").await;
    press(&[Key::Escape]).await;
    sari.comes_to(FOCUSED, "text").await;
}

#[tokio::test]
async fn focus_stays_on_a_message_that_changes() {
    let (_cluster, sari, mut budi) = conversation().await;
    let id = sari.script("return document.querySelectorAll('#timeline .message')[1].dataset.id", vec![]).await;
    let press = async |keys: &[Key]| sari.presses(&keys.iter().map(|key| char::from(*key)).collect::<String>()).await;
    sari.script("document.querySelector('#scroll').focus()", vec![]).await;
    press(&[Key::Up]).await;
    press(&[Key::Up]).await;
    sari.comes_to(FOCUSED, "dua").await;
    budi.send(json!({"type": "edit", "nonce": "e1", "id": id, "text": "dua!"})).await;
    sari.comes_to(FOCUSED, "dua!").await;
    press(&[Key::Enter]).await;
    sari.shows(ITEMS, "Salin teks").await;
    budi.send(json!({"type": "delete", "nonce": "d1", "id": id})).await;
    sari.shows("#timeline .removed .text", "dihapus").await;
    press(&[Key::Escape]).await;
    sari.comes_to(FOCUSED, "scroll").await;
}

#[tokio::test]
async fn escape_closes_a_menu_over_the_sheet_first() {
    let (_cluster, sari, _budi) = conversation().await;
    let sheet = "return document.body.classList.contains('people-shown')";
    sari.script("document.querySelector('#people-toggle').click()", vec![]).await;
    sari.comes_to(sheet, true).await;
    sari.script("document.querySelector('#members [data-name=budi]').click()", vec![]).await;
    sari.shows(ITEMS, "Bisukan untuk saya").await;
    sari.presses(&char::from(Key::Escape).to_string()).await;
    sari.comes_to("return document.querySelector('.menu') === null", true).await;
    assert_eq!(sari.script(sheet, vec![]).await, true);
    sari.script("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))", vec![]).await;
    sari.comes_to(sheet, false).await;
}

#[tokio::test]
async fn long_press_opens_a_sheet_with_large_targets() {
    let (_cluster, sari, _budi) = conversation().await;
    sari.screen(390, 844, true).await;
    sari.long_press("#timeline .message:not(.own, .grouped) .bubble").await;
    sari.shows(ITEMS, "Bisukan untuk saya").await;
    sari.shows(".menu-title", "budi satu").await;
    sari.is_accessible("a message's menu as a sheet").await;
    picture(&sari, "menu-phone").await;
    let small = "return Array.from(document.querySelectorAll('.menu [role=menuitem]'), item => item.getBoundingClientRect()) \
        .filter(({ width, height }) => Math.min(width, height) < 44).length";
    assert_eq!(sari.script(small, vec![]).await, 0);
    let bottom = "return Math.round(innerHeight - document.querySelector('.menu').getBoundingClientRect().bottom)";
    assert_eq!(sari.script(bottom, vec![]).await, 0);
    let inside = "const { left, top, right, bottom } = document.querySelector('.menu').getBoundingClientRect(); \
        return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && right - left < innerWidth";
    sari.screen(844, 390, true).await;
    sari.comes_to(inside, true).await;
    sari.screen(390, 844, true).await;
    sari.comes_to(bottom, 0).await;
    chooses(&sari, "Bisukan untuk saya").await;
    sari.comes_to(SHOWN, json!(["dari sari"])).await;
}

/// Two messages of budi and one of sari, in sari's page.
async fn conversation() -> (Cluster, Browser, WsClient) {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked("satu").await;
    budi.send_acked("dua").await;
    sari.shows(TEXT, "dua").await;
    sari.enter("#text", "dari sari").await;
    sari.shows(TEXT, "dari sari").await;
    (cluster, sari, budi)
}
