//! `RUANG_HISTORY_AGE`: what is too old is shown to nobody, and who has seen it misses nothing.

use serde_json::json;

use crate::kit::{Cluster, Engine, HttpClient, SOON, WsClient, engines::on_both_engines, eventually, redis::command};

on_both_engines! {
    what_is_too_old_is_in_no_page_and_no_welcome,
    who_has_seen_what_is_too_old_comes_back_without_a_gap,
    who_has_missed_what_is_too_old_is_told_of_a_gap,
}

async fn what_is_too_old_is_in_no_page_and_no_welcome(engine: Engine) {
    let mut cluster = Cluster::of(engine).set("RUANG_HISTORY_AGE", "1s").start().await;
    let mut sari = cluster.guest(0, "sari").await;
    let first = sari.say_kept("pertama").await;
    let last = sari.say_kept("terakhir").await;
    has_forgotten(&sari.http_client).await;
    let page = sari.http_client.get("/chat").await;
    page.is(200);
    assert!(!page.body.contains("pertama") && !page.body.contains("terakhir"), "{}", page.body);
    let after = sari.http_client.get(&format!("/api/messages?after={first}")).await;
    assert_eq!(after.json(), json!({"messages": [], "more": false, "trimmed": true}));
    let budi = cluster.guest(0, "budi").await;
    let welcome = budi.heard().welcomed().clone();
    assert_eq!(
        (&welcome["messages"], &welcome["recovered"], &welcome["head"]),
        (&json!([]), &json!(true), &json!(last))
    );
    if engine == Engine::Redis {
        // An instance that was never told of it.
        cluster.add().await;
        let citra = cluster.guest(1, "citra").await;
        assert_eq!(citra.heard().welcomed()["messages"], json!([]));
        assert_eq!(citra.http_client.get("/api/messages").await.json()["messages"], json!([]));
        let back = WsClient::rejoin(&citra.http_client, &last).await;
        assert_eq!(back.heard().welcomed()["recovered"], true);
        let log = "ruang:{ruang_chat_utama}:log";
        eventually(SOON, "the log is trimmed to its newest entry", || async {
            let entries = command(cluster.redis.as_ref().expect("Redis"), &["XLEN", log]).await;
            if entries.trim() == "1" { Ok(()) } else { Err(entries) }
        })
        .await;
    }
}

async fn who_has_seen_what_is_too_old_comes_back_without_a_gap(engine: Engine) {
    let cluster = Cluster::of(engine).set("RUANG_HISTORY_AGE", "1s").start().await;
    let mut sari = cluster.guest(0, "sari").await;
    let seen = sari.say_kept("lama").await;
    has_forgotten(&sari.http_client).await;
    let back = WsClient::rejoin(&sari.http_client, &seen).await;
    assert_eq!((&back.heard().welcomed()["recovered"], &back.heard().welcomed()["missed"]), (&json!(true), &json!(0)));
    sari.say_kept("baru").await;
    let back = WsClient::rejoin(&sari.http_client, &seen).await.heard();
    assert_eq!(back.welcomed()["recovered"], true);
    let texts = back.texts();
    assert!(texts.is_empty() || texts == ["baru"], "unless it is too old by now: {texts:?}");
}

async fn who_has_missed_what_is_too_old_is_told_of_a_gap(engine: Engine) {
    let cluster = Cluster::of(engine).set("RUANG_HISTORY_AGE", "1s").start().await;
    let mut sari = cluster.guest(0, "sari").await;
    let seen = sari.say_kept("dilihat").await;
    sari.say_kept("terlewat").await;
    has_forgotten(&sari.http_client).await;
    let back = WsClient::rejoin(&sari.http_client, &seen).await.heard();
    assert_eq!((&back.welcomed()["recovered"], &back.welcomed()["missed"]), (&json!(false), &json!(null)));
}

async fn has_forgotten(http_client: &HttpClient) {
    eventually(SOON, "what was said is too old", || async {
        let page = http_client.get("/api/messages").await.json();
        if page == json!({"messages": [], "more": false}) { Ok(()) } else { Err(page.to_string()) }
    })
    .await;
}
