//! One atomic look at the room, positions, and pages of history.

use ruang::{
    backplane::{Cursor, MISSED_AT_MOST, NEWEST, Page},
    protocol::Id,
};

use super::bench::{Bench, heartbeat, on_each_engine, say};

on_each_engine! {
    an_empty_room_is_read_as_one,
    a_known_position_is_continued,
    a_position_too_far_behind_is_counted_and_begun_anew,
    a_position_that_never_was_is_not_continued,
    the_beginning_is_a_position_too,
    a_reading_holds_everything_at_once,
    pages_go_both_ways,
    every_message_knows_its_number,
}

async fn said(bench: &Bench, count: usize) -> Vec<Id> {
    let incarnation = bench.living().await;
    let mut ids = vec![];
    for n in 0..count {
        ids.push(say(&*bench.backplane, &incarnation, &format!("n{n}")).await.unwrap());
    }
    ids
}

fn ids(page: &Page) -> Vec<Id> {
    page.rows.iter().map(|row| row.id()).collect()
}

async fn an_empty_room_is_read_as_one(bench: Bench) {
    let snapshot = bench.backplane.read(None).await.unwrap();
    assert_eq!((snapshot.position.head.n, snapshot.rows.len(), snapshot.before, snapshot.older), (0, 0, 0, false));
    assert_eq!(bench.backplane.page(Cursor::Newest, 50).await, Ok(Page::default()));
}

async fn a_known_position_is_continued(bench: Bench) {
    let ids = said(&bench, 10).await;
    let snapshot = bench.backplane.read(Some(ids[6])).await.unwrap();
    assert!(snapshot.continues);
    assert_eq!(snapshot.missed, Some(3));
    assert_eq!(snapshot.rows.iter().map(|row| row.id()).collect::<Vec<_>>(), ids[7..]);
    let snapshot = bench.backplane.read(Some(ids[9])).await.unwrap();
    assert_eq!((snapshot.continues, snapshot.missed, snapshot.rows.len()), (true, Some(0), 0));
}

async fn a_position_too_far_behind_is_counted_and_begun_anew(bench: Bench) {
    let ids = said(&bench, NEWEST + 10).await;
    let last_to_continue = ids.len() - MISSED_AT_MOST - 1;
    assert!(bench.backplane.read(Some(ids[last_to_continue])).await.unwrap().continues);
    let snapshot = bench.backplane.read(Some(ids[last_to_continue - 1])).await.unwrap();
    assert_eq!((snapshot.continues, snapshot.missed), (false, Some(MISSED_AT_MOST as u64 + 1)));
    assert_eq!((snapshot.rows.len(), snapshot.before, snapshot.older), (NEWEST, 10, true));
    assert_eq!(snapshot.rows.last().unwrap().id(), snapshot.position.head);
}

async fn a_position_that_never_was_is_not_continued(bench: Bench) {
    let ids = said(&bench, 3).await;
    let epoch = ids[0].epoch;
    for id in [Id::new(epoch, 4), Id::new(epoch - 1, 2), Id::new(epoch + 1, 1), Id::new(0, 0)] {
        let snapshot = bench.backplane.read(Some(id)).await.unwrap();
        assert_eq!((snapshot.continues, snapshot.missed, snapshot.rows.len()), (false, None, 3), "{id}");
        assert_eq!(bench.backplane.locate(id).await, Ok(None), "{id}");
    }
}

async fn the_beginning_is_a_position_too(bench: Bench) {
    let beginning = bench.backplane.read(None).await.unwrap().position.head;
    said(&bench, 2).await;
    let snapshot = bench.backplane.read(Some(beginning)).await.unwrap();
    assert_eq!((snapshot.continues, snapshot.missed, snapshot.rows.len()), (true, Some(2), 2));
    // But it is no message.
    assert_eq!(bench.backplane.locate(beginning).await, Ok(None));
}

async fn a_reading_holds_everything_at_once(bench: Bench) {
    let ids = said(&bench, 2).await;
    let incarnation = bench.living().await;
    let position = heartbeat(&*bench.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap().position;
    let snapshot = bench.backplane.read(None).await.unwrap();
    assert_eq!((snapshot.position, snapshot.position.head), (position, ids[1]));
    assert_eq!(snapshot.people.len(), 1);
    let row = snapshot.rows[0].message().unwrap();
    assert_eq!((row.from.as_str(), row.text.as_str(), row.nonce.as_str()), ("SARI", "halo", "n0"));
}

async fn pages_go_both_ways(bench: Bench) {
    let all = said(&bench, 10).await;
    let page = |cursor, limit| {
        let backplane = bench.backplane.clone();
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

async fn every_message_knows_its_number(bench: Bench) {
    for (n, id) in (1..).zip(said(&bench, 5).await) {
        assert_eq!(bench.backplane.locate(id).await, Ok(Some(n)));
    }
}
