//! Texts that harm the screens or lines of their readers: refused, cleaned or limited by their bytes.

use std::time::{Duration, Instant};

use crate::kit::{Cluster, Engine, engines::on_both_engines};

/// How long sessions send as fast as they can.
const FLOOD: Duration = Duration::from_secs(6);
/// Bytes of text that the sessions of one address may send in that time: 800 KiB at once and 100 KiB per second.
const BYTES_OF_AN_ADDRESS: usize = 1024 * (800 + 100 * 7);

on_both_engines! {
    text_without_a_visible_character_is_refused,
    control_characters_and_stacked_marks_reach_no_client,
    sessions_of_one_address_are_limited_in_bytes,
}

async fn text_without_a_visible_character_is_refused(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let invisible = ["\u{2800}", "\u{3164}", "\u{115f}", "\u{2064}", "\u{200b}\n\u{feff}", "\u{1}\u{2}"];
    for text in invisible {
        sari.send_text(text).await;
    }
    let transcript = sari.expect("the errors", |transcript| transcript.errors.len() == invisible.len()).await;
    assert_eq!(transcript.error_codes(), ["empty"; 6]);
    sari.send_acked("terlihat").await;
    assert_eq!(sari.wait_for_text("sari", "terlihat").await.texts(), ["terlihat"]);
}

async fn control_characters_and_stacked_marks_reach_no_client(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    sari.send_text(&format!("bel\u{7}\u{1b}[31m\tz{}\n\tindentasi", "\u{336}".repeat(100))).await;
    let shown = format!("bel[31m\tz{}\n\tindentasi", "\u{336}".repeat(4));
    budi.wait_for_text("sari", &shown).await;
}

async fn sessions_of_one_address_are_limited_in_bytes(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let mut reader = cluster.join(0, "budi").await;
    let mut senders = vec![];
    for n in 0..10 {
        senders.push(cluster.join(0, &format!("penulis{n}")).await);
    }
    let text = "\u{1f642}".repeat(2000);
    let start = Instant::now();
    let mut turns = tokio::time::interval(Duration::from_millis(200));
    while start.elapsed() < FLOOD {
        turns.tick().await;
        for sender in &mut senders {
            sender.send_text(&text).await;
        }
    }
    let received: usize = reader.catch_up().await.texts().iter().map(|text| text.len()).sum();
    assert!(received <= BYTES_OF_AN_ADDRESS, "{received} bytes of text");
    for sender in &mut senders {
        let transcript = sender.catch_up().await;
        assert!(transcript.error_codes().iter().all(|code| *code == "rate_limited"), "{:?}", transcript.error_codes());
    }
}
