//! What Redis stores of messages that were changed: nothing of the old text, and no more than the log.

use std::time::Duration;

use ruang::{
    automod::SharedChecks,
    backplane::{
        Backplane, ChangeRequest, Cursor, IncarnationId, ModerationAction, NewState, Post, PublishError,
        RetentionPolicy,
    },
    protocol::{Id, Row, Text},
};

use super::fixture::{Fixture, POLICY, heartbeat, on, person, post, publish};
use crate::kit::{
    Engine, SOON, eventually,
    redis::{self, everything},
};

const ROOM: &str = "ruang:{ruang_chat_utama}:";

#[tokio::test]
async fn text_edited_or_deleted_is_nowhere_in_redis() {
    let fixture = Fixture::of(Engine::Redis).await;
    let (backplane, incarnation) = (&*fixture.backplane, fixture.sender().await);
    let ids = say(backplane, &incarnation, &["rahasia-1", "rahasia-2", "rahasia-3", "tetap"]).await;
    backplane.change(edit(&incarnation, "e", ids[0], "rahasia-4")).await.unwrap();
    backplane.change(edit(&incarnation, "f", ids[0], "baru")).await.unwrap();
    backplane.change(delete(&incarnation, "d", ids[1])).await.unwrap();
    backplane.moderate(ModerationAction::Remove { ids: vec![ids[2]] }.into()).await.unwrap();
    let stored = everything(fixture.redis.as_ref().unwrap()).await;
    assert!(stored.contains("tetap") && stored.contains("baru"), "{stored}");
    assert!(!stored.contains("rahasia"), "{stored}");
}

#[tokio::test]
async fn redis_user_without_xdel_changes_messages_all_the_same() {
    let fixture = Fixture::of(Engine::Redis).await;
    let (backplane, incarnation) = (&*fixture.backplane, fixture.sender().await);
    let ids = say(backplane, &incarnation, &["a", "b", "c"]).await;
    redis::command(fixture.redis.as_ref().unwrap(), &["ACL", "SETUSER", "default", "-xdel"]).await;
    backplane.change(edit(&incarnation, "e", ids[0], "baru")).await.unwrap();
    backplane.change(delete(&incarnation, "d", ids[2])).await.unwrap();
    let snapshot = backplane.read(None).await.unwrap();
    assert_eq!(shape(&snapshot.rows), [Some("baru".to_owned()), Some("b".to_owned()), None]);
    let page = backplane.page(Cursor::After(ids[0]), 5).await.unwrap();
    assert_eq!(shape(&page.rows), [Some("b".to_owned()), None]);
}

#[tokio::test]
async fn deletion_by_an_older_version_is_read_as_one() {
    let fixture = Fixture::of(Engine::Redis).await;
    let (backplane, incarnation) = (&*fixture.backplane, fixture.sender().await);
    let ids = say(backplane, &incarnation, &["a", "b"]).await;
    let known = backplane.read(None).await.unwrap().position;
    // It leaves the entry, and notes the id.
    let removed = format!("{ROOM}removed");
    redis::command(fixture.redis.as_ref().unwrap(), &["ZADD", &removed, "1", &ids[0].to_string()]).await;
    let snapshot = backplane.read(Some(known)).await.unwrap();
    assert_eq!(snapshot.changes.iter().map(|change| change.row.id()).collect::<Vec<_>>(), [ids[0]]);
    assert_eq!(shape(&backplane.read(None).await.unwrap().rows), [None, Some("b".to_owned())]);
    assert_eq!(shape(&backplane.page(Cursor::Newest, 5).await.unwrap().rows), [None, Some("b".to_owned())]);
    assert_eq!(backplane.change(delete(&incarnation, "d", ids[0])).await, Err(PublishError::Gone));
}

#[tokio::test]
async fn message_of_an_older_version_is_not_its_senders() {
    let fixture = Fixture::of(Engine::Redis).await;
    let (backplane, incarnation) = (&*fixture.backplane, fixture.sender().await);
    let id = publish(backplane, &incarnation, "a").await.unwrap();
    let redis = fixture.redis.as_ref().unwrap();
    let (log, meta, next) = (format!("{ROOM}log"), format!("{ROOM}meta"), Id::new(id.epoch, id.n + 1).to_string());
    let body = r#"{"nonce":"old","from":"SARI","text":"lama"}"#;
    redis::command(redis, &["XADD", &log, &next, "at", "1", "total", "2", "body", body]).await;
    redis::command(redis, &["HSET", &meta, "head", &next, "n", "2", "total", "2"]).await;
    let request = delete(&incarnation, "d", next.parse().unwrap());
    assert_eq!(backplane.change(request).await, Err(PublishError::NotYours));
}

