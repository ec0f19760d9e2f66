//! Edits and deletions while Redis or the network to it fails: applied exactly once, wherever they are repeated.

use std::time::Duration;

use serde_json::{Value, json};

use super::Scene;
use crate::kit::{SOON, WsClient, eventually, redis};

/// Deadline of a reply, with tolerance on a busy machine.
const REPLIED: Duration = Duration::from_millis(3500);

#[tokio::test]
async fn edit_sent_while_redis_is_frozen_is_applied_once() {
    let mut scene = Scene::open().await;
    let id = say(&mut scene, "satu").await;
    scene.redis().pause();
    let edit = json!({"type": "edit", "nonce": "e", "id": id, "text": "dua"});
    expect_unavailable(&mut scene.speakers[0].client, edit.clone()).await;
    scene.redis().resume();
    // Redis may have applied what it read late: the repetition must change nothing, also at the other instance.
    let mut elsewhere = elsewhere(&scene).await;
    acknowledged(&mut elsewhere, edit).await;
    expect_one_edit(&mut scene, &id, "dua").await;
}

#[tokio::test]
async fn edit_answered_late_and_repeated_elsewhere_is_one() {
    let mut scene = Scene::open().await;
    let id = say(&mut scene, "satu").await;
    // Redis applies it, and the reply comes too late.
    scene.proxy().delay(Duration::from_millis(2500));
    let edit = json!({"type": "edit", "nonce": "e", "id": id, "text": "dua"});
    expect_unavailable(&mut scene.speakers[0].client, edit.clone()).await;
    scene.proxy().heal();
    let mut elsewhere = elsewhere(&scene).await;
    acknowledged(&mut elsewhere, edit.clone()).await;
    acknowledged(&mut scene.speakers[0].client, edit).await;
    expect_one_edit(&mut scene, &id, "dua").await;
}

#[tokio::test]
async fn late_edit_does_not_undo_a_later_one() {
    let mut scene = Scene::open().await;
    let id = say(&mut scene, "satu").await;
    scene.redis().pause();
    let first = json!({"type": "edit", "nonce": "e", "id": id, "text": "dua"});
    expect_unavailable(&mut scene.speakers[0].client, first.clone()).await;
    scene.redis().resume();
    let mut elsewhere = elsewhere(&scene).await;
    acknowledged(&mut elsewhere, first.clone()).await;
    acknowledged(&mut elsewhere, json!({"type": "edit", "nonce": "f", "id": id, "text": "tiga"})).await;
    acknowledged(&mut scene.speakers[0].client, first).await;
    for speaker in &mut scene.speakers {
        let transcript = speaker.client.catch_up().await;
        assert!(transcript.messages.iter().any(|message| message.id == id && message.text == "tiga"));
    }
}

#[tokio::test]
async fn deletion_sent_while_redis_is_frozen_is_applied_once() {
    let mut scene = Scene::open().await;
    let id = say(&mut scene, "salah kirim").await;
    scene.redis().pause();
    let delete = json!({"type": "delete", "nonce": "d", "id": id});
    expect_unavailable(&mut scene.speakers[0].client, delete.clone()).await;
    scene.redis().resume();
    let mut elsewhere = elsewhere(&scene).await;
    acknowledged(&mut elsewhere, delete).await;
    for speaker in &mut scene.speakers {
        let transcript =
            speaker.client.expect_within(SOON, "the deletion", |transcript| transcript.removed.contains(&id)).await;
        assert!(transcript.messages.iter().all(|message| message.id != id));
    }
}

