//! Answers, edits and deletions by the sender.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::{Cluster, Engine, WsClient, engines::on_both_engines};

on_both_engines! {
    edit_reaches_all_with_the_same_bytes,
    deletion_reaches_all_and_leaves_a_place,
    welcome_and_pages_show_the_present_state,
    change_repeated_under_its_nonce_is_delivered_once,
    changes_that_are_not_possible_have_their_errors,
    too_late_and_gone_do_not_end_the_connection,
    edit_window_of_zero_allows_deletions_only,
    name_signed_in_again_does_not_own_messages,
    reply_names_a_stored_message_and_drops_another,
    resume_gets_the_changes_since_its_position,
    changes_too_large_for_a_welcome_are_a_gap,
    edits_count_towards_the_limit_of_messages,
    change_before_the_welcome_is_not_joined,
    page_around_a_message_is_404_once_it_is_gone,
}

async fn edit_reaches_all_with_the_same_bytes(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    let id = sari.send_acked("helo").await;
    change(&mut sari, json!({"type": "edit", "nonce": "e", "id": id, "text": " halo\r\n "})).await;
    let own =
        sari.expect("the edit", |transcript| transcript.acked("e").is_some() && transcript.edited.len() == 1).await;
    let other = budi.expect("the edit", |transcript| transcript.edited.len() == 1).await;
    let frame =
        |transcript: &crate::kit::Transcript| transcript.frames.iter().find(|frame| frame["type"] == "edited").cloned();
    assert_eq!(frame(&own), frame(&other), "all receive the same frame");
    assert_eq!((own.acked("e"), &own.edited[0]), (Some(id.as_str()), &(id.clone(), "halo".to_owned())));
    assert!(other.acks.is_empty(), "only the sender receives the ack");
    assert_eq!(own.messages, other.messages);
    let message = &own.messages[0];
    assert!(message.edited_at.expect("the time of the edit") >= message.at);
    let page = budi.http_client.get("/api/messages").await.json();
    assert_eq!(page["messages"][0]["edited_at"].as_u64(), message.edited_at);
}

async fn deletion_reaches_all_and_leaves_a_place(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    let id = sari.send_acked("salah kirim").await;
    change(&mut sari, json!({"type": "delete", "nonce": "d", "id": id})).await;
    for client in [&mut sari, &mut budi] {
        client.expect("the deletion", |transcript| transcript.removed == [id.clone()]).await;
    }
    sari.expect("the ack", |transcript| transcript.acked("d") == Some(&id)).await;
    let page = budi.http_client.get("/api/messages").await.json();
    let place = &page["messages"][0];
    assert_eq!((&place["id"], &place["removed"], &place["from"]), (&json!(id), &json!(true), &json!("sari")));
}

async fn welcome_and_pages_show_the_present_state(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let (edited, deleted) = (sari.send_acked("rahasia satu").await, sari.send_acked("rahasia dua").await);
    change(&mut sari, json!({"type": "edit", "nonce": "e", "id": edited, "text": "halo"})).await;
    change(&mut sari, json!({"type": "delete", "nonce": "d", "id": deleted})).await;
    sari.expect("both acks", |transcript| transcript.acked("d").is_some()).await;
    let budi = cluster.join(0, "budi").await;
    let transcript = budi.transcript();
    assert_eq!(transcript.texts(), ["halo"]);
    assert!(transcript.messages[0].edited_at.is_some());
    assert_eq!(transcript.last_welcome()["messages"][1]["type"], "removed");
    for path in ["/chat", "/api/messages", &format!("/api/messages?around={edited}"), "/api/messages?after=1-0"] {
        let body = budi.http_client.get(path).await.body;
        assert!(body.contains("halo") && !body.contains("rahasia"), "{path}: {body}");
    }
}

