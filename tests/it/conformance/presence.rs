//! A person is here while at least one incarnation holds them.

use super::bench::{Bench, heartbeat, on_each_engine};

on_each_engine! {
    the_first_hold_and_the_last_release_are_told_once,
    adding_again_changes_nothing,
    removing_somebody_who_is_not_held_changes_nothing,
    many_changes_are_one_step,
    presence_versions_grow_by_one,
}

fn none() -> Vec<String> {
    vec![]
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn the_first_hold_and_the_last_release_are_told_once(bench: Bench) {
    let (one, two) = (bench.living().await, bench.living().await);
    let mut ears = bench.ears().await;
    heartbeat(&*bench.backplane, &one, 2, &["sari"], &[]).await.unwrap();
    assert_eq!(ears.moves().await, (names(&["SARI"]), none()));
    heartbeat(&*bench.other(), &two, 2, &["sari"], &[]).await.unwrap();
    heartbeat(&*bench.backplane, &one, 3, &[], &["sari"]).await.unwrap();
    ears.hears_only_beat(&one, 3).await;
    heartbeat(&*bench.backplane, &two, 3, &[], &["sari"]).await.unwrap();
    assert_eq!(ears.moves().await, (none(), names(&["SARI"])));
}

async fn adding_again_changes_nothing(bench: Bench) {
    let incarnation = bench.living().await;
    let first = heartbeat(&*bench.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    let again = heartbeat(&*bench.backplane, &incarnation, 3, &["sari"], &[]).await.unwrap();
    assert_eq!(first.position, again.position);
    let people = bench.backplane.read(None).await.unwrap().people;
    assert_eq!(people.len(), 1);
    assert_eq!((people[0].name.as_str(), people[0].held_by.as_slice()), ("SARI", [incarnation].as_slice()));
}

async fn removing_somebody_who_is_not_held_changes_nothing(bench: Bench) {
    let (one, two) = (bench.living().await, bench.living().await);
    let before = heartbeat(&*bench.backplane, &one, 2, &["sari"], &[]).await.unwrap();
    let after = heartbeat(&*bench.backplane, &two, 2, &[], &["sari", "budi"]).await.unwrap();
    assert_eq!(before.position, after.position);
    assert_eq!(bench.backplane.read(None).await.unwrap().people.len(), 1);
}

async fn many_changes_are_one_step(bench: Bench) {
    let incarnation = bench.living().await;
    let mut ears = bench.ears().await;
    let whos: Vec<String> = (0..200).map(|n| format!("p{n:03}")).collect();
    let whos: Vec<&str> = whos.iter().map(String::as_str).collect();
    heartbeat(&*bench.backplane, &incarnation, 2, &whos, &[]).await.unwrap();
    assert_eq!(ears.moves().await.0.len(), 200);
    heartbeat(&*bench.backplane, &incarnation, 3, &["baru"], &whos).await.unwrap();
    let (joined, left) = ears.moves().await;
    assert_eq!((joined, left.len()), (names(&["BARU"]), 200));
}

async fn presence_versions_grow_by_one(bench: Bench) {
    let incarnation = bench.living().await;
    let mut version = bench.backplane.read(None).await.unwrap().position.version;
    for (heartbeat_seq, name_key) in [(2, "a"), (3, "b"), (4, "c")] {
        let position =
            heartbeat(&*bench.backplane, &incarnation, heartbeat_seq, &[name_key], &[]).await.unwrap().position;
        assert_eq!(position.version, version + 1);
        version = position.version;
    }
}
