//! `RUANG_HISTORY_AGE`: expired messages are not shown; a client that has them resumes without a gap.

use serde_json::json;

use crate::kit::{Cluster, Engine, HttpClient, SOON, WsClient, engines::on_both_engines, eventually, redis::command};

on_both_engines! {
    expired_messages_are_in_no_page_and_no_welcome,
    resume_from_an_expired_message_has_no_gap,
    missed_expired_message_is_a_gap,
}

async fn expired_messages_are_in_no_page_and_no_welcome(engine: Engine) {
    let mut cluster = Cluster::builder(engine).set("RUANG_HISTORY_AGE", "1s").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let first = sari.send_acked("satu-lama").await;
    let last = sari.send_acked("dua-lama").await;
    wait_until_expired(&sari.http_client).await;
    let page = sari.http_client.get("/chat").await;
    page.is(200);
    assert!(!page.body.contains("satu-lama") && !page.body.contains("dua-lama"), "{}", page.body);
    let after = sari.http_client.get(&format!("/api/messages?after={first}")).await;
    assert_eq!(after.json(), json!({"messages": [], "more": false, "trimmed": true}));
    let budi = cluster.join(0, "budi").await;
    let welcome = budi.transcript().last_welcome().clone();
    assert_eq!(
        (&welcome["messages"], &welcome["recovered"], &welcome["head"]),
        (&json!([]), &json!(true), &json!(last))
    );
    if engine == Engine::Redis {
        // An instance that started later.
        cluster.add().await;
        let citra = cluster.join(1, "citra").await;
        assert_eq!(citra.transcript().last_welcome()["messages"], json!([]));
        assert_eq!(citra.http_client.get("/api/messages").await.json()["messages"], json!([]));
        let back = WsClient::rejoin(&citra.http_client, &last).await;
        assert_eq!(back.transcript().last_welcome()["recovered"], true);
        let log = "ruang:{ruang_chat_utama}:log";
        eventually(SOON, "the log is trimmed to its newest entry", || async {
            let entries = command(cluster.redis.as_ref().expect("Redis"), &["XLEN", log]).await;
            if entries.trim() == "1" { Ok(()) } else { Err(entries) }
        })
        .await;
    }
}

async fn resume_from_an_expired_message_has_no_gap(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_HISTORY_AGE", "1s").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let seen = sari.send_acked("lama").await;
    wait_until_expired(&sari.http_client).await;
    let back = WsClient::rejoin(&sari.http_client, &seen).await;
    assert_eq!(
        (&back.transcript().last_welcome()["recovered"], &back.transcript().last_welcome()["missed"]),
        (&json!(true), &json!(0))
    );
    sari.send_acked("baru").await;
    let back = WsClient::rejoin(&sari.http_client, &seen).await.transcript();
    assert_eq!(back.last_welcome()["recovered"], true);
    let texts = back.texts();
    assert!(texts.is_empty() || texts == ["baru"], "at most the new message, unless it is expired: {texts:?}");
}

async fn missed_expired_message_is_a_gap(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_HISTORY_AGE", "1s").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let seen = sari.send_acked("dilihat").await;
    sari.send_acked("terlewat").await;
    wait_until_expired(&sari.http_client).await;
    let back = WsClient::rejoin(&sari.http_client, &seen).await.transcript();
    assert_eq!((&back.last_welcome()["recovered"], &back.last_welcome()["missed"]), (&json!(false), &json!(null)));
}

async fn wait_until_expired(http_client: &HttpClient) {
    eventually(SOON, "the messages are expired", || async {
        let page = http_client.get("/api/messages").await.json();
        if page == json!({"messages": [], "more": false}) { Ok(()) } else { Err(page.to_string()) }
    })
    .await;
}
