//! Edits and deletions by the sender, with several instances.

use serde_json::json;

use crate::kit::{Cluster, Engine, SOON, WsClient, redis, transcript::ChatMessage};

#[tokio::test]
async fn changes_and_messages_have_one_order_everywhere() {
    let builder = Cluster::builder(Engine::Redis).instances(3).set("RUANG_MESSAGES_PER_SECOND", "0");
    let cluster = builder.start().await;
    let mut clients = vec![];
    for (i, name) in ["sari", "budi", "citra"].into_iter().enumerate() {
        clients.push(cluster.join(i, name).await);
    }
    let mut ids = vec![];
    for client in &mut clients {
        ids.push(client.send_acked("awal").await);
    }
    for n in 0..60 {
        let who = n % 3;
        let nonce = format!("c{n}");
        let frame = match n % 4 {
            0 => json!({"type": "message", "nonce": nonce, "text": n.to_string(), "reply_to": ids[0]}),
            _ => json!({"type": "edit", "nonce": nonce, "id": ids[who], "text": n.to_string()}),
        };
        clients[who].send(frame).await;
    }
    for (n, client) in clients.iter_mut().enumerate() {
        client.expect("all acks", |transcript| transcript.acks.len() == 21).await;
        client.send_acked(&format!("akhir {n}")).await;
    }
    let mut seen = vec![];
    for client in &mut clients {
        let transcript = client
            .expect("the last messages", |transcript| {
                (0..3).all(|n| transcript.texts().contains(&format!("akhir {n}").as_str()))
            })
            .await;
        let order: Vec<_> = transcript
            .frames
            .iter()
            .filter(|frame| ["message", "edited"].iter().any(|kind| frame["type"] == *kind))
            .cloned()
            .collect();
        // Those who came later have the first messages from their welcome.
        seen.push(order.into_iter().rev().take(63).collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test]
async fn instance_that_missed_changes_catches_up() {
    let mut cluster = Cluster::builder(Engine::Redis).instances(2).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(1, "budi").await);
    let (edited, deleted) = (sari.send_acked("rahasia satu").await, sari.send_acked("rahasia dua").await);
    budi.wait_for_text("sari", "rahasia dua").await;
    cluster.instances[1].pause();
    for frame in [
        json!({"type": "edit", "nonce": "e", "id": edited, "text": "halo"}),
        json!({"type": "delete", "nonce": "d", "id": deleted}),
    ] {
        sari.send(frame).await;
    }
    let last = sari.send_acked("akhir").await;
    // The frozen instance's subscription ends: it never receives these events.
    redis::command(cluster.redis.as_ref().expect("Redis"), &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    cluster.instances[1].resume();
    let transcript = budi
        .expect_within(SOON * 2, "the changes", |transcript| {
            transcript.shows("sari", "halo")
                && transcript.removed == [deleted.clone()]
                && transcript.shows("sari", "akhir")
        })
        .await;
    assert_eq!((transcript.welcomes.len(), transcript.byes.len()), (1, 0), "no gap, no reconnect");
    cluster.add().await;
    for i in 0..3 {
        let here = budi.http_client.with_base(cluster.base(i));
        for path in ["/chat", "/api/messages", &format!("/api/messages?before={last}")] {
            let body = here.get(path).await.body;
            assert!(body.contains("halo") && !body.contains("rahasia"), "instance {i}, {path}: {body}");
        }
        // A client that was away, at each instance.
        let mut back = WsClient::rejoin(&here, &deleted).await;
        let transcript = back.catch_up().await;
        assert_eq!(transcript.last_welcome()["recovered"], true, "instance {i}");
        assert_eq!(
            (transcript.edited, transcript.removed),
            (vec![(edited.clone(), "halo".to_owned())], vec![deleted.clone()])
        );
    }
}

#[tokio::test]
async fn text_deleted_or_edited_leaves_redis_at_once() {
    let token = crate::kit::operator::token_file();
    let cluster = Cluster::builder(Engine::Redis).with_operator(&token).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut ids = vec![];
    for n in 0..3 {
        ids.push(sari.send_acked(&format!("rahasia {n}")).await);
    }
    sari.send(json!({"type": "edit", "nonce": "e", "id": ids[0], "text": "halo"})).await;
    sari.send(json!({"type": "delete", "nonce": "d", "id": ids[1]})).await;
    sari.expect("the acks", |transcript| transcript.acked("d").is_some()).await;
    crate::kit::operator::act(cluster.base(0), json!({"act": "remove", "id": ids[2]})).await.is(200);
    let redis = cluster.redis.as_ref().expect("Redis");
    for (command, key) in [("XRANGE", "log"), ("HGETALL", "bodies")] {
        let range: &[&str] = if command == "XRANGE" { &["-", "+"] } else { &[] };
        let key = format!("ruang:{{ruang_chat_utama}}:{key}");
        let stored = redis::command(redis, &[&[command, key.as_str()], range].concat()).await;
        assert!(!stored.contains("rahasia"), "{stored}");
    }
}

#[tokio::test]
async fn restarted_room_has_the_present_state() {
    let mut cluster = Cluster::builder(Engine::Redis).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let (edited, deleted) = (sari.send_acked("satu").await, sari.send_acked("dua").await);
    sari.send(json!({"type": "edit", "nonce": "e", "id": edited, "text": "tiga"})).await;
    sari.send(json!({"type": "delete", "nonce": "d", "id": deleted})).await;
    let before = sari.expect("the deletion", |transcript| transcript.removed == [deleted.clone()]).await;
    cluster.redis().restart().await;
    sari.expect_within(SOON * 2, "service again", |_| true).await;
    cluster.instances[0].wait_for_readyz(200, SOON * 2).await;
    let mut budi = WsClient::sign_in_and_join(&cluster.http_client(0), "budi").await;
    let messages: Vec<ChatMessage> = budi.catch_up().await.messages;
    assert_eq!(messages, before.messages);
    assert_eq!(sari.catch_up().await.messages, before.messages);
}
