//! Snapshots of the room, positions, and pages of history.

use std::collections::BTreeSet;

use ruang::{
    backplane::{Cursor, MISSED_AT_MOST, NEWEST, PEOPLE_AT_ONCE, Page, Position, Snapshot, SnapshotPeople},
    protocol::Id,
};

use super::fixture::{Fixture, at, heartbeat, publish};
use crate::kit::engines::on_both_engines;

on_both_engines! { Fixture::of =>
    snapshot_of_an_empty_room_is_empty,
    snapshot_since_a_known_id_continues_it,
    snapshot_since_an_id_too_far_behind_counts_the_missed,
    snapshot_of_the_same_version_omits_the_people,
    snapshot_of_a_large_room_counts_the_people,
    snapshot_since_an_unknown_id_does_not_continue,
    snapshot_since_the_beginning_continues_it,
    snapshot_holds_messages_people_and_position,
    page_before_or_after_an_id_is_adjacent,
    locate_returns_the_ordinal_of_each_message,
    address_key_is_made_once_and_read_by_every_instance,
}

async fn send_messages(fixture: &Fixture, count: usize) -> Vec<Id> {
    let incarnation = fixture.sender().await;
    let mut ids = vec![];
    for n in 0..count {
        ids.push(publish(&*fixture.backplane, &incarnation, &format!("n{n}")).await.unwrap());
    }
    ids
}

/// The number of people in a snapshot, if it has all.
fn count(snapshot: &Snapshot) -> Option<usize> {
    if let SnapshotPeople::All(people) = &snapshot.people { Some(people.len()) } else { None }
}

fn ids(page: &Page) -> Vec<Id> {
    page.rows.iter().map(|row| row.id()).collect()
}

async fn snapshot_of_an_empty_room_is_empty(fixture: Fixture) {
    let snapshot = fixture.backplane.read(None).await.unwrap();
    let Snapshot { position, start, rows, before, older, .. } = snapshot;
    assert_eq!((position.head.n, start, rows.len(), before, older), (0, Some(position.head), 0, 0, false));
    assert_eq!(fixture.backplane.page(Cursor::Newest, 50).await, Ok(Page::default()));
}

async fn snapshot_since_a_known_id_continues_it(fixture: Fixture) {
    let ids = send_messages(&fixture, 10).await;
    let snapshot = fixture.backplane.read(at(ids[6])).await.unwrap();
    assert!(snapshot.continues);
    assert_eq!(snapshot.missed, Some(3));
    assert_eq!(snapshot.rows.iter().map(|row| row.id()).collect::<Vec<_>>(), ids[7..]);
    let snapshot = fixture.backplane.read(at(ids[9])).await.unwrap();
    assert_eq!((snapshot.continues, snapshot.missed, snapshot.rows.len()), (true, Some(0), 0));
}

async fn snapshot_since_an_id_too_far_behind_counts_the_missed(fixture: Fixture) {
    let ids = send_messages(&fixture, NEWEST + 10).await;
    let last_to_continue = ids.len() - MISSED_AT_MOST - 1;
    assert!(fixture.backplane.read(at(ids[last_to_continue])).await.unwrap().continues);
    let snapshot = fixture.backplane.read(at(ids[last_to_continue - 1])).await.unwrap();
    assert_eq!((snapshot.continues, snapshot.missed), (false, Some(MISSED_AT_MOST as u64 + 1)));
    assert_eq!((snapshot.rows.len(), snapshot.before, snapshot.older), (NEWEST, 10, true));
    assert_eq!(snapshot.rows.last().unwrap().id(), snapshot.position.head);
}

async fn snapshot_of_the_same_version_omits_the_people(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    let position = fixture.backplane.read(None).await.unwrap().position;
    publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let same = fixture.backplane.read(Some(position)).await.unwrap();
    assert_eq!((same.people, same.rows.len()), (SnapshotPeople::Same, 1));
    heartbeat(&*fixture.backplane, &incarnation, 3, &["budi"], &[]).await.unwrap();
    let changed = fixture.backplane.read(Some(position)).await.unwrap();
    assert_eq!(count(&changed), Some(2));
    let other_epoch = Position { epoch: position.epoch - 1, ..changed.position };
    let lost = fixture.backplane.read(Some(other_epoch)).await.unwrap();
    assert_eq!(count(&lost), Some(2), "another epoch says nothing of a version");
}

