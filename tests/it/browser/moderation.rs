//! The menus of moderators, in the room.

use fantoccini::key::Key;
use serde_json::json;
use tempfile::NamedTempFile;

use super::{TEXT, chooses, picture, signs_in};
use crate::kit::{
    Browser, Cluster, Engine, SOON, WsClient,
    operator::{TOKEN, act, token_file},
};

const ITEMS: &str = ".menu [role=menuitem]";
const OF_BUDI: &str = "#timeline .message:not(.own, .grouped) .more";

#[tokio::test]
async fn moderator_deletes_a_message_unless_undone() {
    let ModeratedRoom { sari, budi, .. } = &mut moderated_room().await;
    let id = budi.send_acked("kata kasar").await;
    sari.shows(TEXT, "kata kasar").await;
    for is_undone in [true, false] {
        sari.click(OF_BUDI).await;
        sari.shows(ITEMS, "Salin teks").await;
        sari.is_accessible("a moderator's menu").await;
        picture(sari, "menu-moderator").await;
        chooses(sari, "Hapus untuk semua").await;
        sari.shows("#toast", "Pesan dihapus.").await;
        if is_undone {
            sari.click("#toast button").await;
            sari.shows(TEXT, "kata kasar").await;
        }
    }
    budi.expect("it is deleted", |transcript| transcript.removed == [id.clone()]).await;
    sari.shows(TEXT, "Pesan ini dihapus.").await;
}

#[tokio::test]
async fn moderator_mutes_a_person_and_takes_it_back() {
    let ModeratedRoom { sari, budi, .. } = &mut moderated_room().await;
    budi.send_acked("halo").await;
    sari.shows(TEXT, "halo").await;
    opens_lengths(sari, "Bungkam untuk semua…").await;
    chooses(sari, "10 menit").await;
    sari.shows("#toast", "budi dibungkam untuk semua: 10 menit.").await;
    budi.send(json!({"type": "message", "nonce": "a1", "text": "dibungkam"})).await;
    budi.expect("the message is refused", |transcript| transcript.errors.iter().any(|error| error["code"] == "muted"))
        .await;
    sari.click("#toast button").await;
    sari.comes_to("return document.querySelector('#toast').textContent", "").await;
    sari.comes_to(MUTES, json!([])).await;
    budi.send_acked("sudah boleh").await;
}

#[tokio::test]
async fn moderator_bans_a_person_and_purges_their_messages() {
    let ModeratedRoom { cluster, sari, budi, .. } = &mut moderated_room().await;
    budi.send_acked("spam satu").await;
    budi.send_acked("spam dua").await;
    sari.shows(TEXT, "spam dua").await;
    sari.click(OF_BUDI).await;
    chooses(sari, "Hapus semua pesannya").await;
    sari.comes_to("return document.querySelector('#timeline').textContent.includes('spam')", false).await;
    opens_lengths(sari, "Blokir…").await;
    chooses(sari, "selamanya").await;
    budi.wait_for_bye(SOON, "session_ended", 4001).await;
    sari.shows("#toast", "budi diblokir: selamanya.").await;
    cluster.http_client(0).sign_in("BUDI").await.is(403);
}

#[tokio::test]
async fn read_only_room_takes_moderators_and_tells_others_why() {
    let ModeratedRoom { cluster, sari, .. } = &mut moderated_room().await;
    let dewi = Browser::start("id").await;
    signs_in(&dewi, cluster.base(0), "dewi").await;
    act(cluster.base(0), json!({"act": "read_only", "for": "1h", "text": "Siaran mulai."})).await.is(200);
    for page in [&*sari, &dewi] {
        page.shows("#slow", "Ruang obrolan sedang hanya bisa dibaca. Siaran mulai.").await;
    }
    sari.enter("#text", "moderator boleh").await;
    dewi.shows(TEXT, "moderator boleh").await;
    sari.comes_to("return document.querySelectorAll('#outbox li').length", 0).await;
    dewi.enter("#text", "yang lain menunggu").await;
    dewi.shows("#outbox .delivery", "Tidak terkirim: saat ini hanya moderator yang boleh menulis.").await;
    dewi.is_accessible("a message refused in a read-only room").await;
    act(cluster.base(0), json!({"act": "read_only", "for": "0s"})).await.is(200);
    dewi.comes_to("return document.querySelector('#slow').textContent", "").await;
    dewi.click("#outbox .link").await;
    sari.shows(TEXT, "yang lain menunggu").await;
}

