//! Reaping in Redis: it reads only what the dead incarnation held, and completes what an older version or a failover left.

use ruang::backplane::{IncarnationId, Present, ReapOutcome};

use super::fixture::{Fixture, heartbeat, on};
use crate::kit::{Engine, redis};

const ROOM: &str = "ruang:{ruang_chat_utama}:";

/// A room with an incarnation that holds sari and budi.
async fn room() -> (Fixture, IncarnationId) {
    let fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.incarnation().await;
    heartbeat(&*fixture.backplane, &incarnation, 2, &["sari", "budi"], &[]).await.unwrap();
    (fixture, incarnation)
}

async fn command(fixture: &Fixture, words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| word.replace("ROOM:", ROOM)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    redis::command(fixture.redis.as_ref().unwrap(), &words).await.trim().to_owned()
}

fn names(people: &[Present]) -> Vec<&str> {
    let mut names: Vec<&str> = people.iter().map(|here| here.member.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn reap_reads_only_the_people_of_the_incarnation() {
    let (fixture, incarnation) = room().await;
    let other = fixture.incarnation().await;
    let many: Vec<String> = (0..500).map(|n| format!("p{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    heartbeat(&*fixture.backplane, &other, 2, &many, &[]).await.unwrap();
    command(&fixture, &["CONFIG", "RESETSTAT"]).await;
    fixture.backplane.reap(&incarnation, 2).await.unwrap();
    let stats = command(&fixture, &["INFO", "stats"]).await;
    let sent = stats.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:")).unwrap();
    assert!(sent.parse::<u64>().unwrap() < 4000, "{sent} bytes read: the others are 500 people");
    assert_eq!(fixture.people().await.len(), 500);
}

#[tokio::test]
async fn reap_of_an_incarnation_of_an_older_version_releases_all() {
    let (fixture, incarnation) = room().await;
    // An older version stores no such hash.
    assert_eq!(command(&fixture, &["DEL", &format!("ROOM:held:{}", incarnation.as_str())]).await, "1");
    heartbeat(&*fixture.backplane, &incarnation, 3, &["adi"], &["budi"]).await.unwrap();
    assert_eq!(fixture.backplane.reap(&incarnation, 3).await, Ok(ReapOutcome::Done));
    assert!(fixture.people().await.is_empty());
}

#[tokio::test]
async fn reap_after_a_rollback_of_its_releases_leaves_no_ghost() {
    let (fixture, incarnation) = room().await;
    let (held, lease) = (format!("ROOM:held:{}", incarnation.as_str()), incarnation.as_str());
    fixture.backplane.reap(&incarnation, 2).await.unwrap();
    // The replica that takes over had received the declaration of death, and none of the releases.
    command(&fixture, &["HSET", "ROOM:leases", lease, "2x"]).await;
    command(&fixture, &["HSET", &held, "", "", "sari", "", "budi", ""]).await;
    for name in ["sari", "budi"] {
        command(&fixture, &["HSET", "ROOM:people", name, &format!("{}\n{lease}", name.to_uppercase())]).await;
    }
    assert_eq!(names(&fixture.people().await), ["BUDI", "SARI"]);
    assert_eq!(fixture.backplane.reap(&incarnation, 2).await, Ok(ReapOutcome::Done));
    assert!(fixture.people().await.is_empty());
    assert_eq!(command(&fixture, &["EXISTS", &held]).await, "0");
}

#[tokio::test]
async fn reap_by_two_instances_at_once_releases_each_person_once() {
    let (fixture, incarnation) = room().await;
    let many: Vec<String> = (0..1000).map(|n| format!("p{n}")).collect();
    for (seq, some) in (3..).zip(many.chunks(500)) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        heartbeat(&*fixture.backplane, &incarnation, seq, &some, &[]).await.unwrap();
    }
    let mut subscriber = fixture.subscriber().await;
    let there = on(fixture.redis.as_ref().unwrap(), super::fixture::POLICY);
    let (here, there) = tokio::join!(fixture.backplane.reap(&incarnation, 4), there.reap(&incarnation, 4));
    let outcomes = [here.unwrap(), there.unwrap()];
    assert!(outcomes.contains(&ReapOutcome::Done) && !outcomes.contains(&ReapOutcome::Alive), "{outcomes:?}");
    let mut left = 0;
    while left < 1002 {
        left += subscriber.presence().await.1.len();
    }
    assert_eq!((left, fixture.people().await.len()), (1002, 0));
}

#[tokio::test]
async fn reap_is_left_to_the_instance_that_is_at_it() {
    let (fixture, incarnation) = room().await;
    let held = format!("ROOM:held:{}", incarnation.as_str());
    let time = command(&fixture, &["TIME"]).await;
    let (seconds, _) = time.split_once('\n').unwrap();
    // The other one has called just now, or will have for an hour.
    command(&fixture, &["HSET", &held, "", &format!("another {}000000", seconds.parse::<u64>().unwrap() + 3600)]).await;
    assert_eq!(fixture.backplane.reap(&incarnation, 2).await, Ok(ReapOutcome::Busy));
    assert_eq!(names(&fixture.people().await), ["BUDI", "SARI"]);
    // It has died too.
    command(&fixture, &["HSET", &held, "", &format!("another {}000000", seconds.parse::<u64>().unwrap() - 5)]).await;
    assert_eq!(fixture.backplane.reap(&incarnation, 2).await, Ok(ReapOutcome::Done));
    assert!(fixture.people().await.is_empty());
}

#[tokio::test]
async fn session_ended_is_no_longer_released_by_a_reap() {
    let (fixture, incarnation) = room().await;
    fixture.backplane.end(&super::fixture::session("sari"), &"sari".into()).await.unwrap();
    let before = command(&fixture, &["PTTL", "ROOM:name:sari"]).await.parse::<i64>().unwrap();
    fixture.backplane.reap(&incarnation, 2).await.unwrap();
    let after = command(&fixture, &["PTTL", "ROOM:name:sari"]).await.parse::<i64>().unwrap();
    assert!(after <= before, "the closed name is not extended: {before} ms, then {after} ms");
}
