//! Clients with a hidden window.

use std::time::Duration;

use serde_json::json;

use crate::kit::{Cluster, Engine, SOON, Transcript, WsClient, engines::on_both_engines};

on_both_engines! {
    hidden_client_gets_frames_gathered_and_in_order,
    ping_of_a_hidden_client_is_answered_after_what_waited,
    hidden_client_is_sent_what_waited_before_bye,
    hidden_client_gets_its_own_message_at_once,
    attention_before_join_is_an_error,
}

async fn hidden_client_gets_frames_gathered_and_in_order(engine: Engine) {
    let (_cluster, mut sari, mut budi) = hidden_budi(engine).await;
    let texts: Vec<String> = (0..8).map(|n| format!("pesan {n}")).collect();
    let mut delayed = 0;
    for text in &texts {
        sari.send_acked(text).await;
        sari.wait_for_text("sari", text).await;
        delayed += usize::from(!budi.transcript().shows("sari", text));
    }
    assert!(delayed > 0, "every frame came at once");
    // A second, and what a busy machine takes.
    let transcript =
        budi.expect_within(SOON, "all messages", |transcript| transcript.texts().len() == texts.len()).await;
    assert_eq!(transcript.texts(), texts);
    assert!(transcript.violations.is_empty(), "{:?}", transcript.violations);
}

async fn ping_of_a_hidden_client_is_answered_after_what_waited(engine: Engine) {
    let (_cluster, mut sari, mut budi) = hidden_budi(engine).await;
    for n in 0..5 {
        let id = sari.send_acked("halo").await;
        sari.expect("the message", |transcript| transcript.ids().contains(&id.as_str())).await;
        budi.send(json!({"type": "ping"})).await;
        let transcript = budi.expect("a pong", |transcript| transcript.pongs.len() == n + 2).await;
        assert_eq!(transcript.pongs[n + 1].as_ref(), Some(&id));
        assert_eq!(transcript.ids().last(), Some(&id.as_str()), "the pong overtook the message that it names");
    }
}

async fn hidden_client_is_sent_what_waited_before_bye(engine: Engine) {
    let (_cluster, mut sari, mut budi) = hidden_budi(engine).await;
    sari.send_acked("sebelum keluar").await;
    sari.wait_for_text("sari", "sebelum keluar").await;
    budi.http_client.log_out().await;
    let transcript = budi.wait_for_bye(SOON, "session_ended", 4001).await;
    assert!(transcript.shows("sari", "sebelum keluar"));
}

async fn hidden_client_gets_its_own_message_at_once(engine: Engine) {
    let (_cluster, _sari, mut budi) = hidden_budi(engine).await;
    // Gathered, each would take half a second on average.
    for n in 0..6 {
        let text = format!("dari latar {n}");
        budi.send_acked(&text).await;
        budi.expect_within(Duration::from_millis(400), "its own message", |transcript| transcript.shows("budi", &text))
            .await;
    }
}

async fn attention_before_join_is_an_error(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = WsClient::connect(&cluster.sign_in(0, "sari").await).await;
    sari.send(json!({"type": "attention", "visible": false})).await;
    sari.expect("an error", |transcript: &Transcript| transcript.error_codes() == ["not_joined"]).await;
    sari.join(None).await;
    assert_eq!(sari.transcript().last_welcome()["attention"], true);
}

async fn hidden_budi(engine: Engine) -> (Cluster, WsClient, WsClient) {
    let cluster = Cluster::with_defaults(engine).await;
    let (sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    budi.send(json!({"type": "attention", "visible": false})).await;
    // A reply shows that it is read.
    budi.send(json!({"type": "ping"})).await;
    budi.expect("a pong", |transcript| !transcript.pongs.is_empty()).await;
    (cluster, sari, budi)
}
