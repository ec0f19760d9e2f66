//! Messages: delivery, deduplication, order and limits.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::kit::{Cluster, Engine, WsClient, engines::on_both_engines, transcript::order};

on_both_engines! {
    message_reaches_all_including_the_sender,
    texts_are_stored_normalised_and_trimmed,
    text_of_2000_characters_of_any_script_is_accepted,
    repeated_nonce_returns_the_first_id_and_is_not_delivered,
    nonce_repeated_on_another_socket_returns_the_first_id,
    known_nonce_with_another_text_is_bad_nonce,
    equal_nonces_of_two_people_are_independent,
    ids_are_contiguous_and_times_never_decrease,
    pipelined_messages_keep_their_order,
    message_over_the_rate_is_rate_limited_with_retry_time,
    unknown_fields_are_ignored,
    pong_has_the_newest_id,
}

async fn message_reaches_all_including_the_sender(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    let nonce = sari.send_text("halo").await;
    let own = sari
        .expect("ack and message", |transcript| transcript.acked(&nonce).is_some() && transcript.shows("sari", "halo"))
        .await;
    let other = budi.wait_for_text("sari", "halo").await;
    assert_eq!(own.messages, other.messages);
    let message = &own.messages[0];
    assert_eq!((message.id.as_str(), &message.nonce), (own.acked(&nonce).expect("an ack"), &nonce));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    assert!(
        u128::from(message.at).abs_diff(now) < 60_000,
        "{} is not the present time in milliseconds, {now}",
        message.at
    );
    let frames = |transcript: &crate::kit::Transcript| {
        transcript.frames.iter().find(|frame| frame["type"] == "message").cloned()
    };
    assert_eq!(frames(&own), frames(&other), "all receive the same frame");
    assert!(other.acks.is_empty(), "only the sender receives the ack");
}

async fn texts_are_stored_normalised_and_trimmed(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_text("  Rene\u{301}\n  dua baris \n").await;
    sari.wait_for_text("sari", "Ren\u{e9}\n  dua baris").await;
}

async fn text_of_2000_characters_of_any_script_is_accepted(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    for text in ["a".repeat(2000), "\u{1f642}".repeat(2000), "e\u{301}".repeat(2000)] {
        sari.send_acked(&text).await;
    }
    sari.wait_for_text("sari", &"\u{1f642}".repeat(2000)).await;
}

async fn repeated_nonce_returns_the_first_id_and_is_not_delivered(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    for _ in 0..3 {
        sari.send_with_nonce("sekali", "hanya sekali").await;
    }
    let transcript = sari.expect("three acks", |transcript| transcript.acks.len() == 3).await;
    assert!(transcript.acks.iter().all(|ack| *ack == transcript.acks[0]), "{:?}", transcript.acks);
    sari.send_acked("akhir").await;
    assert_eq!(budi.wait_for_text("sari", "akhir").await.texts(), ["hanya sekali", "akhir"]);
    assert_eq!(sari.wait_for_text("sari", "akhir").await.texts(), ["hanya sekali", "akhir"]);
}

async fn nonce_repeated_on_another_socket_returns_the_first_id(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_with_nonce("sekali", "halo").await;
    let id = sari.expect("the ack", |transcript| !transcript.acks.is_empty()).await.acks[0].1.clone();
    let mut again = WsClient::connect_and_join(&sari.http_client).await;
    drop(sari);
    again.send_with_nonce("sekali", "halo").await;
    assert_eq!(
        again.expect("the ack", |transcript| !transcript.acks.is_empty()).await.acks,
        [("sekali".to_owned(), id)]
    );
    again.send_acked("akhir").await;
    assert_eq!(again.wait_for_text("sari", "akhir").await.texts(), ["halo", "akhir"]);
}

async fn known_nonce_with_another_text_is_bad_nonce(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_with_nonce("sekali", "halo").await;
    sari.send_with_nonce("sekali", "lain").await;
    let transcript = sari.expect("the error", |transcript| !transcript.errors.is_empty()).await;
    assert_eq!(
        (&transcript.errors[0]["code"], &transcript.errors[0]["nonce"]),
        (&json!("bad_nonce"), &json!("sekali"))
    );
    sari.send_acked("akhir").await;
    assert_eq!(sari.wait_for_text("sari", "akhir").await.texts(), ["halo", "akhir"]);
}

async fn equal_nonces_of_two_people_are_independent(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    sari.send_with_nonce("sama", "dari sari").await;
    budi.send_with_nonce("sama", "dari budi").await;
    sari.wait_for_text("budi", "dari budi").await;
    assert!(budi.wait_for_text("sari", "dari sari").await.errors.is_empty());
}

async fn ids_are_contiguous_and_times_never_decrease(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    for i in 0..50 {
        sari.send_text(&format!("s{i}")).await;
        budi.send_text(&format!("b{i}")).await;
    }
    let transcript = sari.expect("all of them", |transcript| transcript.messages.len() == 100).await;
    let numbers: Vec<_> = transcript.ids().into_iter().map(order).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == (pair[0].0, pair[0].1 + 1)), "{numbers:?}");
    assert!(transcript.messages.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert_eq!(
        budi.expect("all of them", |transcript| transcript.messages.len() == 100).await.messages,
        transcript.messages
    );
}

async fn pipelined_messages_keep_their_order(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let texts: Vec<_> = (0..100).map(|i| i.to_string()).collect();
    for text in &texts {
        sari.send_text(text).await;
    }
    assert_eq!(sari.expect("all of them", |transcript| transcript.messages.len() == 100).await.texts(), texts);
}

async fn message_over_the_rate_is_rate_limited_with_retry_time(engine: Engine) {
    let settings = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "1").set("RUANG_MESSAGES_BURST", "3");
    let cluster = settings.start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut second_tab = WsClient::connect_and_join(&sari.http_client).await;
    for text in ["1", "2", "3"] {
        sari.send_acked(text).await;
    }
    // The limit is per session: another tab does not raise it.
    let nonce = second_tab.send_text("4").await;
    let transcript = second_tab.expect("the error", |transcript| !transcript.errors.is_empty()).await;
    let error = &transcript.errors[0];
    assert_eq!((&error["code"], &error["nonce"]), (&json!("rate_limited"), &json!(nonce)));
    let wait = error["retry_after_ms"].as_u64().expect("a retry time");
    assert!((1..=1500).contains(&wait), "{wait}");
    assert!(!second_tab.catch_up().await.shows("sari", "4"));
}

async fn unknown_fields_are_ignored(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send(json!({"type": "message", "nonce": "a", "text": "halo", "from": "admin", "id": "9-9", "x": {}})).await;
    let transcript = sari.wait_for_text("sari", "halo").await;
    assert_ne!(transcript.ids(), ["9-9"]);
}

async fn pong_has_the_newest_id(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let id = sari.send_acked("halo").await;
    sari.wait_for_text("sari", "halo").await;
    assert_eq!(sari.catch_up().await.pongs, [Some(id)]);
}