#[tokio::test]
async fn changed_messages_are_trimmed_with_the_log() {
    const FEW: RetentionPolicy = RetentionPolicy { history: 100, ..POLICY };
    let fixture = Fixture::with(Engine::Redis, FEW).await;
    let (backplane, incarnation) = (&*fixture.backplane, fixture.sender().await);
    for n in 0..700 {
        let id = publish(backplane, &incarnation, &format!("n{n}")).await.unwrap();
        backplane.change(edit(&incarnation, &format!("e{n}"), id, "baru")).await.unwrap();
    }
    heartbeat(backplane, &incarnation, 2, &[], &[]).await.unwrap();
    let redis = fixture.redis.as_ref().unwrap();
    for (command, key) in [("ZCARD", "altered"), ("HLEN", "bodies")] {
        let count: usize = redis::command(redis, &[command, &format!("{ROOM}{key}")]).await.trim().parse().unwrap();
        assert!((90..=350).contains(&count), "{key}: {count}");
    }
    let snapshot = on(redis, FEW).read(None).await.unwrap();
    let numbers: Vec<u64> = snapshot.rows.iter().map(|row| row.id().n).collect();
    assert_eq!(numbers, (numbers[0]..=700).collect::<Vec<_>>(), "no hole");
    assert!(!snapshot.older, "{:?}", snapshot.before);
    assert_eq!(snapshot.before + 1, numbers[0]);
}

#[tokio::test]
async fn changed_message_expires_and_stays_a_position() {
    const BRIEF: RetentionPolicy = RetentionPolicy { history_age: Some(Duration::from_millis(500)), ..POLICY };
    let fixture = Fixture::with(Engine::Redis, BRIEF).await;
    let (backplane, incarnation) = (&*fixture.backplane, fixture.sender().await);
    let ids = say(backplane, &incarnation, &["rahasia-1", "rahasia-2", "rahasia-3"]).await;
    backplane.change(edit(&incarnation, "e", ids[0], "rahasia-4")).await.unwrap();
    backplane.change(edit(&incarnation, "f", ids[2], "rahasia-5")).await.unwrap();
    let redis = fixture.redis.as_ref().unwrap();
    let mut seq = 1;
    eventually(SOON, "the texts expire", || {
        seq += 1;
        let incarnation = incarnation.clone();
        async move {
            heartbeat(backplane, &incarnation, seq, &[], &[]).await.unwrap();
            let stored = everything(redis).await;
            if stored.contains("rahasia") { Err(stored) } else { Ok(()) }
        }
    })
    .await;
    let snapshot = backplane.read(None).await.unwrap();
    assert_eq!((snapshot.rows.len(), snapshot.start, snapshot.position.head), (0, Some(ids[2]), ids[2]));
    assert!(!snapshot.older && snapshot.changes.is_empty());
    let next = publish(backplane, &incarnation, "n").await.unwrap();
    let continued = backplane.read(Some(snapshot.position)).await.unwrap();
    assert_eq!((continued.continues, continued.rows.iter().map(Row::id).collect::<Vec<_>>()), (true, vec![next]));
}

#[tokio::test]
async fn restart_of_redis_keeps_changes_and_the_head() {
    let mut fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.sender().await;
    let ids = say(&*fixture.backplane, &incarnation, &["a", "b", "c"]).await;
    fixture.backplane.change(edit(&incarnation, "e", ids[1], "baru")).await.unwrap();
    fixture.backplane.change(delete(&incarnation, "d", ids[2])).await.unwrap();
    let before = fixture.backplane.read(None).await.unwrap();
    fixture.redis.as_mut().unwrap().restart().await;
    let there = on(fixture.redis.as_ref().unwrap(), POLICY);
    let after = eventually(SOON, "Redis is back", || async {
        there.read(Some(before.position)).await.map_err(|_| String::new())
    })
    .await;
    assert!(after.continues && after.position.epoch > before.position.epoch);
    assert_eq!((after.position.head, after.missed, &after.changes), (ids[2], Some(0), &before.changes));
    let next = publish(&*there, &incarnation, "n").await.unwrap();
    assert_eq!(there.locate(next).await, Ok(Some(4)));
    assert_eq!(there.page(Cursor::Newest, 10).await.unwrap().rows.len(), 4);
}

async fn say(backplane: &dyn Backplane, incarnation: &IncarnationId, texts: &[&str]) -> Vec<Id> {
    let mut ids = vec![];
    for (n, text) in texts.iter().enumerate() {
        let message: Post = post(incarnation, "sari", &format!("say{n}"), text);
        ids.push(backplane.publish(message).await.expect("published"));
    }
    ids
}

fn edit(incarnation: &IncarnationId, nonce: &str, id: Id, text: &str) -> ChangeRequest {
    let state = NewState::Edited(Text::parse(text).expect("a text"));
    ChangeRequest { state, ..delete(incarnation, nonce, id) }
}

fn delete(incarnation: &IncarnationId, nonce: &str, id: Id) -> ChangeRequest {
    let nonce = nonce.parse().expect("a nonce");
    let (state, checks) = (NewState::Deleted, SharedChecks::default());
    ChangeRequest { incarnation: incarnation.clone(), person: person("sari"), nonce, id, state, checks }
}

/// The texts of messages; none of deleted ones.
fn shape(rows: &[Row]) -> Vec<Option<String>> {
    rows.iter().map(|row| row.message().map(|message| message.text.clone())).collect()
}