async fn snapshot_of_a_large_room_counts_the_people(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    fixture.add_many(&incarnation, PEOPLE_AT_ONCE).await;
    assert_eq!(count(&fixture.backplane.read(None).await.unwrap()), Some(PEOPLE_AT_ONCE));
    fixture.add_many(&fixture.incarnation().await, PEOPLE_AT_ONCE + 500).await;
    let snapshot = fixture.backplane.read(None).await.unwrap();
    assert_eq!(snapshot.people, SnapshotPeople::Many(PEOPLE_AT_ONCE + 500));
    let portions = fixture.portions().await;
    assert!(portions.len() > 1);
    let names: BTreeSet<_> = portions.concat().into_iter().map(|present| present.member.name).collect();
    assert_eq!(names.len(), PEOPLE_AT_ONCE + 500);
    assert_eq!(fixture.backplane.people(None).await.unwrap().epoch, snapshot.position.epoch);
}

async fn snapshot_since_an_unknown_id_does_not_continue(fixture: Fixture) {
    let ids = send_messages(&fixture, 3).await;
    let epoch = ids[0].epoch;
    for id in [Id::new(epoch, 4), Id::new(epoch - 1, 2), Id::new(epoch + 1, 1), Id::new(0, 0)] {
        let snapshot = fixture.backplane.read(at(id)).await.unwrap();
        assert_eq!((snapshot.continues, snapshot.missed, snapshot.rows.len()), (false, None, 3), "{id}");
        assert_eq!(fixture.backplane.locate(id).await, Ok(None), "{id}");
    }
}

async fn snapshot_since_the_beginning_continues_it(fixture: Fixture) {
    let beginning = fixture.backplane.read(None).await.unwrap().position.head;
    send_messages(&fixture, 2).await;
    let snapshot = fixture.backplane.read(at(beginning)).await.unwrap();
    assert_eq!((snapshot.continues, snapshot.missed, snapshot.rows.len()), (true, Some(2), 2));
    assert_eq!(fixture.backplane.read(None).await.unwrap().start, Some(beginning));
    assert_eq!(fixture.backplane.locate(beginning).await, Ok(Some(0)));
    let page = fixture.backplane.page(Cursor::After(beginning), 9).await.unwrap();
    assert_eq!((page.rows.len(), page.more, page.trimmed), (2, false, false));
    let page = fixture.backplane.page(Cursor::Before(beginning), 9).await.unwrap();
    assert_eq!((page.rows.len(), page.more, page.trimmed), (0, false, false));
}

async fn snapshot_holds_messages_people_and_position(fixture: Fixture) {
    let ids = send_messages(&fixture, 2).await;
    let incarnation = fixture.sender().await;
    let position = heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap().position;
    let snapshot = fixture.backplane.read(None).await.unwrap();
    assert_eq!((snapshot.position, snapshot.position.head), (position, ids[1]));
    assert_eq!(count(&snapshot), Some(1));
    let row = snapshot.rows[0].message().unwrap();
    assert_eq!((row.from.as_str(), row.text.as_str(), row.nonce.as_str()), ("SARI", "halo", "n0"));
}

async fn page_before_or_after_an_id_is_adjacent(fixture: Fixture) {
    let all = send_messages(&fixture, 10).await;
    let page = |cursor, limit| {
        let backplane = fixture.backplane.clone();
        async move { backplane.page(cursor, limit).await.unwrap() }
    };
    let newest = page(Cursor::Newest, 4).await;
    assert_eq!((ids(&newest), newest.more, newest.trimmed), (all[6..].to_vec(), true, false));
    let before = page(Cursor::Before(all[6]), 4).await;
    assert_eq!((ids(&before), before.more), (all[2..6].to_vec(), true));
    let before = page(Cursor::Before(all[2]), 4).await;
    assert_eq!((ids(&before), before.more), (all[..2].to_vec(), false));
    let exactly = page(Cursor::Before(all[4]), 4).await;
    assert_eq!((ids(&exactly), exactly.more), (all[..4].to_vec(), false));
    let after = page(Cursor::After(all[3]), 4).await;
    assert_eq!((ids(&after), after.more), (all[4..8].to_vec(), true));
    let after = page(Cursor::After(all[5]), 4).await;
    assert_eq!((ids(&after), after.more), (all[6..].to_vec(), false));
    let future = page(Cursor::After(Id::new(all[0].epoch + 1, 0)), 4).await;
    assert_eq!((ids(&future), future.more, future.trimmed), (vec![], false, true));
}

async fn locate_returns_the_ordinal_of_each_message(fixture: Fixture) {
    for (n, id) in (1..).zip(send_messages(&fixture, 5).await) {
        assert_eq!(fixture.backplane.locate(id).await, Ok(Some(n)));
    }
}

async fn address_key_is_made_once_and_read_by_every_instance(fixture: Fixture) {
    let first = fixture.backplane.read(None).await.unwrap().address_key;
    assert!(first.is_some());
    assert_eq!(fixture.other().read(None).await.unwrap().address_key, first);
    assert_eq!(fixture.backplane.read(None).await.unwrap().address_key, first, "it stays");
}