async fn change_repeated_under_its_nonce_is_delivered_once(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    let id = sari.send_acked("satu").await;
    let edit = json!({"type": "edit", "nonce": "e", "id": id, "text": "dua"});
    for _ in 0..2 {
        change(&mut sari, edit.clone()).await;
    }
    let mut tab = WsClient::connect_and_join(&sari.http_client).await;
    change(&mut tab, edit).await;
    tab.expect("the ack", |transcript| transcript.acked("e") == Some(&id)).await;
    change(&mut tab, json!({"type": "edit", "nonce": "e", "id": id, "text": "tiga"})).await;
    let errors = tab.expect("an error", |transcript| !transcript.errors.is_empty()).await.errors;
    assert_eq!((&errors[0]["code"], &errors[0]["nonce"]), (&json!("bad_nonce"), &json!("e")));
    sari.send_acked("akhir").await;
    let transcript = budi.wait_for_text("sari", "akhir").await;
    assert_eq!(transcript.edited, [(id, "dua".to_owned())]);
}

async fn changes_that_are_not_possible_have_their_errors(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    let id = sari.send_acked("halo").await;
    for (nonce, frame, code) in [
        ("a", json!({"type": "edit", "id": id, "text": "x"}), "not_yours"),
        ("b", json!({"type": "delete", "id": id}), "not_yours"),
        ("c", json!({"type": "delete", "id": "7-1"}), "gone"),
        ("d", json!({"type": "edit", "id": "7-1", "text": "x"}), "gone"),
        ("e", json!({"type": "edit", "id": id, "text": " \n"}), "empty"),
        ("f", json!({"type": "edit", "id": id, "text": "x".repeat(2001)}), "too_long"),
        ("g", json!({"type": "edit", "id": id}), "bad_frame"),
        ("h", json!({"type": "delete", "id": 7}), "bad_frame"),
    ] {
        let (mut frame, before) = (frame, budi.transcript().errors.len());
        frame["nonce"] = json!(nonce);
        budi.send_invalid(frame).await;
        let transcript = budi.expect("an error", |transcript| transcript.errors.len() > before).await;
        let error = &transcript.errors[before];
        assert_eq!((&error["code"], &error["nonce"]), (&json!(code), &json!(nonce)));
    }
    assert_eq!(sari.catch_up().await.edited, []);
}

async fn too_late_and_gone_do_not_end_the_connection(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let mut sari = cluster.join(0, "sari").await;
    for n in 0..30 {
        change(&mut sari, json!({"type": "delete", "nonce": format!("d{n}"), "id": "7-1"})).await;
    }
    let transcript = sari.expect("30 errors", |transcript| transcript.errors.len() == 30).await;
    assert!(transcript.error_codes().iter().all(|code| *code == "gone"));
    sari.send_acked("masih di sini").await;
}

async fn edit_window_of_zero_allows_deletions_only(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_EDIT_WINDOW", "0s").start().await;
    let mut sari = cluster.join(0, "sari").await;
    assert_eq!(sari.transcript().last_welcome()["limits"]["edit_ms"], 0);
    let id = sari.send_acked("halo").await;
    change(&mut sari, json!({"type": "edit", "nonce": "e", "id": id, "text": "x"})).await;
    let transcript = sari.expect("an error", |transcript| !transcript.errors.is_empty()).await;
    assert_eq!(transcript.error_codes(), ["too_late"]);
    change(&mut sari, json!({"type": "delete", "nonce": "d", "id": id})).await;
    sari.expect("the deletion", |transcript| transcript.removed == [id.clone()]).await;
}

async fn name_signed_in_again_does_not_own_messages(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_NAME_HOLD", "1s").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let id = sari.send_acked("halo").await;
    sari.http_client.log_out().await.redirects_to("/");
    let other = crate::kit::eventually(crate::kit::SOON * 2, "the name is free", || async {
        let http_client = cluster.http_client(0);
        let reply = http_client.sign_in("sari").await;
        if reply.status == 303 { Ok(http_client) } else { Err(reply.status.to_string()) }
    })
    .await;
    let mut other = WsClient::connect_and_join(&other).await;
    change(&mut other, json!({"type": "delete", "nonce": "d", "id": id})).await;
    let transcript = other.expect("an error", |transcript| !transcript.errors.is_empty()).await;
    assert_eq!(transcript.error_codes(), ["not_yours"]);
    assert!(transcript.shows("sari", "halo"));
}

