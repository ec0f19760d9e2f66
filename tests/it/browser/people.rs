//! People: the list, presence notices, typing, mentions, muting.

use fantoccini::key::Key;
use serde_json::json;

use super::{CONNECTION, ROW, TEXT, sari_alone};
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
    sari.click("#members [data-name=budi] .mute").await;
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
    // A muted person who left can be unmuted; the list keeps the keyboard focus.
    let press = "const mute = document.querySelector('#members [data-name=budi] .mute'); mute.focus(); mute.click(); \
        return mute.ariaPressed";
    sari.script(press, vec![]).await;
    sari.comes_to(shown, json!(["sebelumnya", "@sari dengar?", "tenang"])).await;
    sari.comes_to("return document.querySelector('#members [data-name=budi]') === null", true).await;
}

async fn crowd(cluster: &crate::kit::Cluster) -> Vec<WsClient> {
    let mut clients = Vec::new();
    for name in ["adi", "budi", "citra", "dewi", "eka", "fajar", "gita", "hadi", "indah"] {
        clients.push(cluster.join(0, name).await);
    }
    clients
}