#[tokio::test]
async fn muted_person_reads_why_a_message_was_not_sent() {
    let ModeratedRoom { cluster, .. } = &mut moderated_room().await;
    let dewi = Browser::start("id").await;
    signs_in(&dewi, cluster.base(0), "dewi").await;
    act(cluster.base(0), json!({"act": "mute", "name": "dewi", "for": "10m"})).await.is(200);
    dewi.enter("#text", "halo").await;
    dewi.shows("#outbox .delivery", "Tidak terkirim: moderator membungkam Anda").await;
}

#[tokio::test]
async fn others_have_no_menu_of_moderators() {
    let ModeratedRoom { cluster, budi, .. } = &mut moderated_room().await;
    budi.send_acked("halo").await;
    let dewi = Browser::start("id").await;
    signs_in(&dewi, cluster.base(0), "dewi").await;
    dewi.click(OF_BUDI).await;
    dewi.shows(ITEMS, "Salin teks").await;
    let items = dewi.texts(ITEMS).await;
    assert!(!items.contains(&"Hapus untuk semua".to_owned()), "{items:?}");
}

#[tokio::test]
async fn keyboard_mutes_an_address_and_takes_it_back() {
    let ModeratedRoom { cluster, sari, budi, .. } = &mut moderated_room().await;
    // All of them are at this machine's address; sari moderates and is not hit.
    let mut dewi = cluster.join(0, "dewi").await;
    let press = async |page: &Browser, key: Key| page.presses(&char::from(key).to_string()).await;
    let focused = "return document.activeElement.textContent";
    sari.click("#members [data-name='budi']").await;
    sari.shows(ITEMS, "Bungkam untuk semua…").await;
    for _ in 0..10 {
        if sari.script(focused, vec![]).await == "Bungkam untuk semua…" {
            break;
        }
        press(sari, Key::Down).await;
    }
    press(sari, Key::Enter).await;
    sari.comes_to(focused, "Alamat jaringannya juga (1 orang lain di sini ikut terkena)").await;
    let checked = "return document.activeElement.ariaChecked";
    sari.comes_to(checked, "false").await;
    press(sari, Key::Enter).await;
    sari.comes_to(checked, "true").await;
    sari.is_accessible("the tick for the address").await;
    picture(sari, "menu-address").await;
    press(sari, Key::Down).await;
    sari.comes_to(focused, "10 menit").await;
    press(sari, Key::Enter).await;
    sari.shows("#toast", "budi dibungkam untuk semua: 10 menit.").await;
    for client in [&mut *budi, &mut dewi] {
        client.send(json!({"type": "message", "nonce": "a1", "text": "dibungkam"})).await;
        client.expect("the refusal", |transcript| transcript.error_codes() == ["muted"]).await;
    }
    sari.enter("#text", "saya boleh").await;
    sari.shows(TEXT, "saya boleh").await;
    sari.click("#toast button").await;
    sari.comes_to(MUTES, json!([])).await;
    dewi.send_acked("sudah boleh").await;
    budi.send_acked("saya juga").await;
}