#[tokio::test]
async fn change_lost_by_redis_shows_the_stored_state_again() {
    let mut scene = Scene::open().await;
    let id = say(&mut scene, "satu").await;
    let before = scene.redis().aof_position();
    acknowledged(&mut scene.speakers[0].client, json!({"type": "edit", "nonce": "e", "id": id, "text": "dua"})).await;
    expect_one_edit(&mut scene, &id, "dua").await;
    scene.redis().kill();
    scene.redis().truncate_aof(&before);
    scene.redis().restart().await;
    for speaker in &mut scene.speakers {
        let transcript = speaker
            .client
            .expect_within(SOON * 2, "the stored text", |transcript| {
                transcript.messages.iter().any(|message| message.id == id && message.text == "satu")
            })
            .await;
        assert_eq!(transcript.last_welcome()["recovered"], false, "it is told of the loss");
    }
    // Under the same nonce the edit is applied anew.
    acknowledged(&mut scene.speakers[0].client, json!({"type": "edit", "nonce": "e", "id": id, "text": "dua"})).await;
    scene.speakers[1].client.wait_for_text("sari", "dua").await;
}

#[tokio::test]
async fn subscription_that_loses_changes_is_filled_up() {
    let mut scene = Scene::open().await;
    let id = say(&mut scene, "satu").await;
    for n in 0..5 {
        redis::command(scene.redis(), &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        let edit = json!({"type": "edit", "nonce": format!("e{n}"), "id": id, "text": format!("teks {n}")});
        acknowledged(&mut scene.speakers[0].client, edit).await;
    }
    for speaker in &mut scene.speakers {
        let transcript = speaker
            .client
            .expect_within(SOON, "the last edit", |transcript| {
                transcript.messages.iter().any(|message| message.id == id && message.text == "teks 4")
            })
            .await;
        assert_eq!(transcript.welcomes.len(), 1, "no gap");
    }
}

/// Sari sends a message. Returns its id once both clients show it.
async fn say(scene: &mut Scene, text: &str) -> String {
    let id = scene.speakers[0].client.send_acked(text).await;
    for speaker in &mut scene.speakers {
        speaker.client.wait_for_text("sari", text).await;
    }
    id
}

/// Sari at the other instance.
async fn elsewhere(scene: &Scene) -> WsClient {
    let http_client = scene.speakers[0].client.http_client.with_base(scene.cluster.base(1));
    for instance in &scene.cluster.instances {
        instance.wait_for_readyz(200, SOON).await;
    }
    // An instance may not have noticed yet that Redis was away.
    eventually(SOON, "the session is read", async || match http_client.try_get("/api/members?limit=1").await {
        Ok(response) if response.status == 200 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    WsClient::connect_and_join(&http_client).await
}

async fn expect_unavailable(client: &mut WsClient, frame: Value) {
    let before = client.transcript().errors.len();
    client.send(frame).await;
    let transcript =
        client.expect_within(REPLIED, "a reply in time", |transcript| transcript.errors.len() > before).await;
    assert_eq!(transcript.errors[before]["code"], "unavailable");
}

/// Sends a frame until it is acknowledged.
async fn acknowledged(client: &mut WsClient, frame: Value) {
    let nonce = frame["nonce"].as_str().expect("a nonce").to_owned();
    let acks = client.transcript().acks.len();
    for _ in 0..10 {
        let errors = client.transcript().errors.len();
        client.send(frame.clone()).await;
        let transcript = client
            .expect_within(REPLIED, "a reply in time", |transcript| {
                transcript.acks.len() > acks || transcript.errors.len() > errors
            })
            .await;
        if transcript.acked(&nonce).is_some() && transcript.acks.len() > acks {
            return;
        }
        assert_eq!(transcript.errors.last().map(|error| &error["code"]), Some(&json!("unavailable")));
    }
    panic!("{nonce} was not acknowledged");
}

/// Both clients show the text, and received one edit.
async fn expect_one_edit(scene: &mut Scene, id: &str, text: &str) {
    for speaker in &mut scene.speakers {
        let client = &mut speaker.client;
        client.wait_for_text("sari", text).await;
        let transcript = client.catch_up().await;
        assert_eq!(transcript.edited, [(id.to_owned(), text.to_owned())]);
        assert!(transcript.messages.iter().any(|message| message.id == id && message.text == text));
    }
    let http_client = scene.speakers[1].client.http_client.clone();
    eventually(SOON, "the text on the pages", || async {
        let page = http_client.get("/api/messages").await.body;
        if page.contains(text) { Ok(()) } else { Err(page) }
    })
    .await;
}
