//! The people of a large room in Redis: they are read in portions, and again only by a reader whose position is unknown.

use std::sync::Arc;

use ruang::backplane::{Backplane, Delta, Position, SnapshotPeople};

use super::fixture::{Fixture, heartbeat, on};
use crate::kit::{Engine, SOON, redis, wait::eventually};

const ROOM: &str = "ruang:{ruang_chat_utama}:";
const MANY: usize = 3000;

/// A room with [`MANY`] people, the counter of the last heartbeat of their incarnation, and the position.
struct LargeRoom {
    fixture: Fixture,
    heartbeat_seq: u64,
    position: Position,
}

impl LargeRoom {
    async fn open() -> Self {
        let fixture = Fixture::of(Engine::Redis).await;
        heartbeat(&*fixture.backplane, &"one".into(), 1, &[], &[]).await.unwrap();
        let heartbeat_seq = fixture.add_many(&"one".into(), MANY).await;
        let position = fixture.backplane.read(None).await.unwrap().position;
        Self { fixture, heartbeat_seq, position }
    }

    async fn change(&mut self, adds: &[&str], dels: &[&str]) {
        self.heartbeat_seq += 1;
        heartbeat(&*self.fixture.backplane, &"one".into(), self.heartbeat_seq, adds, dels).await.unwrap();
    }

    /// The people as a reader at the first position gets them.
    async fn read(&self) -> SnapshotPeople {
        self.fixture.backplane.read(Some(self.position)).await.unwrap().people
    }

    async fn command(&self, words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| word.replace("ROOM:", ROOM)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        redis::command(self.fixture.redis.as_ref().unwrap(), &words).await
    }

    async fn calls_of_hscan(&self) -> usize {
        let stats = self.command(&["INFO", "commandstats"]).await;
        let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_hscan:calls=")?.split(',').next());
        calls.map_or(0, |calls| calls.parse().unwrap())
    }
}

/// The names that joined and left in each step.
fn names(people: SnapshotPeople) -> Vec<(Vec<String>, Vec<String>)> {
    let SnapshotPeople::Changed(deltas) = people else { panic!("expected steps, not {people:?}") };
    let names = |people: Vec<ruang::backplane::Member>| people.into_iter().map(|person| person.name).collect();
    deltas.into_iter().map(|Delta { joined, left }| (names(joined), names(left))).collect()
}

fn steps(steps: &[(&[&str], &[&str])]) -> Vec<(Vec<String>, Vec<String>)> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    steps.iter().map(|(joined, left)| (names(joined), names(left))).collect()
}

#[tokio::test]
async fn people_in_thousands_are_read_in_portions() {
    let room = LargeRoom::open().await;
    assert_eq!(room.fixture.people().await.len(), MANY);
    assert!((2..10).contains(&room.calls_of_hscan().await));
}

#[tokio::test]
async fn people_are_read_by_a_user_without_hscan() {
    let room = LargeRoom::open().await;
    room.command(&["ACL", "SETUSER", "default", "-hscan", "-hlen"]).await;
    assert_eq!(room.fixture.people().await.len(), MANY);
}

#[tokio::test]
async fn reader_of_a_large_room_gets_what_changed_since() {
    let mut room = LargeRoom::open().await;
    assert_eq!(room.read().await, SnapshotPeople::Same);
    room.change(&["sari"], &["p7"]).await;
    room.fixture.backplane.end(&super::fixture::session("p8"), &"p8".into()).await.unwrap();
    room.change(&["p7"], &["sari"]).await;
    let expected: &[(&[&str], &[&str])] = &[(&["SARI"], &["P7"]), (&[], &["P8"]), (&["P7"], &["SARI"])];
    assert_eq!(names(room.read().await), steps(expected));
    assert_eq!(room.calls_of_hscan().await, 0);
}

#[tokio::test]
async fn step_of_an_older_version_has_the_people_read() {
    let mut room = LargeRoom::open().await;
    // An older version raises the version and notes no step.
    room.command(&["HINCRBY", "ROOM:meta", "v", "1"]).await;
    room.change(&["sari"], &[]).await;
    assert_eq!(room.read().await, SnapshotPeople::Many(MANY + 1));
}

#[tokio::test]
async fn steps_continue_over_an_epoch_that_lost_none() {
    let mut room = LargeRoom::open().await;
    room.change(&["sari"], &[]).await;
    room.fixture.redis.as_mut().unwrap().restart().await;
    let backplane: Arc<dyn Backplane> = on(room.fixture.redis.as_ref().unwrap(), super::fixture::POLICY);
    let position = room.position;
    let snapshot = eventually(SOON, "a snapshot", || async {
        backplane.read(Some(position)).await.map_err(|error| error.to_string())
    });
    let snapshot = snapshot.await;
    assert_ne!(snapshot.position.epoch, room.position.epoch);
    assert_eq!(names(snapshot.people), steps(&[(&["SARI"], &[])]));
}

#[tokio::test]
async fn reader_at_a_lost_step_has_the_people_read() {
    let mut room = LargeRoom::open().await;
    room.change(&["sari"], &[]).await;
    room.position.version += 5;
    assert_eq!(room.read().await, SnapshotPeople::Many(MANY + 1));
}
