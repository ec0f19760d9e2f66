//! Two versions of the program in one cluster, as they are during an update, and during one that is taken back.
//! `tests/versions` builds the other one; without it this version is updated by itself.

use std::time::Duration;

use crate::kit::{
    Cluster, Engine, SOON, WsClient,
    cluster::ClusterBuilder,
    operator::{TOKEN, token_file},
};

/// How long an instance may take to hand its people over.
const DRAINED: Duration = Duration::from_secs(30);

#[tokio::test]
async fn update_to_this_version_is_seamless() {
    let token = token_file();
    let mut cluster = settings(&token).start().await;
    let old = cluster.add_program(&other_program()).await;
    carries_over(&mut cluster, old).await;
}

#[tokio::test]
async fn rollback_to_the_other_version_is_seamless() {
    let token = token_file();
    let mut cluster = settings(&token).start().await;
    cluster.add_program(&other_program()).await;
    carries_over(&mut cluster, 0).await;
}

/// As much as this version has to say to another: messages are traced too, though nobody takes the traces.
fn settings(token: &tempfile::NamedTempFile) -> ClusterBuilder {
    Cluster::builder(Engine::Redis)
        .set("RUANG_MESSAGES_PER_SECOND", "0")
        .with_operator(token)
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
}

/// Sari, at the instance that goes, and budi, at the one that stays, chat before and after.
async fn carries_over(cluster: &mut Cluster, goes: usize) {
    let stays = 1 - goes;
    let mut sari = cluster.join(goes, "sari").await;
    let mut budi = cluster.join(stays, "budi").await;
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
    // What the other version may not know of is nothing to it.
    let announced = cluster.http_client(0).request(reqwest::Method::POST, "/api/operator");
    let act = serde_json::json!({"act": "announce", "text": "Sebentar."});
    announced.header("authorization", format!("Bearer {TOKEN}")).json(&act).send().await.expect("an answer");
    sari.send_acked("setelah itu").await;
    budi.wait_for_text("sari", "setelah itu").await;

    let last = sari.transcript().messages.last().expect("a message").id.clone();
    cluster.instances[goes].terminate();
    sari.wait_for_bye(DRAINED, "restart", 1012).await;
    let mut sari = WsClient::rejoin(&sari.http_client.with_base(cluster.instances[stays].base()), &last).await;
    assert_eq!(sari.transcript().last_welcome()["recovered"], true);
    sari.send_acked("aku kembali").await;
    let transcript = budi.wait_for_text("sari", "aku kembali").await;
    assert!(!transcript.has_left("sari"), "{:?}", transcript.changes);
    assert_eq!(transcript.welcomes.len(), 1, "budi missed nothing");
    assert!(cluster.instances[goes].wait_for_exit(SOON * 4).await.success());
}

#[expect(clippy::disallowed_methods, reason = "a test has no settings: the program comes with the command")]
fn other_program() -> String {
    std::env::var("RUANG_OTHER").unwrap_or_else(|_| env!("CARGO_BIN_EXE_ruang").to_owned())
}
