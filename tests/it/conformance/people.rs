//! Reading many people from Redis: in portions, and in one if the user may not scan.

use super::fixture::{Fixture, heartbeat};
use crate::kit::{Engine, redis};

const MANY: usize = 3000;

/// A room with [`MANY`] people.
async fn room() -> Fixture {
    let fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.incarnation().await;
    let names: Vec<String> = (0..MANY).map(|n| format!("p{n}")).collect();
    for (seq, portion) in (2..).zip(names.chunks(500)) {
        let portion: Vec<&str> = portion.iter().map(String::as_str).collect();
        heartbeat(&*fixture.backplane, &incarnation, seq, &portion, &[]).await.unwrap();
    }
    fixture
}

async fn command(fixture: &Fixture, words: &[&str]) -> String {
    redis::command(fixture.redis.as_ref().unwrap(), words).await
}

#[tokio::test]
async fn people_in_thousands_are_read_in_portions() {
    let fixture = room().await;
    assert_eq!(fixture.people().await.len(), MANY);
    let stats = command(&fixture, &["INFO", "commandstats"]).await;
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_hscan:calls=")?.split(',').next());
    let calls: usize = calls.expect("calls of HSCAN").parse().unwrap();
    assert!((2..10).contains(&calls), "{calls}");
}

#[tokio::test]
async fn people_are_read_by_a_user_without_hscan() {
    let fixture = room().await;
    command(&fixture, &["ACL", "SETUSER", "default", "-hscan"]).await;
    assert_eq!(fixture.people().await.len(), MANY);
}
