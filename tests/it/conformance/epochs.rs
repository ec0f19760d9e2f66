//! Cases that only Redis has: it can lose data, roll back, restart, and become a replica.

use ruang::backplane::{Heartbeat, HeartbeatError, PublishError};

use super::fixture::{Fixture, Subscriber, at, heartbeat, on, publish};
use crate::kit::{Engine, Redis, SOON, eventually, redis};

/// The first snapshot after an outage of Redis.
async fn read_again(fixture: &Fixture) -> ruang::backplane::Snapshot {
    eventually(SOON, "Redis replies again", || async {
        fixture.backplane.read(None).await.map_err(|error| error.to_string())
    })
    .await
}

#[tokio::test]
async fn restart_without_loss_begins_an_epoch_that_continues() {
    let mut fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    fixture.redis.as_mut().unwrap().restart().await;
    read_again(&fixture).await;
    let snapshot = fixture.backplane.read(at(id)).await.unwrap();
    assert!(snapshot.position.epoch > id.epoch);
    assert_eq!((snapshot.position.head, snapshot.continues, snapshot.missed), (id, true, Some(0)));
    // The nonce is still stored, and the next message continues.
    assert_eq!(publish(&*fixture.backplane, &incarnation, "a").await, Ok(id));
    let next = publish(&*fixture.backplane, &incarnation, "b").await.unwrap();
    assert_eq!((next.epoch, next.n), (snapshot.position.epoch, 1));
    let snapshot = fixture.backplane.read(at(id)).await.unwrap();
    assert_eq!((snapshot.continues, snapshot.missed), (true, Some(1)));
    assert_eq!(fixture.backplane.locate(next).await, Ok(Some(2)));
}

#[tokio::test]
async fn flush_begins_an_epoch_that_reuses_no_id() {
    let fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.sender().await;
    let old = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    redis::command(fixture.redis.as_ref().unwrap(), &["FLUSHALL"]).await;
    assert_eq!(publish(&*fixture.backplane, &incarnation, "b").await, Err(PublishError::Fenced));
    let epoch = fixture.backplane.read(None).await.unwrap().position.epoch;
    assert!(epoch > old.epoch);
    let renews = Heartbeat { epoch: Some(old.epoch), ..Heartbeat::new(incarnation, 2) };
    assert_eq!(fixture.backplane.heartbeat(renews).await, Err(HeartbeatError::Gone { epoch }));
    let anew = fixture.sender().await;
    let new = publish(&*fixture.backplane, &anew, "b").await.unwrap();
    assert_eq!((new.epoch, new.n), (epoch, 1));
    let snapshot = fixture.backplane.read(at(old)).await.unwrap();
    assert_eq!((snapshot.continues, snapshot.missed, snapshot.rows.len()), (false, None, 1));
}

#[tokio::test]
async fn log_ahead_of_its_head_begins_an_epoch() {
    let fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let ahead = format!("{}-{}", id.epoch, id.n + 5);
    let log = "ruang:{ruang_chat_utama}:log";
    let body = r#"{"nonce":"x","from":"X","text":"x"}"#;
    redis::command(fixture.redis.as_ref().unwrap(), &["XADD", log, &ahead, "at", "1", "total", "2", "body", body])
        .await;
    let next = publish(&*fixture.backplane, &incarnation, "b").await.unwrap();
    assert!(next.epoch > id.epoch, "{next}");
    assert_eq!((next.n, fixture.backplane.locate(next).await), (1, Ok(Some(3))));
}

#[tokio::test]
async fn replica_refuses_messages() {
    let fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.sender().await;
    let primary = Redis::start().await;
    redis::command(fixture.redis.as_ref().unwrap(), &["REPLICAOF", "127.0.0.1", &primary.port().to_string()]).await;
    assert!(matches!(publish(&*fixture.backplane, &incarnation, "a").await, Err(PublishError::Unavailable(_))));
    assert!(fixture.backplane.read(None).await.is_err());
}

#[tokio::test]
async fn scripts_flushed_are_loaded_again() {
    let fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.sender().await;
    publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    redis::command(fixture.redis.as_ref().unwrap(), &["SCRIPT", "FLUSH"]).await;
    assert!(publish(&*fixture.backplane, &incarnation, "b").await.is_ok());
}

#[tokio::test]
async fn subscription_cut_sends_a_gap_and_continues() {
    let fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.sender().await;
    let mut subscriber = Subscriber::on(&*fixture.backplane).await;
    redis::command(fixture.redis.as_ref().unwrap(), &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    assert_eq!(subscriber.next_event().await, ruang::backplane::Event::Gap);
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    assert_eq!(subscriber.message().await.id, id);
}

#[tokio::test]
async fn redis_out_of_memory_refuses_messages_but_lets_people_leave() {
    let fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    let redis = fixture.redis.as_ref().unwrap();
    redis::command(redis, &["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(matches!(publish(&*fixture.backplane, &incarnation, "b").await, Err(PublishError::Unavailable(_))));
    heartbeat(&*fixture.backplane, &incarnation, 3, &[], &["sari"]).await.unwrap();
    let snapshot = fixture.backplane.read(at(id)).await.unwrap();
    assert_eq!((snapshot.position.head, snapshot.continues, fixture.people().await.len()), (id, true, 0));
    redis::command(redis, &["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(publish(&*fixture.backplane, &incarnation, "b").await.unwrap().n, id.n + 1);
}

#[tokio::test]
async fn redis_started_late_is_unavailable_until_then() {
    let mut redis = Redis::stopped();
    let backplane = on(&redis, super::fixture::POLICY);
    assert!(backplane.read(None).await.is_err());
    redis.restart().await;
    eventually(SOON, "Redis replies", || async { backplane.read(None).await.map_err(|error| error.to_string()) }).await;
}
