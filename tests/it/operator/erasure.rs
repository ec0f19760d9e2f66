//! A deletion and a purge leave nothing of the texts: at once in Redis, and soon in every instance; positions stay.

use serde_json::json;

use crate::kit::{
    Cluster, Engine, SOON, WsClient,
    engines::on_both_engines,
    eventually,
    operator::{act, token_file},
    redis::{command, everything},
};

on_both_engines! {
    deleted_and_purged_texts_are_gone_from_redis_and_pages,
}

async fn deleted_and_purged_texts_are_gone_from_redis_and_pages(engine: Engine) {
    let token = token_file();
    let instances = if engine == Engine::Redis { 2 } else { 1 };
    let builder = Cluster::builder(engine).instances(instances).with_operator(&token);
    let mut cluster = builder.set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(instances - 1, "budi").await;
    let mut ids = vec![];
    for (n, text) in ["rahasia satu", "rahasia dua", "rahasia tiga"].into_iter().enumerate() {
        ids.push(sari.send_acked(text).await);
        ids.push(budi.send_acked(&format!("tetap {n}")).await);
    }
    let edit = json!({"type": "edit", "nonce": "e", "id": ids[2], "text": "rahasia dua lagi"});
    sari.send(edit).await;
    sari.expect("the edit", |transcript| transcript.acked("e").is_some()).await;
    // The pages that instances cache have the texts.
    for instance in 0..instances {
        let client = budi.http_client.with_base(cluster.base(instance));
        assert!(client.get("/chat").await.body.contains("rahasia"));
        assert!(client.get("/api/messages").await.body.contains("rahasia"));
    }
    act(cluster.base(0), json!({"act": "remove", "id": ids[0]})).await.is(200);
    act(cluster.base(instances - 1), json!({"act": "purge", "name": "SARI"})).await.is(200);
    // From the answer on, Redis has none of it.
    if engine == Engine::Redis {
        let redis = cluster.redis();
        let log = command(redis, &["XRANGE", "ruang:{ruang_chat_utama}:log", "-", "+"]).await;
        assert!(log.contains("tetap 2") && !log.contains("rahasia"), "{log}");
        let stored = everything(redis).await;
        assert!(stored.contains("tetap 2") && !stored.contains("rahasia"), "{stored}");
    }
    // Instances learn of it by an event.
    eventually(SOON, "nothing has the texts", || async {
        for instance in 0..instances {
            let client = budi.http_client.with_base(cluster.base(instance));
            for path in ["/chat", "/api/messages", "/api/messages?after=0-0"] {
                let body = client.get(path).await.body;
                if body.contains("rahasia") {
                    return Err(format!("{instance} {path}: {body}"));
                }
            }
        }
        Ok(())
    })
    .await;
    let page = budi.http_client.get("/api/messages").await.json();
    let found: Vec<&str> = page["messages"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(found, ids, "every position stays");
    // A client that was away finds its place, and learns of the deletions.
    let back = WsClient::rejoin(&budi.http_client, &ids[3]).await.transcript();
    assert_eq!((&back.last_welcome()["recovered"], &back.last_welcome()["missed"]), (&json!(true), &json!(0)));
    assert_eq!(back.texts(), ["tetap 2"]);
}