async fn reply_names_a_stored_message_and_drops_another(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    let (first, deleted) = (sari.send_acked("halo").await, sari.send_acked("salah").await);
    change(&mut sari, json!({"type": "delete", "nonce": "d", "id": deleted})).await;
    budi.expect("the deletion", |transcript| transcript.removed == [deleted.clone()]).await;
    for (nonce, to) in [("r1", json!(first)), ("r2", json!(deleted)), ("r3", json!("7-1")), ("r4", Value::Null)] {
        budi.send(json!({"type": "message", "nonce": nonce, "text": nonce, "reply_to": to})).await;
    }
    let transcript = sari.wait_for_text("budi", "r4").await;
    let replies: Vec<_> = transcript.messages[1..].iter().map(|message| message.reply_to.as_deref()).collect();
    assert_eq!(replies, [Some(first.as_str()), None, None, None]);
    let page = sari.http_client.get("/api/messages").await.json();
    assert_eq!((&page["messages"][2]["reply_to"], &page["messages"][3]["reply_to"]), (&json!(first), &Value::Null));
}

async fn resume_gets_the_changes_since_its_position(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let (mut sari, budi) = (cluster.join(0, "sari").await, cluster.sign_in(0, "budi").await);
    let mut ids = vec![];
    for n in 0..4 {
        ids.push(sari.send_acked(&format!("teks {n}")).await);
    }
    change(&mut sari, json!({"type": "edit", "nonce": "e0", "id": ids[0], "text": "awal"})).await;
    let next = sari.send_acked("teks 4").await;
    change(&mut sari, json!({"type": "edit", "nonce": "e1", "id": ids[1], "text": "tengah"})).await;
    change(&mut sari, json!({"type": "delete", "nonce": "d2", "id": ids[2]})).await;
    let last = sari.send_acked("teks 5").await;
    change(&mut sari, json!({"type": "edit", "nonce": "e5", "id": last, "text": "akhir"})).await;
    sari.expect("the acks", |transcript| transcript.acked("e5").is_some()).await;
    let edits =
        |of: &[(&String, &str)]| of.iter().map(|(id, text)| ((*id).clone(), (*text).to_owned())).collect::<Vec<_>>();
    for (since, edited, removed, texts) in [
        (&ids[3], edits(&[(&ids[0], "awal"), (&ids[1], "tengah")]), 1, vec!["teks 4", "akhir"]),
        (&ids[0], edits(&[(&ids[0], "awal")]), 0, vec!["tengah", "teks 3", "teks 4", "akhir"]),
        (&next, edits(&[(&ids[1], "tengah")]), 1, vec!["akhir"]),
        (&last, edits(&[(&last, "akhir")]), 0, vec![]),
    ] {
        let mut back = WsClient::rejoin(&budi, since).await;
        let transcript = back.catch_up().await;
        assert_eq!(transcript.last_welcome()["recovered"], true);
        assert_eq!((&transcript.edited, transcript.removed.len()), (&edited, removed), "since {since}");
        assert_eq!(transcript.texts(), texts);
    }
}

async fn changes_too_large_for_a_welcome_are_a_gap(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let (mut sari, budi) = (cluster.join(0, "sari").await, cluster.sign_in(0, "budi").await);
    let mut ids = vec![];
    for n in 0..20 {
        ids.push(sari.send_acked(&format!("teks {n}")).await);
    }
    for (n, id) in ids.iter().enumerate() {
        let text = "\u{1f642}".repeat(2000);
        change(&mut sari, json!({"type": "edit", "nonce": format!("e{n}"), "id": id, "text": text})).await;
    }
    sari.expect("the last ack", |transcript| transcript.acked("e19").is_some()).await;
    let mut back = WsClient::rejoin(&budi, &ids[19]).await;
    let transcript = back.catch_up().await;
    let welcome = transcript.last_welcome();
    assert_eq!((&welcome["recovered"], &welcome["missed"]), (&json!(false), &json!(0)));
    assert_eq!(transcript.edited, []);
    assert!(transcript.messages.iter().all(|message| message.edited_at.is_some()));
}

