//! Frames that are answered with an error, and the socket stays; until there are too many.

use serde_json::json;

use crate::kit::{Cluster, Engine, SOON, WsClient, engines::on_both_engines};

on_both_engines! {
    before_the_welcome_only_join_and_ping_are_heard,
    what_is_not_a_frame_is_said_to_be_none,
    empty_and_too_long_texts_are_refused_under_their_nonce,
    bad_nonces_are_bad_frames_without_a_nonce,
    the_tenth_error_in_a_minute_is_the_last,
    being_too_fast_is_no_such_error,
}

async fn before_the_welcome_only_join_and_ping_are_heard(engine: Engine) {
    let cluster = Cluster::as_it_comes(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await;
    let mut guest = WsClient::connect(&sari).await;
    guest.say_as("n", "terlalu cepat").await;
    guest.send(json!({"type": "typing", "active": true})).await;
    let heard = guest.catch_up().await;
    assert_eq!(heard.error_codes(), ["not_joined", "not_joined"]);
    assert_eq!((&heard.errors[0]["nonce"], &heard.errors[1].get("nonce")), (&json!("n"), &None));
    guest.join(None).await;
    assert!(guest.heard().messages.is_empty());
}

async fn what_is_not_a_frame_is_said_to_be_none(engine: Engine) {
    let cluster = Cluster::as_it_comes(engine).await;
    let mut sari = cluster.guest(0, "sari").await;
    let bad = ["", "{", "null", "[]", "7", r#""join""#, "{}", r#"{"type":7}"#, r#"{"type":"dance"}"#];
    for text in bad {
        sari.send_raw(tokio_tungstenite::tungstenite::Message::text(text)).await;
    }
    let heard = sari.catch_up().await;
    assert_eq!(heard.error_codes(), vec!["bad_frame"; bad.len()]);
    sari.say_kept("masih di sini").await;
}

async fn empty_and_too_long_texts_are_refused_under_their_nonce(engine: Engine) {
    let cluster = Cluster::as_it_comes(engine).await;
    let mut sari = cluster.guest(0, "sari").await;
    for (nonce, text) in [("a", String::new()), ("b", " \n\t ".to_owned()), ("c", "x".repeat(2001))] {
        sari.say_as(nonce, &text).await;
    }
    let heard = sari.expect("three errors", |heard| heard.errors.len() == 3).await;
    let found: Vec<_> = heard.errors.iter().map(|error| (error["nonce"].as_str(), error["code"].as_str())).collect();
    let expected = [("a", "empty"), ("b", "empty"), ("c", "too_long")].map(|(nonce, code)| (Some(nonce), Some(code)));
    assert_eq!(found, expected);
    sari.say_kept("akhir").await;
    assert_eq!(sari.hears("sari", "akhir").await.texts(), ["akhir"]);
}

async fn bad_nonces_are_bad_frames_without_a_nonce(engine: Engine) {
    let cluster = Cluster::as_it_comes(engine).await;
    let mut sari = cluster.guest(0, "sari").await;
    let long = "n".repeat(65);
    let nonces = ["", "a b", "a\"b", "\u{e9}", long.as_str()];
    for nonce in nonces {
        sari.say_as(nonce, "halo").await;
    }
    let heard = sari.catch_up().await;
    // `bad_nonce` fits as well as `bad_frame`; that nothing is said, and no such nonce repeated, is what counts.
    assert!(heard.error_codes().iter().all(|code| ["bad_frame", "bad_nonce"].contains(code)), "{:?}", heard.errors);
    assert_eq!(heard.errors.len(), nonces.len());
    assert!(heard.errors.iter().all(|error| error.get("nonce").is_none()), "{:?}", heard.errors);
    assert!(heard.messages.is_empty());
    sari.say_as(&"n".repeat(64), "pas").await;
    sari.hears("sari", "pas").await;
}

async fn the_tenth_error_in_a_minute_is_the_last(engine: Engine) {
    let cluster = Cluster::as_it_comes(engine).await;
    let mut sari = cluster.guest(0, "sari").await;
    for _ in 0..9 {
        sari.send(json!({"type": "dance"})).await;
    }
    assert_eq!(sari.catch_up().await.errors.len(), 9);
    sari.send(json!({"type": "dance"})).await;
    sari.is_sent_away(SOON, "policy", 1008).await;
}

async fn being_too_fast_is_no_such_error(engine: Engine) {
    let settings = Cluster::of(engine).set("RUANG_MESSAGES_PER_SECOND", "1").set("RUANG_MESSAGES_BURST", "1");
    let cluster = settings.start().await;
    let mut sari = cluster.guest(0, "sari").await;
    for i in 0..20 {
        sari.say(&i.to_string()).await;
    }
    let heard = sari.expect("all are answered", |heard| heard.errors.len() + heard.acks.len() == 20).await;
    assert!(heard.errors.len() > 12 && heard.error_codes().iter().all(|code| *code == "rate_limited"), "{heard:?}");
    assert!(sari.catch_up().await.closed.is_none());
}
