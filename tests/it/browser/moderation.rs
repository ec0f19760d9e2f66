//! The menus of moderators, in the room.

use serde_json::json;
use tempfile::NamedTempFile;

use super::{TEXT, chooses, picture, signs_in};
use crate::kit::{
    Browser, Cluster, Engine, SOON, WsClient,
    operator::{TOKEN, token_file},
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
    page.shows(ITEMS, item).await;
    let click =
        "Array.from(document.querySelectorAll('.menu .item')).find(item => item.textContent === arguments[0]).click()";
    page.script(click, vec![item.into()]).await;
    page.is_accessible("durations").await;
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