async fn edits_count_towards_the_limit_of_messages(engine: Engine) {
    let settings = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "1").set("RUANG_MESSAGES_BURST", "3");
    let cluster = settings.start().await;
    let mut sari = cluster.join(0, "sari").await;
    let id = sari.send_acked("satu").await;
    for n in 0..4 {
        change(&mut sari, json!({"type": "edit", "nonce": format!("e{n}"), "id": id, "text": n.to_string()})).await;
    }
    let transcript = sari.expect("an error", |transcript| !transcript.errors.is_empty()).await;
    let error = &transcript.errors[0];
    assert_eq!(error["code"], "rate_limited");
    assert!(error["retry_after_ms"].as_u64().is_some_and(|wait| (1..=1500).contains(&wait)), "{error}");
}

async fn change_before_the_welcome_is_not_joined(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut client = WsClient::connect(&cluster.sign_in(0, "sari").await).await;
    change(&mut client, json!({"type": "edit", "nonce": "e", "id": "7-1", "text": "x"})).await;
    change(&mut client, json!({"type": "delete", "nonce": "d", "id": "7-1"})).await;
    let transcript = client.expect("two errors", |transcript| transcript.errors.len() == 2).await;
    assert_eq!(transcript.error_codes(), ["not_joined", "not_joined"]);
}

async fn page_around_a_message_is_404_once_it_is_gone(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut ids = vec![];
    for n in 0..20 {
        ids.push(sari.send_acked(&format!("teks {n}")).await);
    }
    change(&mut sari, json!({"type": "delete", "nonce": "d", "id": ids[10]})).await;
    sari.expect("the ack", |transcript| transcript.acked("d").is_some()).await;
    let page = sari.http_client.get(&format!("/api/messages?around={}&limit=5", ids[10])).await.json();
    let found: Vec<_> = page["messages"].as_array().expect("messages").iter().map(|message| &message["id"]).collect();
    assert_eq!(found, ids[8..13].iter().collect::<Vec<_>>());
    assert_eq!(
        (&page["more"], &page["more_after"], &page["messages"][2]["removed"]),
        (&json!(true), &json!(true), &json!(true))
    );
    for gone in ["7-1".to_owned(), ids[0].replace("-1", "-0"), ids[0].replace("-1", "-99")] {
        sari.http_client.get(&format!("/api/messages?around={gone}")).await.is(404);
    }
    sari.http_client.get(&format!("/api/messages?around={}&before={}", ids[0], ids[1])).await.is(400);
    sari.http_client.get("/api/messages?around=x").await.is(400);
}

async fn change(client: &mut WsClient, frame: Value) {
    client.send(frame).await;
}

#[tokio::test]
async fn edit_after_the_window_is_too_late() {
    let cluster = Cluster::builder(Engine::Redis).set("RUANG_EDIT_WINDOW", "300ms").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let id = sari.send_acked("halo").await;
    // The window is one of the room's clock: it has passed once this message is as much younger.
    crate::kit::eventually(crate::kit::SOON, "time passes", || async {
        let page = sari.http_client.get("/api/messages").await.json();
        let at = page["messages"][0]["at"].as_u64().expect("a time");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        let age = now.saturating_sub(Duration::from_millis(at));
        if age > Duration::from_millis(400) { Ok(()) } else { Err(format!("{age:?}")) }
    })
    .await;
    change(&mut sari, json!({"type": "edit", "nonce": "e", "id": id, "text": "x"})).await;
    let transcript = sari.expect("an error", |transcript| !transcript.errors.is_empty()).await;
    assert_eq!(transcript.error_codes(), ["too_late"]);
}
