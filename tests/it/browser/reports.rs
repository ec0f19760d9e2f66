//! Reports: a person sends one, moderators see the number and decide on a queue.

use fantoccini::key::Key;
use serde_json::json;
use tempfile::NamedTempFile;

use super::{TEXT, chooses, picture, signs_in};
use crate::kit::{
    Browser, Cluster, Engine, WsClient,
    operator::{TOKEN, token_file},
};

const ITEMS: &str = ".menu [role=menuitem]";
const OF_BUDI: &str = "#timeline .message:not(.own, .grouped)";
const FOCUSED: &str = "return document.activeElement.textContent";
const COUNT: &str = "return document.querySelector('#report-count')?.textContent ?? null";
/// Buttons and links of the queue that a finger may miss, and whether the page is wider than the screen.
const UNFIT: &str = "const small = [...document.querySelectorAll('#reports :is(button, summary)')] \
    .map(element => element.getBoundingClientRect()).filter(({ width, height }) => Math.min(width, height) < 40).length; \
    return [small, document.documentElement.scrollWidth > innerWidth]";

#[tokio::test]
async fn keyboard_reports_a_message_and_decides_on_it() {
    let ReportedRoom { sari, dewi, budi, .. } = &mut reported_room().await;
    budi.send_acked("kata kasar").await;
    dewi.shows(TEXT, "kata kasar").await;
    dewi.script("document.querySelector('#scroll').focus()", vec![]).await;
    presses(dewi, &[Key::Up, Key::Enter]).await;
    dewi.shows(ITEMS, "Laporkan…").await;
    presses(dewi, &[Key::End]).await;
    dewi.comes_to(FOCUSED, "Laporkan…").await;
    presses(dewi, &[Key::Enter]).await;
    dewi.comes_to(FOCUSED, "Laporkan").await;
    dewi.is_accessible("the dialog of a report").await;
    picture(dewi, "report").await;
    presses(dewi, &[Key::Enter]).await;
    dewi.shows("#toast", "Dilaporkan. Moderator akan melihatnya.").await;
    dewi.comes_to("return document.querySelector('dialog') === null", true).await;
    assert_eq!(dewi.script(COUNT, vec![]).await, json!(null), "only moderators see the number");

    sari.reload().await;
    sari.comes_to(COUNT, "1").await;
    sari.is_accessible("the number of reports").await;
    picture(sari, "report-count").await;
    sari.script("document.querySelector('#report-count').focus()", vec![]).await;
    presses(sari, &[Key::Enter]).await;
    sari.is_at("/operator").await;
    sari.shows("#reports", "kata kasar").await;
    sari.shows("#reports", "Dilaporkan oleh 1 orang").await;
    sari.script("document.querySelector('#reports summary').focus()", vec![]).await;
    presses(sari, &[Key::Enter]).await;
    sari.comes_to("return document.querySelector('#reports details').open", true).await;
    sari.is_accessible("the queue of reports").await;
    picture(sari, "reports").await;
    presses(sari, &[Key::Tab]).await;
    sari.comes_to(FOCUSED, "Abaikan").await;
    presses(sari, &[Key::Enter]).await;
    sari.shows(".result", "Berhasil.").await;
    sari.shows("#reports", "Tidak ada laporan.").await;
    sari.shows("#acts", "Laporan diabaikan:").await;
    sari.script("document.querySelector('#acts').scrollIntoView()", vec![]).await;
    picture(sari, "moderation-log").await;
    dewi.reload().await;
    dewi.shows(TEXT, "kata kasar").await;
}

