//! Two people on two instances, one in each language.

use super::{ROW, TEXT, picture, sari_alone, sari_and_budi, signs_in, two};
use crate::kit::{Browser, Cluster, Engine};

#[tokio::test]
async fn two_people_on_two_instances_talk_without_a_reload() {
    let cluster = two().await;
    let (sari, budi) = sari_and_budi(&cluster).await;
    sari.enter("#text", "Halo Budi, apa kabar?").await;
    budi.shows(TEXT, "Halo Budi, apa kabar?").await;
    budi.enter("#text", "Fine, and you?").await;
    for page in [&sari, &budi] {
        page.shows(TEXT, "Halo Budi, apa kabar?").await;
        page.shows(TEXT, "Fine, and you?").await;
        assert_eq!(page.count("#timeline .message").await, 2);
    }
    sari.shows("#timeline .message.own .text", "Halo Budi").await;
    budi.shows("#timeline .message.own .text", "Fine").await;
    assert_eq!(sari.texts("#timeline .message.own .text").await, ["Halo Budi, apa kabar?"], "own messages are marked");
    sari.close().await;
    budi.close().await;
}

#[tokio::test]
async fn messages_of_five_people_are_in_the_same_order_everywhere() {
    let cluster = two().await;
    let (sari, budi) = sari_and_budi(&cluster).await;
    let mut citra = cluster.join(1, "citra").await;
    let mut dewi = cluster.join(0, "dewi").await;
    let mut eka = cluster.join(1, "Eka 🌿").await;
    citra.send_acked("Selamat sore semua 👋").await;
    dewi.send_acked("Sore! Jadi naik gunung Sabtu ini?").await;
    sari.enter("#text", "Jadi. Kumpul jam lima di stasiun, ya.").await;
    sari.shows("#timeline .message.own .text", "Kumpul jam lima").await;
    eka.send_acked("Aku bawa kopi dan pisang goreng.").await;
    eka.send_acked("Siapa punya senter cadangan?").await;
    budi.enter("#text", "I have two. See you at the station!").await;
    sari.shows("#timeline .message .text", "I have two").await;
    let said = [
        "Selamat sore semua 👋",
        "Sore! Jadi naik gunung Sabtu ini?",
        "Jadi. Kumpul jam lima di stasiun, ya.",
        "Aku bawa kopi dan pisang goreng.",
        "Siapa punya senter cadangan?",
        "I have two. See you at the station!",
    ];
    assert_eq!(sari.texts("#timeline .message .text").await, said);
    assert_eq!(budi.texts("#timeline .message .text").await, said);
    assert_eq!(sari.texts("#members li").await.len(), 5);
    picture(&sari, "room").await;
    picture(&budi, "room-en").await;
}

#[tokio::test]
async fn joins_and_leaves_are_shown_in_each_readers_language() {
    let cluster = two().await;
    let (sari, budi) = sari_and_budi(&cluster).await;
    sari.shows(ROW, "budi telah bergabung.").await;
    let citra = cluster.join(0, "citra").await;
    sari.shows(ROW, "citra telah bergabung.").await;
    budi.shows(ROW, "citra has joined.").await;
    citra.http_client.log_out().await;
    sari.shows(ROW, "citra telah keluar.").await;
    budi.shows(ROW, "citra has left.").await;
    for page in [&sari, &budi] {
        page.shows("#members", "sari").await;
        page.shows("#members", "budi").await;
        assert!(!page.texts("#members").await.concat().contains("citra"), "a person who left is not listed");
    }
}

#[tokio::test]
async fn reload_keeps_the_messages_and_is_no_join() {
    let cluster = two().await;
    let (sari, budi) = sari_and_budi(&cluster).await;
    sari.enter("#text", "sebelum muat ulang").await;
    budi.shows(TEXT, "sebelum muat ulang").await;
    budi.reload().await;
    budi.shows(TEXT, "sebelum muat ulang").await;
    sari.enter("#text", "sesudahnya").await;
    budi.shows(TEXT, "sesudahnya").await;
    budi.enter("#text", "still here").await;
    sari.shows(TEXT, "still here").await;
    let rows = sari.texts(ROW).await;
    let notices = rows.iter().filter(|row| row.contains("budi telah")).count();
    assert_eq!(notices, 1, "budi came once: {rows:?}");
    assert_eq!(budi.count("#timeline .message").await, 3, "nothing is shown twice");
}

#[tokio::test]
async fn markup_in_a_message_is_shown_as_text() {
    let cluster = two().await;
    let (sari, budi) = sari_and_budi(&cluster).await;
    let text = "<img src=x onerror=\"document.title='broken'\"><b>tebal</b>";
    sari.enter("#text", text).await;
    for page in [&sari, &budi] {
        page.shows(TEXT, text).await;
        assert_eq!(page.count("#timeline .message img, #timeline .message b").await, 0);
    }
    budi.reload().await;
    budi.shows(TEXT, text).await;
    assert_ne!(budi.script("return document.title", vec![]).await, "broken");
}

#[tokio::test]
async fn sign_out_leads_to_the_form_and_leaves_the_room() {
    let cluster = two().await;
    let (sari, budi) = sari_and_budi(&cluster).await;
    sari.shows(ROW, "budi telah bergabung.").await;
    budi.click("#sign-out button").await;
    budi.is_at("/").await;
    sari.shows(ROW, "budi telah keluar.").await;
    budi.open(&format!("{}/chat", cluster.base(1))).await;
    budi.is_at("/").await;
}

#[tokio::test]
async fn name_in_use_is_explained_and_stays_in_the_field() {
    let cluster = two().await;
    let _sari = cluster.join(0, "sari").await;
    let page = Browser::start("id").await;
    page.open(cluster.base(1)).await;
    page.enter("#username", "Sari").await;
    page.shows("#username-error", "").await;
    assert_eq!(page.script("return document.querySelector('#username').value", vec![]).await, "Sari");
    page.script("document.querySelector('#username').value = ''", vec![]).await;
    page.enter("#username", "dewi").await;
    page.is_at("/chat").await;
}

#[tokio::test]
async fn page_reconnects_after_a_restart_and_misses_nothing() {
    let cluster = Cluster::builder(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8");
    let mut cluster = cluster.start().await;
    let haproxy = crate::kit::Haproxy::start(&cluster).await;
    let page = Browser::start("id").await;
    signs_in(&page, haproxy.base(), "sari").await;
    page.enter("#text", "sebelum").await;
    page.shows("#timeline .message[data-id] .text", "sebelum").await;
    cluster.instances[0].terminate();
    cluster.instances[0].wait_for_exit(std::time::Duration::from_secs(30)).await;
    let mut budi = cluster.join(1, "budi").await;
    budi.send_acked("sesudah").await;
    page.shows(TEXT, "sesudah").await;
    assert_eq!(page.texts(TEXT).await, ["sebelum", "sesudah"]);
}

#[tokio::test]
async fn script_that_writes_markup_is_blocked() {
    let (_cluster, sari) = sari_alone().await;
    let writes = "try { document.body.innerHTML = '<b>x</b>'; return 'written' } catch (error) { return error.name }";
    assert_eq!(sari.script(writes, vec![]).await, "TypeError");
}
