//! People: the list, presence notices, typing, mentions, muting.

use fantoccini::key::Key;
use futures_util::future::join_all;
use serde_json::json;

use super::{CONNECTION, ROW, TEXT, chooses_for, picture, sari_alone};
use crate::kit::WsClient;

const BOX: &str = "return document.querySelector('#text').value";

#[tokio::test]
async fn people_are_counted_listed_and_found() {
    let (cluster, sari) = sari_alone().await;
    let clients = crowd(&cluster).await;
    sari.shows("#people-count", "10").await;
    sari.comes_to("return document.querySelectorAll('#members li').length", 10).await;
    sari.types("#people-search", "BÜD").await;
    assert_eq!(sari.texts("#members bdi").await, ["budi"]);
    sari.types("#people-search", "x").await;
    sari.shows("#no-match", "Tidak ada nama yang cocok.").await;
    drop(clients);
}

#[tokio::test]
async fn many_joins_are_one_row_that_opens_and_can_be_hidden() {
    let (cluster, sari) = sari_alone().await;
    let clients = crowd(&cluster).await;
    sari.shows(ROW, "8 orang bergabung").await;
    assert_eq!(sari.count(ROW).await, 1);
    sari.is_accessible("presence notices, condensed").await;
    sari.click("#timeline summary").await;
    sari.shows(ROW, "budi telah bergabung.").await;
    sari.click(".preferences summary").await;
    sari.click("#prefer-notices").await;
    sari.comes_to("return document.querySelector('#timeline > li').checkVisibility()", false).await;
    sari.reload().await;
    sari.comes_to("return document.body.dataset.presenceNotices", "off").await;
    assert_eq!(sari.script("return document.querySelector('#prefer-notices').checked", vec![]).await, false);
    drop(clients);
}

#[tokio::test]
async fn typing_is_shown_until_the_message_arrives() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send(json!({"type": "typing", "active": true})).await;
    sari.shows("#typing", "budi sedang mengetik…").await;
    budi.send_acked("selesai").await;
    sari.comes_to("return document.querySelector('#typing').textContent", "").await;
}

#[tokio::test]
async fn tab_completes_a_mention_and_otherwise_moves_the_focus() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "Budi Santoso").await;
    sari.shows("#members", "Budi Santoso").await;
    let tab = char::from(Key::Tab);
    sari.types("#text", &format!("halo @bu{tab}")).await;
    sari.comes_to(BOX, "halo @Budi Santoso ").await;
    sari.presses(&format!("apa kabar?{}", char::from(Key::Enter))).await;
    sari.shows(TEXT, "halo @Budi Santoso apa kabar?").await;
    budi.wait_for_text("sari", "halo @Budi Santoso apa kabar?").await;
    sari.presses(&tab.to_string()).await;
    assert_eq!(sari.script("return document.activeElement.id", vec![]).await, "send");
}

#[tokio::test]
async fn avatar_is_the_same_in_list_message_and_server_markup() {
    let (cluster, sari) = sari_alone().await;
    cluster.join(0, "budi").await.send_acked("halo").await;
    sari.shows(TEXT, "halo").await;
    let hues = "return [...new Set(Array.from(document.querySelectorAll('#members [data-name=budi] .avatar, \
        #timeline .avatar'), e => e.dataset.hue + e.textContent))].length";
    assert_eq!(sari.script(hues, vec![]).await, 1);
    sari.reload().await;
    sari.shows("#members", "budi").await;
    assert_eq!(sari.script(hues, vec![]).await, 1, "the server and the script draw the same avatar");
}

#[tokio::test]
async fn muted_person_is_hidden_until_unmuted() {
    let (cluster, sari) = sari_alone().await;
    let (mut budi, mut citra) = (cluster.join(0, "budi").await, cluster.join(0, "citra").await);
    budi.send_acked("sebelumnya").await;
    sari.shows(TEXT, "sebelumnya").await;
    let shown = "return Array.from(document.querySelectorAll('#timeline .message .text')) \
        .filter(text => text.checkVisibility()).map(text => text.textContent)";
    chooses_for(&sari, "budi", "Bisukan untuk saya").await;
    sari.comes_to(shown, json!([])).await;
    budi.send(json!({"type": "typing", "active": true})).await;
    budi.send_acked("@sari dengar?").await;
    citra.send_acked("tenang").await;
    sari.comes_to(shown, json!(["tenang"])).await;
    assert_eq!(sari.script("return document.querySelector('#typing').textContent", vec![]).await, "");
    sari.is_accessible("a muted person").await;
    sari.reload().await;
    sari.comes_to(shown, json!(["tenang"])).await;
    sari.comes_to(CONNECTION, "online").await;
    budi.http_client.log_out().await.redirects_to("/");
    sari.shows(ROW, "budi telah keluar.").await;
    // A muted person who left can be unmuted.
    sari.shows("#members [data-name=budi]", "Dibisukan").await;
    chooses_for(&sari, "budi", "Batal bisukan").await;
    sari.comes_to(shown, json!(["sebelumnya", "@sari dengar?", "tenang"])).await;
    sari.comes_to("return document.querySelector('#members [data-name=budi]') === null", true).await;
}

/// More than the page knows by name.
#[tokio::test]
async fn two_hundred_people_are_paged_searched_and_completed() {
    let (cluster, sari) = sari_alone().await;
    let mut clients = Vec::new();
    for first in (0..200).step_by(25) {
        let names: Vec<_> = (first..first + 25).map(|n| format!("Orang ke {n:03}")).collect();
        clients.extend(join_all(names.iter().map(|name| cluster.join(0, name))).await);
    }
    clients.push(cluster.join(0, "Zaenal Terakhir").await);
    sari.reload().await;
    sari.shows("#people-count", "202").await;
    let rows = "return document.querySelectorAll('#members li').length";
    sari.comes_to(rows, 101).await;
    sari.is_accessible("a crowd").await;
    picture(&sari, "crowd").await;
    sari.click("#people-more").await;
    sari.comes_to(rows, 201).await;
    sari.click("#people-more").await;
    sari.comes_to(rows, 202).await;
    assert_eq!(sari.script("return document.querySelector('#people-more').hidden", vec![]).await, true);
    sari.types("#people-search", "terak").await;
    sari.comes_to(rows, 1).await;
    assert_eq!(sari.texts("#members bdi").await, ["Zaenal Terakhir"]);
    chooses_for(&sari, "Zaenal Terakhir", "Bisukan untuk saya").await;
    sari.shows("#members .mute-mark", "Dibisukan").await;
    sari.types("#text", &format!("halo @zae{}", char::from(Key::Tab))).await;
    sari.comes_to(BOX, "halo @Zaenal Terakhir ").await;
    sari.presses(&char::from(Key::Tab).to_string()).await;
    assert_eq!(sari.script("return document.activeElement.id", vec![]).await, "send", "the next Tab leaves the box");
}

async fn crowd(cluster: &crate::kit::Cluster) -> Vec<WsClient> {
    let mut clients = Vec::new();
    for name in ["adi", "budi", "citra", "dewi", "eka", "fajar", "gita", "hadi", "indah"] {
        clients.push(cluster.join(0, name).await);
    }
    clients
}