#[tokio::test]
async fn phone_bans_a_person_with_the_address() {
    let ModeratedRoom { cluster, sari, budi, .. } = &mut moderated_room().await;
    let mut dewi = cluster.join(0, "dewi").await;
    budi.send_acked("spam").await;
    sari.shows(TEXT, "spam").await;
    sari.screen(390, 844, true).await;
    // Not by a long press: that swallows clicks for a moment.
    sari.script(&format!("document.querySelector('{OF_BUDI}').click()"), vec![]).await;
    picks(sari, "Blokir…").await;
    let tick = ".menu [role=menuitemcheckbox]";
    sari.shows(tick, "Alamat jaringannya juga (1 orang lain di sini ikut terkena)").await;
    let small = "return Array.from(document.querySelectorAll('.menu .item'), item => item.getBoundingClientRect()) \
        .filter(({ width, height }) => Math.min(width, height) < 44).length";
    assert_eq!(sari.script(small, vec![]).await, 0);
    sari.click(tick).await;
    sari.comes_to("return document.querySelector('.menu [role=menuitemcheckbox]').ariaChecked", "true").await;
    sari.is_accessible("the tick for the address on a phone").await;
    picture(sari, "menu-address-phone").await;
    chooses(sari, "1 jam").await;
    for client in [&mut *budi, &mut dewi] {
        let transcript = client.wait_for_bye(SOON, "session_ended", 4001).await;
        assert_eq!(transcript.byes[0]["cause"], "banned");
    }
    cluster.http_client(0).sign_in("lain").await.is(403);
    sari.click("#toast button").await;
    sari.comes_to(BANS, json!([])).await;
    cluster.http_client(0).sign_in("lain").await.redirects_to("/chat");
}

#[tokio::test]
async fn tick_is_missing_where_no_address_is_known() {
    let token = token_file();
    let builder = Cluster::builder(Engine::Memory).set("RUANG_TRUSTED_PROXIES", "127.0.0.1");
    let cluster = builder.with_operator(&token).start().await;
    let sari = Browser::start("id").await;
    sari.open(&format!("{}/operator", cluster.base(0))).await;
    sari.enter("#token", TOKEN).await;
    sari.shows("body", "Pengumuman").await;
    assert_eq!(sari.count("input[name=address]").await, 2, "on the page: mute and ban");
    sari.is_accessible("the moderation page").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    let _budi = cluster.join(0, "budi").await;
    sari.shows("#members", "budi").await;
    opens_lengths(&sari, "Blokir…").await;
    assert_eq!(sari.count(".menu [role=menuitemcheckbox]").await, 0);
}

const BANS: &str = "return fetch('/api/operator').then(response => response.json()).then(report => report.bans)";
const MUTES: &str = "return fetch('/api/operator').then(response => response.json()).then(report => report.mutes)";

/// A room with sari, a signed-in moderator, and budi.
struct ModeratedRoom {
    cluster: Cluster,
    sari: Browser,
    budi: WsClient,
    _token: NamedTempFile,
}

/// Opens the durations of an action on budi, in the list of people.
async fn opens_lengths(page: &Browser, item: &str) {
    page.click("#members [data-name='budi']").await;
    picks(page, item).await;
    page.shows(ITEMS, "1 jam").await;
    page.is_accessible("durations").await;
}

/// Clicks an item of the open menu, after which another may open.
async fn picks(page: &Browser, item: &str) {
    page.shows(".menu .item", item).await;
    let click =
        "Array.from(document.querySelectorAll('.menu .item')).find(item => item.textContent === arguments[0]).click()";
    page.script(click, vec![item.into()]).await;
}

async fn moderated_room() -> ModeratedRoom {
    let token = token_file();
    let builder = Cluster::builder(Engine::Memory).set("RUANG_MESSAGES_PER_SECOND", "0");
    let cluster = builder.with_operator(&token).start().await;
    let sari = Browser::start("id").await;
    sari.open(&format!("{}/operator", cluster.base(0))).await;
    sari.enter("#token", TOKEN).await;
    sari.shows("body", "Pengumuman").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    let budi = cluster.join(0, "budi").await;
    sari.shows("#members", "budi").await;
    ModeratedRoom { cluster, sari, budi, _token: token }
}
