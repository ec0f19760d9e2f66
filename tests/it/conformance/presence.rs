//! A person is in the room while at least one incarnation holds them.

use super::fixture::{Fixture, heartbeat};
use crate::kit::engines::on_both_engines;

on_both_engines! { Fixture::of =>
    person_joins_with_the_first_holder_and_leaves_with_the_last,
    person_added_again_changes_nothing,
    person_not_held_is_removed_without_effect,
    changes_of_one_heartbeat_are_one_event,
    presence_version_grows_by_one_per_change,
}

fn none() -> Vec<String> {
    vec![]
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn person_joins_with_the_first_holder_and_leaves_with_the_last(fixture: Fixture) {
    let (one, two) = (fixture.incarnation().await, fixture.incarnation().await);
    let mut subscriber = fixture.subscriber().await;
    heartbeat(&*fixture.backplane, &one, 2, &["sari"], &[]).await.unwrap();
    assert_eq!(subscriber.presence().await, (names(&["SARI"]), none()));
    heartbeat(&*fixture.other(), &two, 2, &["sari"], &[]).await.unwrap();
    heartbeat(&*fixture.backplane, &one, 3, &[], &["sari"]).await.unwrap();
    subscriber.expect_only_heartbeat(&one, 3).await;
    heartbeat(&*fixture.backplane, &two, 3, &[], &["sari"]).await.unwrap();
    assert_eq!(subscriber.presence().await, (none(), names(&["SARI"])));
}

async fn person_added_again_changes_nothing(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let first = heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    let again = heartbeat(&*fixture.backplane, &incarnation, 3, &["sari"], &[]).await.unwrap();
    assert_eq!(first.position, again.position);
    let people = fixture.people().await;
    assert_eq!(people.len(), 1);
    assert_eq!((people[0].member.name.as_str(), people[0].held_by.as_slice()), ("SARI", [incarnation].as_slice()));
}

async fn person_not_held_is_removed_without_effect(fixture: Fixture) {
    let (one, two) = (fixture.incarnation().await, fixture.incarnation().await);
    let before = heartbeat(&*fixture.backplane, &one, 2, &["sari"], &[]).await.unwrap();
    let after = heartbeat(&*fixture.backplane, &two, 2, &[], &["sari", "budi"]).await.unwrap();
    assert_eq!(before.position, after.position);
    assert_eq!(fixture.people().await.len(), 1);
}

async fn changes_of_one_heartbeat_are_one_event(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let mut subscriber = fixture.subscriber().await;
    let people: Vec<String> = (0..200).map(|n| format!("p{n:03}")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    heartbeat(&*fixture.backplane, &incarnation, 2, &people, &[]).await.unwrap();
    assert_eq!(subscriber.presence().await.0.len(), 200);
    heartbeat(&*fixture.backplane, &incarnation, 3, &["baru"], &people).await.unwrap();
    let (joined, left) = subscriber.presence().await;
    assert_eq!((joined, left.len()), (names(&["BARU"]), 200));
}

async fn presence_version_grows_by_one_per_change(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let mut version = fixture.backplane.read(None).await.unwrap().position.version;
    for (heartbeat_seq, name_key) in [(2, "a"), (3, "b"), (4, "c")] {
        let position =
            heartbeat(&*fixture.backplane, &incarnation, heartbeat_seq, &[name_key], &[]).await.unwrap().position;
        assert_eq!(position.version, version + 1);
        version = position.version;
    }
}
