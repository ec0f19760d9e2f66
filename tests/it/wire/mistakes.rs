//! Frames that cause an error frame, and the limit of errors.

use serde_json::json;

use crate::kit::{Cluster, Engine, SOON, WsClient, engines::on_both_engines};

on_both_engines! {
    only_join_and_ping_are_accepted_before_the_welcome,
    malformed_frames_are_bad_frame,
    empty_and_too_long_texts_are_errors_with_their_nonce,
    invalid_nonces_are_errors_without_a_nonce,
    tenth_error_in_a_minute_closes_the_socket,
    rate_limited_messages_do_not_count_as_errors,
}

async fn only_join_and_ping_are_accepted_before_the_welcome(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await;
    let mut client = WsClient::connect(&sari).await;
    client.send_with_nonce("n", "terlalu cepat").await;
    client.send(json!({"type": "typing", "active": true})).await;
    let transcript = client.catch_up().await;
    assert_eq!(transcript.error_codes(), ["not_joined", "not_joined"]);
    assert_eq!((&transcript.errors[0]["nonce"], &transcript.errors[1].get("nonce")), (&json!("n"), &None));
    client.join(None).await;
    assert!(client.transcript().messages.is_empty());
}

async fn malformed_frames_are_bad_frame(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let bad = ["", "{", "null", "[]", "7", r#""join""#, "{}", r#"{"type":7}"#, r#"{"type":"dance"}"#];
    for text in bad {
        sari.send_raw(tokio_tungstenite::tungstenite::Message::text(text)).await;
    }
    let transcript = sari.catch_up().await;
    assert_eq!(transcript.error_codes(), vec!["bad_frame"; bad.len()]);
    sari.send_acked("masih di sini").await;
}

async fn empty_and_too_long_texts_are_errors_with_their_nonce(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    for (nonce, text) in [("a", String::new()), ("b", " \n\t ".to_owned()), ("c", "x".repeat(2001))] {
        sari.send_with_nonce(nonce, &text).await;
    }
    let transcript = sari.expect("three errors", |transcript| transcript.errors.len() == 3).await;
    let found: Vec<_> =
        transcript.errors.iter().map(|error| (error["nonce"].as_str(), error["code"].as_str())).collect();
    let expected = [("a", "empty"), ("b", "empty"), ("c", "too_long")].map(|(nonce, code)| (Some(nonce), Some(code)));
    assert_eq!(found, expected);
    sari.send_acked("akhir").await;
    assert_eq!(sari.wait_for_text("sari", "akhir").await.texts(), ["akhir"]);
}

async fn invalid_nonces_are_errors_without_a_nonce(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let long = "n".repeat(65);
    let nonces = ["", "a b", "a\"b", "\u{e9}", long.as_str()];
    for nonce in nonces {
        sari.send_invalid(json!({"type": "message", "nonce": nonce, "text": "halo"})).await;
    }
    let transcript = sari.catch_up().await;
    // `bad_nonce` or `bad_frame`: the message must not be sent, nor the nonce repeated.
    assert!(
        transcript.error_codes().iter().all(|code| ["bad_frame", "bad_nonce"].contains(code)),
        "{:?}",
        transcript.errors
    );
    assert_eq!(transcript.errors.len(), nonces.len());
    assert!(transcript.errors.iter().all(|error| error.get("nonce").is_none()), "{:?}", transcript.errors);
    assert!(transcript.messages.is_empty());
    sari.send_with_nonce(&"n".repeat(64), "pas").await;
    sari.wait_for_text("sari", "pas").await;
}

async fn tenth_error_in_a_minute_closes_the_socket(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    for _ in 0..9 {
        sari.send_invalid(json!({"type": "dance"})).await;
    }
    assert_eq!(sari.catch_up().await.errors.len(), 9);
    sari.send_invalid(json!({"type": "dance"})).await;
    sari.wait_for_bye(SOON, "policy", 1008).await;
}

async fn rate_limited_messages_do_not_count_as_errors(engine: Engine) {
    let settings = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "1").set("RUANG_MESSAGES_BURST", "1");
    let cluster = settings.start().await;
    let mut sari = cluster.join(0, "sari").await;
    for i in 0..20 {
        sari.send_text(&i.to_string()).await;
    }
    let transcript =
        sari.expect("all replies", |transcript| transcript.errors.len() + transcript.acks.len() == 20).await;
    assert!(
        transcript.errors.len() > 12 && transcript.error_codes().iter().all(|code| *code == "rate_limited"),
        "{transcript:?}"
    );
    assert!(sari.catch_up().await.closed.is_none());
}
