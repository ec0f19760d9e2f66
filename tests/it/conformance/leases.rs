//! An incarnation lives while its beats grow; whoever was declared dead stays so.

use ruang::backplane::{Heartbeat, HeartbeatError, PublishError, ReapOutcome, Stage};

use super::bench::{Bench, heartbeat, on_each_engine, say};

on_each_engine! {
    a_beat_answers_every_lease,
    a_counter_that_does_not_grow_is_stale,
    whoever_has_no_lease_is_gone,
    a_reaped_incarnation_releases_everybody_and_is_fenced,
    people_whom_another_holds_too_stay,
    whoever_has_beaten_since_is_not_reaped,
    a_draining_lease_says_so,
    whoever_moved_on_from_a_draining_incarnation_is_no_longer_held_there,
    nobody_publishes_without_a_lease,
    hundreds_are_released_in_portions,
}

async fn a_beat_answers_every_lease(bench: Bench) {
    let (one, two) = (bench.living().await, bench.living().await);
    let leases = heartbeat(&*bench.backplane, &one, 2, &[], &[]).await.unwrap().leases;
    assert_eq!(leases.len(), 2);
    let k_of = |incarnation| {
        leases.iter().find(|lease| lease.incarnation == incarnation).map(|lease| (lease.heartbeat_seq, lease.stage))
    };
    assert_eq!((k_of(one), k_of(two)), (Some((2, Stage::Live)), Some((1, Stage::Live))));
}

async fn a_counter_that_does_not_grow_is_stale(bench: Bench) {
    let incarnation = bench.living().await;
    heartbeat(&*bench.backplane, &incarnation, 5, &[], &[]).await.unwrap();
    for heartbeat_seq in [5, 4, 1] {
        assert_eq!(
            heartbeat(&*bench.backplane, &incarnation, heartbeat_seq, &["sari"], &[]).await,
            Err(HeartbeatError::Stale)
        );
    }
    assert!(bench.backplane.read(None).await.unwrap().people.is_empty());
}

async fn whoever_has_no_lease_is_gone(bench: Bench) {
    let epoch = bench.backplane.read(None).await.unwrap().position.epoch;
    let gone = heartbeat(&*bench.backplane, &"nobody".into(), 2, &["sari"], &[]).await;
    assert_eq!(gone, Err(HeartbeatError::Gone { epoch }));
}

async fn a_reaped_incarnation_releases_everybody_and_is_fenced(bench: Bench) {
    let incarnation = bench.living().await;
    heartbeat(&*bench.backplane, &incarnation, 2, &["sari", "budi"], &[]).await.unwrap();
    let mut ears = bench.ears().await;
    assert_eq!(bench.other().reap(&incarnation, 2).await, Ok(ReapOutcome::Done));
    let (_, mut left) = ears.moves().await;
    left.sort();
    assert_eq!(left, ["BUDI", "SARI"]);
    assert_eq!(say(&*bench.backplane, &incarnation, "a").await, Err(PublishError::Fenced));
    assert!(matches!(
        heartbeat(&*bench.backplane, &incarnation, 3, &["sari"], &[]).await,
        Err(HeartbeatError::Gone { .. })
    ));
    assert!(bench.backplane.read(None).await.unwrap().people.is_empty());
    // Whoever finishes what is finished changes nothing.
    assert_eq!(bench.backplane.reap(&incarnation, 2).await, Ok(ReapOutcome::Done));
}

async fn people_whom_another_holds_too_stay(bench: Bench) {
    let (one, two) = (bench.living().await, bench.living().await);
    heartbeat(&*bench.backplane, &one, 2, &["sari"], &[]).await.unwrap();
    let before = heartbeat(&*bench.backplane, &two, 2, &["sari"], &[]).await.unwrap().position;
    bench.backplane.reap(&one, 2).await.unwrap();
    let snapshot = bench.backplane.read(None).await.unwrap();
    assert_eq!((snapshot.position, snapshot.people[0].held_by.as_slice()), (before, [two].as_slice()));
}

async fn whoever_has_beaten_since_is_not_reaped(bench: Bench) {
    let incarnation = bench.living().await;
    heartbeat(&*bench.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    assert_eq!(bench.backplane.reap(&incarnation, 1).await, Ok(ReapOutcome::Alive));
    assert!(heartbeat(&*bench.backplane, &incarnation, 3, &[], &[]).await.is_ok());
}

async fn a_draining_lease_says_so(bench: Bench) {
    let incarnation = bench.living().await;
    let goodbye =
        Heartbeat { incarnation: incarnation.clone(), heartbeat_seq: 2, draining: true, adds: vec![], dels: vec![] };
    let leases = bench.backplane.heartbeat(goodbye).await.unwrap().leases;
    assert_eq!((leases[0].heartbeat_seq, leases[0].stage), (2, Stage::Draining));
    assert_eq!(bench.backplane.reap(&incarnation, 2).await, Ok(ReapOutcome::Done));
}

async fn whoever_moved_on_from_a_draining_incarnation_is_no_longer_held_there(bench: Bench) {
    let (one, two) = (bench.living().await, bench.living().await);
    heartbeat(&*bench.backplane, &one, 2, &["sari", "budi"], &[]).await.unwrap();
    let before = heartbeat(&*bench.backplane, &two, 2, &["budi"], &[]).await.unwrap().position;
    let goodbye = Heartbeat { incarnation: one.clone(), heartbeat_seq: 3, draining: true, adds: vec![], dels: vec![] };
    bench.backplane.heartbeat(goodbye).await.unwrap();
    let moved = heartbeat(&*bench.backplane, &two, 3, &["sari"], &[]).await.unwrap().position;
    assert_eq!(moved, before, "somebody who moves neither comes nor goes");
    let mut ears = bench.ears().await;
    heartbeat(&*bench.backplane, &two, 4, &[], &["sari"]).await.unwrap();
    assert_eq!(ears.moves().await, (vec![], vec!["SARI".to_owned()]));
    // Who was on both may have a connection on its way here.
    heartbeat(&*bench.backplane, &two, 5, &[], &["budi"]).await.unwrap();
    let people = bench.backplane.read(None).await.unwrap().people;
    assert_eq!((people.len(), people[0].held_by.as_slice()), (1, [one].as_slice()));
}

async fn nobody_publishes_without_a_lease(bench: Bench) {
    assert_eq!(say(&*bench.backplane, &"nobody".into(), "a").await, Err(PublishError::Fenced));
}

async fn hundreds_are_released_in_portions(bench: Bench) {
    let (incarnation, other) = (bench.living().await, bench.living().await);
    let whos: Vec<String> = (0..1200).map(|n| format!("p{n}")).collect();
    for (heartbeat_seq, some) in (2..).zip(whos.chunks(400)) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        heartbeat(&*bench.backplane, &incarnation, heartbeat_seq, &some, &[]).await.unwrap();
    }
    heartbeat(&*bench.backplane, &other, 2, &["p7"], &[]).await.unwrap();
    bench.backplane.reap(&incarnation, 4).await.unwrap();
    let people = bench.backplane.read(None).await.unwrap().people;
    assert_eq!(people.iter().map(|here| here.name_key.as_str()).collect::<Vec<_>>(), ["p7"]);
}