#[tokio::test]
async fn two_taps_report_on_a_phone_and_one_decides() {
    let ReportedRoom { sari, dewi, budi, .. } = &mut reported_room().await;
    for page in [&*sari, &*dewi] {
        page.screen(390, 844, true).await;
    }
    for n in 1..=3 {
        budi.send_acked(&format!("Ayo ikut undian nomor {n} sekarang juga, hadiahnya banyak")).await;
    }
    dewi.shows(TEXT, "nomor 3").await;
    dewi.long_press(&format!("{OF_BUDI} .bubble")).await;
    chooses(dewi, "Laporkan…").await;
    dewi.shows(".report", "Laporkan pesan budi").await;
    let fill = "document.querySelector('#report-reason').value = 'iklan'";
    dewi.script(fill, vec![]).await;
    dewi.is_accessible("the dialog of a report on a phone").await;
    picture(dewi, "report-phone").await;
    let small = "return [...document.querySelectorAll('.report button')].map(element => element.getBoundingClientRect()) \
        .filter(({ width, height }) => Math.min(width, height) < 44).length";
    assert_eq!(dewi.script(small, vec![]).await, 0);
    dewi.click(".report .primary").await;
    dewi.shows("#toast", "Dilaporkan.").await;

    sari.reload().await;
    sari.comes_to(COUNT, "1").await;
    picture(sari, "report-count-phone").await;
    let wide = "return document.documentElement.scrollWidth > innerWidth";
    assert_eq!(sari.script(wide, vec![]).await, false);
    sari.click("#report-count").await;
    sari.shows("#reports .reporters", "iklan").await;
    sari.click("#reports summary").await;
    sari.is_accessible("the queue of reports on a phone").await;
    assert_eq!(sari.script(UNFIT, vec![]).await, json!([0, false]));
    picture(sari, "reports-phone").await;
    sari.click("#reports button[value=mute]").await;
    sari.shows("#reports", "Tidak ada laporan.").await;
    sari.shows("#acts", "budi dibungkam selama 1 jam").await;
    sari.script("document.querySelector('#acts').scrollIntoView()", vec![]).await;
    picture(sari, "moderation-log-phone").await;
    budi.send(json!({"type": "message", "nonce": "a1", "text": "lagi"})).await;
    budi.expect("the message is refused", |transcript| transcript.errors.iter().any(|error| error["code"] == "muted"))
        .await;
}

#[tokio::test]
async fn own_messages_cannot_be_reported() {
    let ReportedRoom { dewi, budi, .. } = &mut reported_room().await;
    budi.send_acked("dari budi").await;
    dewi.shows(TEXT, "dari budi").await;
    dewi.enter("#text", "dari dewi").await;
    dewi.shows("#timeline .own .text", "dari dewi").await;
    for (message, expected) in [("#timeline .own .more", false), (".message:not(.own) .more", true)] {
        dewi.click(message).await;
        dewi.shows(ITEMS, "Salin teks").await;
        assert_eq!(dewi.texts(ITEMS).await.contains(&"Laporkan…".to_owned()), expected, "{message}");
        presses(dewi, &[Key::Escape]).await;
        dewi.comes_to("return document.querySelector('.menu') === null", true).await;
    }
}

/// A room with sari, a signed-in moderator, with dewi, and with budi.
struct ReportedRoom {
    _cluster: Cluster,
    sari: Browser,
    dewi: Browser,
    budi: WsClient,
    _token: NamedTempFile,
}

async fn presses(page: &Browser, keys: &[Key]) {
    page.presses(&keys.iter().map(|key| char::from(*key)).collect::<String>()).await;
}

async fn reported_room() -> ReportedRoom {
    let token = token_file();
    let builder = Cluster::builder(Engine::Memory).set("RUANG_MESSAGES_PER_SECOND", "0");
    let cluster = builder.with_operator(&token).start().await;
    let (sari, dewi) = tokio::join!(Browser::start("id"), Browser::start("id"));
    sari.open(&format!("{}/operator", cluster.base(0))).await;
    sari.enter("#token", TOKEN).await;
    sari.shows("body", "Pengumuman").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    signs_in(&dewi, cluster.base(0), "dewi").await;
    let budi = cluster.join(0, "budi").await;
    sari.shows("#members", "budi").await;
    ReportedRoom { _cluster: cluster, sari, dewi, budi, _token: token }
}
