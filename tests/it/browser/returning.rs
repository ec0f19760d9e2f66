//! Returning to the room: what is new, and when it was.

use super::{TEXT, sari_alone, signs_in};
use crate::kit::Browser;

const UNREAD: &str =
    "return document.querySelector('#timeline .unread')?.parentElement.querySelector('.text').textContent";

#[tokio::test]
async fn many_missed_messages_get_a_count_a_line_and_a_way_up() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked("terakhir dibaca").await;
    sari.shows(TEXT, "terakhir dibaca").await;
    sari.open("about:blank").await;
    for n in 1..=120 {
        budi.send_text(&format!("pesan {n}")).await;
    }
    budi.catch_up().await;
    sari.open(&format!("{}/chat", cluster.base(0))).await;
    sari.shows("#jump-unread", "120 pesan sejak Anda pergi").await;
    sari.is_accessible("many missed messages").await;
    sari.click("#jump-unread").await;
    sari.comes_to(UNREAD, "pesan 1").await;
    let in_view = "const line = document.querySelector('#timeline .unread').getBoundingClientRect(), \
        box = document.querySelector('#scroll').getBoundingClientRect(); \
        return line.top >= box.top && line.bottom <= box.bottom";
    sari.comes_to(in_view, true).await;
    sari.comes_to("return document.querySelector('#jump-unread').hidden", true).await;
    sari.shows("#jump", "").await;
}

#[tokio::test]
async fn midnight_renames_the_days() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    budi.send_acked("sebelum tengah malam").await;
    sari.shows("#timeline .day", "Hari ini").await;
    let tomorrow = "window.Date = class extends Date { \
        constructor(...parts) { if (parts.length) super(...parts); else super(Date.now() + 864e5) } \
        static now() { return super.now() + 864e5 } }";
    sari.script(tomorrow, vec![]).await;
    budi.send_acked("sesudah tengah malam").await;
    sari.shows("#timeline .day", "Kemarin").await;
    assert_eq!(sari.texts("#timeline .day").await, ["Kemarin"]);
}

#[tokio::test]
async fn times_follow_the_region_of_the_browser() {
    let (cluster, _) = sari_alone().await;
    cluster.join(0, "budi").await.send_acked("pukul berapa?").await;
    for (region, form) in [("en-GB", r"^\d\d:\d\d$"), ("en-US", r"^\d\d:\d\d.[AP]M$")] {
        let page = Browser::start(region).await;
        signs_in(&page, cluster.base(0), region).await;
        let matches = format!("return /{form}/.test(document.querySelector('#timeline time').textContent)");
        page.comes_to(&matches, true).await;
    }
}

#[tokio::test]
async fn zone_that_changes_moves_the_times_in_an_open_page() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    sari.zone("Asia/Jakarta").await;
    sari.reload().await;
    budi.send_acked("sebelum berangkat").await;
    sari.shows(TEXT, "sebelum berangkat").await;
    // The traveller is back at the page.
    let hours = |zone: &str| {
        format!(
            "document.dispatchEvent(new Event('visibilitychange')); const hour = new Intl.DateTimeFormat('en-GB', \
             {{ hour: '2-digit', timeZone: '{zone}' }}); const times = [...document.querySelectorAll('#timeline time')]; \
             return times.length > 0 && times.every(time => time.textContent.startsWith(hour.format(new Date(time.dateTime))))"
        )
    };
    sari.comes_to(&hours("Asia/Jakarta"), true).await;
    // Also to a zone in which it is another day.
    for zone in ["Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        sari.zone(zone).await;
        sari.comes_to(&hours(zone), true).await;
        assert_eq!(sari.texts("#timeline .day").await, ["Hari ini"], "{zone}");
    }
    budi.send_acked("sesudah tiba").await;
    sari.shows(TEXT, "sesudah tiba").await;
    sari.comes_to(&hours("Pacific/Pago_Pago"), true).await;
}
