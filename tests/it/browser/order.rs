//! Moderation, as members and the operator see it.

use serde_json::json;

use super::{ROW, TEXT};
use crate::kit::{
    Browser, Cluster, Engine,
    operator::{TOKEN, act, token_file},
};

#[tokio::test]
async fn moderation_shows_at_once_and_after_a_reload() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let base = cluster.base(0);
    let sari = Browser::start("id").await;
    sari.open(base).await;
    sari.enter("#username", "sari").await;
    sari.is_at("/chat").await;
    let mut budi = cluster.join(0, "budi").await;
    let id = budi.send_acked("kata kasar").await;
    sari.shows(TEXT, "kata kasar").await;
    act(base, json!({"act": "remove", "id": id})).await.is(200);
    sari.shows(TEXT, "Pesan ini dihapus.").await;
    act(base, json!({"act": "announce", "text": "Jam 9 mati <b>sebentar</b>, lihat https://example.org/a"}))
        .await
        .is(200);
    act(base, json!({"act": "slow", "interval": "5s"})).await.is(200);
    for when in ["at once", "after a reload"] {
        sari.shows("#announcement", "Jam 9 mati <b>sebentar</b>").await;
        sari.shows("#slow", "Mode lambat: satu pesan setiap 5 detik.").await;
        sari.shows(TEXT, "Pesan ini dihapus.").await;
        assert_eq!(sari.texts("#announcement a").await, ["https://example.org/a"], "{when}");
        assert!(!sari.texts(ROW).await.concat().contains("kasar"), "{when}");
        sari.is_accessible(when).await;
        sari.reload().await;
    }
    for text in ["satu", "dua"] {
        sari.enter("#text", text).await;
    }
    budi.wait_for_text("sari", "dua").await;
    act(base, json!({"act": "announce", "text": ""})).await.is(200);
    sari.comes_to("return document.querySelector('#announcement').hidden", true).await;
    act(base, json!({"act": "ban", "name": "sari", "for": "1h"})).await.is(200);
    sari.is_at("/").await;
    sari.enter("#username", "sari").await;
    sari.shows("#username-error", "Nama ini diblokir pengelola selama 1 jam lagi.").await;
    sari.close().await;
}

#[tokio::test]
async fn operator_page_works_without_a_script() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let mut budi = cluster.join(0, "<i>budi</i>").await;
    let bad = budi.send_acked("</textarea><script>document.title = 'x'</script>").await;
    let operator = Browser::start("id").await;
    operator.open(&format!("{}/operator", cluster.base(0))).await;
    operator.is_accessible("the operator's sign-in").await;
    operator.enter("#token", TOKEN).await;
    operator.shows("#messages", "</textarea><script>document.title = 'x'</script>").await;
    operator.is_accessible("the operator's page").await;
    assert_eq!(operator.script("return document.title", vec![]).await, "Pengelola · ruang");
    operator.click("#messages button").await;
    operator.shows(".result", "Berhasil.").await;
    budi.expect("it is deleted", |transcript| transcript.removed == [bad.clone()]).await;
    operator.types("#announce-text", "</p><img src=x onerror=alert(1)>").await;
    operator.click("form:has(#announce-text) button").await;
    operator.shows("#acts", "Pengumuman: </p><img src=x onerror=alert(1)>").await;
    operator.types("#ban-name", "<i>budi</i>").await;
    operator.click("form:has(#ban-name) button").await;
    operator.shows("#bans", "<i>budi</i> sampai ").await;
    operator.click("#bans button").await;
    operator.shows("#acts", "Blokir <i>budi</i> dibuka").await;
    operator.close().await;
}
