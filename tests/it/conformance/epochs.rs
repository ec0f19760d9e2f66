//! What only a Redis can do: forget, roll back, start again, and be somebody's replica.

use ruang::backplane::{HeartbeatError, PublishError};

use super::bench::{Bench, Ears, heartbeat, on, say};
use crate::kit::{Engine, Redis, SOON, eventually, redis};

/// The first look after something happened to Redis.
async fn look(bench: &Bench) -> ruang::backplane::Snapshot {
    eventually(SOON, "Redis answers again", || async {
        bench.backplane.read(None).await.map_err(|error| error.to_string())
    })
    .await
}

#[tokio::test]
async fn a_restart_that_lost_nothing_is_a_new_epoch_that_continues() {
    let mut bench = Bench::of(Engine::Redis).await;
    let incarnation = bench.living().await;
    let id = say(&*bench.backplane, &incarnation, "a").await.unwrap();
    bench.redis.as_mut().unwrap().restart().await;
    look(&bench).await;
    let snapshot = bench.backplane.read(Some(id)).await.unwrap();
    assert!(snapshot.position.epoch > id.epoch);
    assert_eq!((snapshot.position.head, snapshot.continues, snapshot.missed), (id, true, Some(0)));
    // The nonce is still known, and the next message continues.
    assert_eq!(say(&*bench.backplane, &incarnation, "a").await, Ok(id));
    let next = say(&*bench.backplane, &incarnation, "b").await.unwrap();
    assert_eq!((next.epoch, next.n), (snapshot.position.epoch, 1));
    let snapshot = bench.backplane.read(Some(id)).await.unwrap();
    assert_eq!((snapshot.continues, snapshot.missed), (true, Some(1)));
    assert_eq!(bench.backplane.locate(next).await, Ok(Some(2)));
}

#[tokio::test]
async fn a_log_that_was_flushed_uses_no_id_again() {
    let bench = Bench::of(Engine::Redis).await;
    let incarnation = bench.living().await;
    let old = say(&*bench.backplane, &incarnation, "a").await.unwrap();
    redis::command(bench.redis.as_ref().unwrap(), &["FLUSHALL"]).await;
    assert_eq!(say(&*bench.backplane, &incarnation, "b").await, Err(PublishError::Fenced));
    let epoch = bench.backplane.read(None).await.unwrap().position.epoch;
    assert!(epoch > old.epoch);
    assert_eq!(heartbeat(&*bench.backplane, &incarnation, 2, &[], &[]).await, Err(HeartbeatError::Gone { epoch }));
    let anew = bench.living().await;
    let new = say(&*bench.backplane, &anew, "b").await.unwrap();
    assert_eq!((new.epoch, new.n), (epoch, 1));
    let snapshot = bench.backplane.read(Some(old)).await.unwrap();
    assert_eq!((snapshot.continues, snapshot.missed, snapshot.rows.len()), (false, None, 1));
}

#[tokio::test]
async fn a_log_that_has_ids_unknown_to_its_own_head_begins_a_new_epoch() {
    let bench = Bench::of(Engine::Redis).await;
    let incarnation = bench.living().await;
    let id = say(&*bench.backplane, &incarnation, "a").await.unwrap();
    let ahead = format!("{}-{}", id.epoch, id.n + 5);
    let log = "ruang:{ruang_chat_utama}:log";
    let body = r#"{"nonce":"x","from":"X","text":"x"}"#;
    redis::command(bench.redis.as_ref().unwrap(), &["XADD", log, &ahead, "at", "1", "total", "2", "body", body]).await;
    let next = say(&*bench.backplane, &incarnation, "b").await.unwrap();
    assert!(next.epoch > id.epoch, "{next}");
    assert_eq!((next.n, bench.backplane.locate(next).await), (1, Ok(Some(3))));
}

#[tokio::test]
async fn a_replica_takes_no_messages() {
    let bench = Bench::of(Engine::Redis).await;
    let incarnation = bench.living().await;
    let primary = Redis::start().await;
    redis::command(bench.redis.as_ref().unwrap(), &["REPLICAOF", "127.0.0.1", &primary.port().to_string()]).await;
    assert!(matches!(say(&*bench.backplane, &incarnation, "a").await, Err(PublishError::Unavailable(_))));
    assert!(bench.backplane.read(None).await.is_err());
}

#[tokio::test]
async fn forgotten_scripts_are_sent_again() {
    let bench = Bench::of(Engine::Redis).await;
    let incarnation = bench.living().await;
    say(&*bench.backplane, &incarnation, "a").await.unwrap();
    redis::command(bench.redis.as_ref().unwrap(), &["SCRIPT", "FLUSH"]).await;
    assert!(say(&*bench.backplane, &incarnation, "b").await.is_ok());
}

#[tokio::test]
async fn a_subscription_that_was_cut_says_so_and_goes_on() {
    let bench = Bench::of(Engine::Redis).await;
    let incarnation = bench.living().await;
    let mut ears = Ears::on(&*bench.backplane).await;
    redis::command(bench.redis.as_ref().unwrap(), &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    assert_eq!(ears.next_news().await, ruang::backplane::Event::Gap);
    let id = say(&*bench.backplane, &incarnation, "a").await.unwrap();
    assert_eq!(ears.message().await.id, id);
}

#[tokio::test]
async fn without_memory_messages_are_refused_whole_and_people_may_still_leave() {
    let bench = Bench::of(Engine::Redis).await;
    let incarnation = bench.living().await;
    let id = say(&*bench.backplane, &incarnation, "a").await.unwrap();
    heartbeat(&*bench.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    let redis = bench.redis.as_ref().unwrap();
    redis::command(redis, &["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(matches!(say(&*bench.backplane, &incarnation, "b").await, Err(PublishError::Unavailable(_))));
    heartbeat(&*bench.backplane, &incarnation, 3, &[], &["sari"]).await.unwrap();
    let snapshot = bench.backplane.read(Some(id)).await.unwrap();
    assert_eq!((snapshot.position.head, snapshot.continues, snapshot.people.len()), (id, true, 0));
    redis::command(redis, &["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(say(&*bench.backplane, &incarnation, "b").await.unwrap().n, id.n + 1);
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_unavailable_and_then_answers() {
    let mut redis = Redis::not_yet();
    let backplane = on(&redis, super::bench::KEEPING);
    assert!(backplane.read(None).await.is_err());
    redis.restart().await;
    eventually(SOON, "it answers", || async { backplane.read(None).await.map_err(|error| error.to_string()) }).await;
}
