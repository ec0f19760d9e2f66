//! Two versions of the program in one cluster, as during an update or a rollback.
//! `tests/versions` builds the other one; without it both are this version.

use std::time::Duration;

use serde_json::json;

use crate::kit::{
    Cluster, Engine, SOON, WsClient,
    cluster::ClusterBuilder,
    operator::{TOKEN, token_file},
};

/// Limit of a drain.
const DRAINED: Duration = Duration::from_secs(30);

#[tokio::test]
async fn update_to_this_version_is_seamless() {
    let token = token_file();
    let mut cluster = settings(&token).start().await;
    let old = cluster.add_program(&other_program()).await;
    replace_instance(&mut cluster, old).await;
}

#[tokio::test]
async fn rollback_to_the_other_version_is_seamless() {
    let token = token_file();
    let mut cluster = settings(&token).start().await;
    cluster.add_program(&other_program()).await;
    replace_instance(&mut cluster, 0).await;
}

/// The other version ignores edits, applies deletions, and announces no gap; its clients see the edits at this version.
#[tokio::test]
async fn changes_beside_the_other_version_open_no_gap() {
    let token = token_file();
    let mut cluster = settings(&token).start().await;
    cluster.add_program(&other_program()).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(1, "budi").await);
    let (edited, deleted) = (sari.send_acked("satu").await, sari.send_acked("dua").await);
    budi.wait_for_text("sari", "dua").await;
    sari.send(json!({"type": "edit", "nonce": "e", "id": edited, "text": "tiga"})).await;
    sari.send(json!({"type": "delete", "nonce": "d", "id": deleted})).await;
    sari.expect("the acks", |transcript| transcript.acked("d").is_some()).await;
    budi.expect("the deletion", |transcript| transcript.removed == [deleted.clone()]).await;
    sari.send(json!({"type": "message", "nonce": "r", "text": "empat", "reply_to": edited})).await;
    let transcript = budi.wait_for_text("sari", "empat").await;
    assert_eq!((transcript.welcomes.len(), transcript.byes.len()), (1, 0), "no gap, no reconnect");
    budi.send_acked("lima").await;
    sari.wait_for_text("budi", "lima").await;
    // It moves to this version, and sees the present state.
    let mut budi = WsClient::rejoin(&budi.http_client.with_base(cluster.base(0)), &deleted).await;
    let transcript = budi.catch_up().await;
    assert_eq!(transcript.last_welcome()["recovered"], true);
    assert_eq!((&transcript.edited, transcript.texts()), (&vec![(edited, "tiga".to_owned())], vec!["empat", "lima"]));
}

/// Enables every feature that adds to envelopes: messages are traced too, without a collector.
fn settings(token: &tempfile::NamedTempFile) -> ClusterBuilder {
    Cluster::builder(Engine::Redis)
        .set("RUANG_MESSAGES_PER_SECOND", "0")
        .with_operator(token)
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
}

/// Sari, at the instance that is replaced, and budi, at the other, chat before and after.
async fn replace_instance(cluster: &mut Cluster, replaced: usize) {
    let kept = 1 - replaced;
    let mut sari = cluster.join(replaced, "sari").await;
    let mut budi = cluster.join(kept, "budi").await;
    for client in [&mut sari, &mut budi] {
        client.wait_for_members(&["budi", "sari"]).await;
    }
    for n in 0..20 {
        sari.send_acked(&format!("sari {n}")).await;
        budi.send_acked(&format!("budi {n}")).await;
    }
    for client in [&mut sari, &mut budi] {
        client.wait_for_text("budi", "budi 19").await;
    }
    assert_eq!(sari.transcript().texts(), budi.transcript().texts());
    // The other version ignores what it does not know.
    let request = cluster.http_client(0).request(reqwest::Method::POST, "/api/operator");
    let act = serde_json::json!({"act": "announce", "text": "Sebentar."});
    request.header("authorization", format!("Bearer {TOKEN}")).json(&act).send().await.expect("a response");
    sari.send_acked("setelah itu").await;
    budi.wait_for_text("sari", "setelah itu").await;

    let last = sari.transcript().messages.last().expect("a message").id.clone();
    cluster.instances[replaced].terminate();
    sari.wait_for_bye(DRAINED, "restart", 1012).await;
    let mut sari = WsClient::rejoin(&sari.http_client.with_base(cluster.instances[kept].base()), &last).await;
    assert_eq!(sari.transcript().last_welcome()["recovered"], true);
    sari.send_acked("aku kembali").await;
    let transcript = budi.wait_for_text("sari", "aku kembali").await;
    assert!(!transcript.has_left("sari"), "{:?}", transcript.changes);
    assert_eq!(transcript.welcomes.len(), 1, "budi has no gap");
    assert!(cluster.instances[replaced].wait_for_exit(SOON * 4).await.success());
}

#[expect(clippy::disallowed_methods, reason = "a test has no settings: the program comes with the command")]
fn other_program() -> String {
    std::env::var("RUANG_OTHER").unwrap_or_else(|_| env!("CARGO_BIN_EXE_ruang").to_owned())
}
