//! An incarnation lives while its counter grows; one that was declared dead stays dead.

use ruang::backplane::{Heartbeat, HeartbeatError, PublishError, ReapOutcome, Stage};

use super::fixture::{Fixture, heartbeat, person, publish};
use crate::kit::engines::on_both_engines;

on_both_engines! { Fixture::of =>
    heartbeat_returns_every_lease,
    heartbeat_with_an_old_counter_is_stale,
    heartbeat_without_a_lease_is_gone,
    heartbeat_in_another_epoch_changes_nothing,
    incarnation_reaped_releases_its_people_and_is_fenced,
    person_with_another_holder_stays_after_a_reap,
    incarnation_renewed_since_is_not_reaped,
    lease_draining_is_marked,
    person_moved_from_a_draining_incarnation_is_released,
    publish_without_a_lease_is_fenced,
    reap_of_1200_people_releases_all,
}

async fn heartbeat_returns_every_lease(fixture: Fixture) {
    let (one, two) = (fixture.incarnation().await, fixture.incarnation().await);
    let leases = heartbeat(&*fixture.backplane, &one, 2, &[], &[]).await.unwrap().leases;
    assert_eq!(leases.len(), 2);
    let lease_of = |incarnation| {
        leases.iter().find(|lease| lease.incarnation == incarnation).map(|lease| (lease.heartbeat_seq, lease.stage))
    };
    assert_eq!((lease_of(one), lease_of(two)), (Some((2, Stage::Live)), Some((1, Stage::Live))));
}

async fn heartbeat_with_an_old_counter_is_stale(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    heartbeat(&*fixture.backplane, &incarnation, 5, &[], &[]).await.unwrap();
    for heartbeat_seq in [5, 4, 1] {
        assert_eq!(
            heartbeat(&*fixture.backplane, &incarnation, heartbeat_seq, &["sari"], &[]).await,
            Err(HeartbeatError::Stale)
        );
    }
    assert!(fixture.people().await.is_empty());
}

async fn heartbeat_without_a_lease_is_gone(fixture: Fixture) {
    let epoch = fixture.backplane.read(None).await.unwrap().position.epoch;
    let of = |own| Heartbeat { epoch: own, adds: vec![person("sari")], ..Heartbeat::new("unknown".into(), 2) };
    assert_eq!(fixture.backplane.heartbeat(of(Some(epoch))).await, Err(HeartbeatError::Gone { epoch }));
    assert!(fixture.people().await.is_empty());
    // The first one may have been lost.
    assert!(fixture.backplane.heartbeat(of(None)).await.is_ok());
    assert_eq!(fixture.people().await.len(), 1);
}

async fn heartbeat_in_another_epoch_changes_nothing(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let before = heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap().position;
    let epoch = before.epoch;
    let of = |own| Heartbeat {
        epoch: Some(own),
        adds: vec![person("budi")],
        dels: vec![person("sari")],
        ..Heartbeat::new(incarnation.clone(), 3)
    };
    for other in [epoch - 1, epoch + 1] {
        assert_eq!(fixture.backplane.heartbeat(of(other)).await, Err(HeartbeatError::Gone { epoch }));
    }
    assert_eq!(fixture.backplane.read(None).await.unwrap().position, before);
    assert_eq!(fixture.backplane.reap(&incarnation, 3).await, Ok(ReapOutcome::Alive), "the counter is as before");
    assert!(fixture.backplane.heartbeat(of(epoch)).await.is_ok());
    assert_eq!(fixture.people().await[0].member.name, "BUDI");
}

async fn incarnation_reaped_releases_its_people_and_is_fenced(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    heartbeat(&*fixture.backplane, &incarnation, 2, &["sari", "budi"], &[]).await.unwrap();
    let mut subscriber = fixture.subscriber().await;
    assert_eq!(fixture.other().reap(&incarnation, 2).await, Ok(ReapOutcome::Done));
    let (_, mut left) = subscriber.presence().await;
    left.sort();
    assert_eq!(left, ["BUDI", "SARI"]);
    assert_eq!(publish(&*fixture.backplane, &incarnation, "a").await, Err(PublishError::Fenced));
    let epoch = fixture.backplane.read(None).await.unwrap().position.epoch;
    let renews = Heartbeat { epoch: Some(epoch), adds: vec![person("sari")], ..Heartbeat::new(incarnation.clone(), 3) };
    assert_eq!(fixture.backplane.heartbeat(renews).await, Err(HeartbeatError::Gone { epoch }));
    assert!(fixture.people().await.is_empty());
    // Reaping again changes nothing.
    assert_eq!(fixture.backplane.reap(&incarnation, 2).await, Ok(ReapOutcome::Done));
}

async fn person_with_another_holder_stays_after_a_reap(fixture: Fixture) {
    let (one, two) = (fixture.incarnation().await, fixture.incarnation().await);
    heartbeat(&*fixture.backplane, &one, 2, &["sari"], &[]).await.unwrap();
    let before = heartbeat(&*fixture.backplane, &two, 2, &["sari"], &[]).await.unwrap().position;
    fixture.backplane.reap(&one, 2).await.unwrap();
    let position = fixture.backplane.read(None).await.unwrap().position;
    assert_eq!((position, fixture.people().await[0].held_by.as_slice()), (before, [two].as_slice()));
}

async fn incarnation_renewed_since_is_not_reaped(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    assert_eq!(fixture.backplane.reap(&incarnation, 1).await, Ok(ReapOutcome::Alive));
    assert!(heartbeat(&*fixture.backplane, &incarnation, 3, &[], &[]).await.is_ok());
}

async fn lease_draining_is_marked(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let goodbye = Heartbeat { draining: true, ..Heartbeat::new(incarnation.clone(), 2) };
    let leases = fixture.backplane.heartbeat(goodbye).await.unwrap().leases;
    assert_eq!((leases[0].heartbeat_seq, leases[0].stage), (2, Stage::Draining));
    assert_eq!(fixture.backplane.reap(&incarnation, 2).await, Ok(ReapOutcome::Done));
}

async fn person_moved_from_a_draining_incarnation_is_released(fixture: Fixture) {
    let (one, two) = (fixture.incarnation().await, fixture.incarnation().await);
    heartbeat(&*fixture.backplane, &one, 2, &["sari", "budi"], &[]).await.unwrap();
    let before = heartbeat(&*fixture.backplane, &two, 2, &["budi"], &[]).await.unwrap().position;
    let goodbye = Heartbeat { draining: true, ..Heartbeat::new(one.clone(), 3) };
    fixture.backplane.heartbeat(goodbye).await.unwrap();
    let moved = heartbeat(&*fixture.backplane, &two, 3, &["sari"], &[]).await.unwrap().position;
    assert_eq!(moved, before, "a move is no arrival");
    let mut subscriber = fixture.subscriber().await;
    heartbeat(&*fixture.backplane, &two, 4, &[], &["sari"]).await.unwrap();
    assert_eq!(subscriber.presence().await, (vec![], vec!["SARI".to_owned()]));
    // A person held by both may still have a connection on its way to the draining one.
    heartbeat(&*fixture.backplane, &two, 5, &[], &["budi"]).await.unwrap();
    let people = fixture.people().await;
    assert_eq!((people.len(), people[0].held_by.as_slice()), (1, [one].as_slice()));
}

async fn publish_without_a_lease_is_fenced(fixture: Fixture) {
    assert_eq!(publish(&*fixture.backplane, &"unknown".into(), "a").await, Err(PublishError::Fenced));
}

async fn reap_of_1200_people_releases_all(fixture: Fixture) {
    let (incarnation, other) = (fixture.incarnation().await, fixture.incarnation().await);
    let names: Vec<String> = (0..1200).map(|n| format!("p{n}")).collect();
    for (heartbeat_seq, some) in (2..).zip(names.chunks(400)) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        heartbeat(&*fixture.backplane, &incarnation, heartbeat_seq, &some, &[]).await.unwrap();
    }
    heartbeat(&*fixture.backplane, &other, 2, &["p7"], &[]).await.unwrap();
    fixture.backplane.reap(&incarnation, 4).await.unwrap();
    let people = fixture.people().await;
    assert_eq!(people.iter().map(|here| here.member.name_key.as_str()).collect::<Vec<_>>(), ["p7"]);
}
