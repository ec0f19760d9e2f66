use proptest::prelude::*;

use super::*;
use crate::protocol::Message;

fn message(epoch: u64, n: u64) -> EncodedMessage {
    let nonce = format!("n{n}").parse().unwrap();
    EncodedMessage::new(
        Message {
            id: Id::new(epoch, n),
            nonce,
            from: "sari".into(),
            text: "halo".into(),
            at: n,
            bot: false,
            alias: None,
            reply_to: None,
            edited_at: None,
        }
        .into(),
    )
}

fn cache(count: u64) -> HistoryCache {
    let mut cache = HistoryCache::default();
    cache.adopt(&Snapshot::default(), vec![]);
    for n in 1..=count {
        cache.push(message(7, n));
    }
    cache
}

fn numbers(catch_up: &CatchUp<'_>) -> Vec<u64> {
    catch_up.rows.iter().map(|cached| cached.row.id().n).collect()
}

#[test]
fn first_visit_gets_the_newest_page() {
    let cache = cache(60);
    let catch_up = cache.catch_up(ResumeFrom::Nothing, Some(0));
    assert_eq!((catch_up.recovered, catch_up.missed), (true, Some(0)));
    assert_eq!(numbers(&catch_up), (11..=60).collect::<Vec<_>>());
}

#[test]
fn missed_messages_are_returned_up_to_the_limit() {
    let cache = cache(600);
    let catch_up = cache.catch_up(ResumeFrom::At(Id::new(7, 100)), Some(0));
    assert_eq!((catch_up.recovered, catch_up.missed), (true, Some(0)));
    assert_eq!(numbers(&catch_up), (101..=600).collect::<Vec<_>>());
    let catch_up = cache.catch_up(ResumeFrom::At(Id::new(7, 99)), Some(0));
    assert_eq!((catch_up.recovered, catch_up.missed, catch_up.rows.len()), (false, Some(501), FIRST_PAGE));
}

#[test]
fn position_not_in_the_log_does_not_recover() {
    let cache = cache(60);
    for id in [Id::new(7, 61), Id::new(6, 60), Id::new(8, 1), Id::new(7, 0)] {
        let catch_up = cache.catch_up(ResumeFrom::At(id), Some(0));
        assert_eq!((catch_up.recovered, catch_up.missed, catch_up.rows.len()), (false, None, FIRST_PAGE));
    }
}

#[test]
fn missed_since_a_position_no_longer_cached_are_counted() {
    let cache = cache(NEWEST as u64 + 20);
    assert!(cache.may_be_older(Id::new(7, 20)));
    assert!(!cache.may_be_older(Id::new(7, 21)));
    let catch_up = cache.catch_up(ResumeFrom::Ordinal(20), Some(0));
    assert_eq!((catch_up.recovered, catch_up.missed, catch_up.rows.len()), (false, Some(1000), FIRST_PAGE));
}

#[test]
fn welcome_is_never_larger_than_its_limit() {
    let mut cache = cache(0);
    for n in 1..=40 {
        let mut large = message(7, n);
        large.frame = vec![b'x'; 8 * 1024].into();
        cache.push(large);
    }
    assert_eq!(cache.catch_up(ResumeFrom::Nothing, Some(0)).rows.len(), 16);
    let catch_up = cache.catch_up(ResumeFrom::At(Id::new(7, 1)), Some(0));
    assert_eq!((catch_up.recovered, catch_up.missed, catch_up.rows.len()), (false, Some(39), 16));
}

#[test]
fn snapshot_that_continues_is_added_and_another_replaces() {
    let mut cache = cache(3);
    cache.adopt(&Snapshot { continues: true, ..Snapshot::default() }, vec![message(7, 4)]);
    assert_eq!(cache.catch_up(ResumeFrom::Nothing, Some(0)).rows.len(), 4);
    cache.adopt(&Snapshot { before: 9, older: true, ..Snapshot::default() }, vec![message(8, 1)]);
    assert_eq!(cache.head(), Some(Id::new(8, 1)));
    assert_eq!(cache.catch_up(ResumeFrom::Nothing, Some(0)).rows.len(), 1);
}

#[test]
fn page_before_the_log_was_read_is_none() {
    assert_eq!(HistoryCache::default().page(Cursor::Newest, 50), None);
}

proptest! {
    /// A page from the cache equals that of the whole log, or there is none.
    #[test]
    fn pages_agree_with_the_log(count in 0..1200_u64, id in 0..1300_u64, limit in 1..200_usize, kind in 0..4) {
        let cache = cache(count);
        let cursor = match kind {
            0 => Cursor::Newest,
            1 => Cursor::Before(Id::new(7, id)),
            2 => Cursor::After(Id::new(7, id)),
            _ => Cursor::Around(Id::new(7, id)),
        };
        let all: Vec<u64> = (1..=count).collect();
        let wanted: Vec<u64> = match cursor {
            Cursor::Newest => all.iter().copied().rev().take(limit).collect(),
            Cursor::Before(_) => all.iter().copied().filter(|n| *n < id).rev().take(limit).collect(),
            Cursor::After(_) => all.iter().copied().filter(|n| *n > id).take(limit).collect(),
            Cursor::Around(_) if (1..=count).contains(&id) => {
                let index = usize::try_from(id - 1).unwrap();
                all[around(index, all.len(), limit)].iter().copied().rev().collect()
            }
            Cursor::Around(_) => vec![],
        };
        if let Some(page) = cache.page(cursor, limit) {
            let mut got: Vec<u64> = page.rows.iter().map(|row| row.id().n).collect();
            let newest_or_oldest = match cursor {
                Cursor::After(_) => got.last().is_some_and(|last| *last < count),
                _ => got.first().is_some_and(|first| *first > 1),
            };
            prop_assert_eq!(page.more, newest_or_oldest);
            let has_later = got.last().is_some_and(|last| *last < count);
            prop_assert_eq!(page.more_after, matches!(cursor, Cursor::Around(_)) && has_later);
            if !matches!(cursor, Cursor::After(_)) {
                got.reverse();
            }
            prop_assert_eq!(got, wanted);
        }
    }

    /// At any position, a client recovers exactly or is told that it does not.
    #[test]
    fn a_gap_is_never_silent(count in 0..1200_u64, id in 0..1300_u64) {
        let cache = cache(count);
        let catch_up = cache.catch_up(ResumeFrom::At(Id::new(7, id)), Some(0));
        if catch_up.recovered {
            prop_assert_eq!(numbers(&catch_up), (id + 1..=count).collect::<Vec<_>>());
        }
    }
}

#[test]
fn position_of_an_expired_message_still_recovers() {
    let mut cache = cache(10);
    cache.trim_old(6);
    assert_eq!(numbers(&cache.catch_up(ResumeFrom::Nothing, Some(0))), [6, 7, 8, 9, 10]);
    let seen = cache.catch_up(ResumeFrom::At(Id::new(7, 5)), Some(0));
    assert_eq!((seen.recovered, numbers(&seen)), (true, vec![6, 7, 8, 9, 10]));
    assert!(!cache.catch_up(ResumeFrom::At(Id::new(7, 4)), Some(0)).recovered, "5 is missing");
    cache.trim_old(11);
    let page = cache.page(Cursor::Newest, 50).unwrap();
    assert!(page.rows.is_empty() && !page.more);
    assert_eq!(cache.head(), Some(Id::new(7, 10)), "the position outlives its message");
    cache.push(message(7, 11));
    let seen = cache.catch_up(ResumeFrom::At(Id::new(7, 10)), Some(0));
    assert_eq!((seen.recovered, numbers(&seen)), (true, vec![11]));
}

#[test]
fn deleted_message_keeps_its_position_without_a_text() {
    let mut cache = cache(3);
    let deleted = cache.row(Id::new(7, 2)).unwrap().removed();
    cache.replace(deleted);
    cache.replace(message(7, 9).row);
    let page = cache.page(Cursor::Newest, 3).unwrap();
    assert_eq!(page.rows.iter().map(|row| row.message().is_some()).collect::<Vec<_>>(), [true, false, true]);
    let caught_up = cache.catch_up(ResumeFrom::At(Id::new(7, 1)), Some(0));
    assert_eq!(caught_up.rows[0].raw.get(), r#"{"type":"removed","id":"7-2","from":"sari","at":2}"#);
    assert!(cache.catch_up(ResumeFrom::At(Id::new(7, 2)), Some(0)).recovered, "its id is still a position");
}

#[test]
fn since_the_position_before_the_first_message_recovers_all() {
    let mut cache = HistoryCache::default();
    let start = Some(Id::new(7, 0));
    cache.adopt(&Snapshot { start, ..Snapshot::default() }, vec![]);
    assert_eq!(cache.head(), start);
    for n in 1..=60 {
        cache.push(message(7, n));
    }
    let catch_up = cache.catch_up(ResumeFrom::At(Id::new(7, 0)), Some(0));
    assert_eq!((catch_up.recovered, catch_up.rows.len()), (true, 60));
    for n in 61..=NEWEST as u64 + 1 {
        cache.push(message(7, n));
    }
    assert!(cache.may_be_older(Id::new(7, 0)));
    assert!(!cache.catch_up(ResumeFrom::At(Id::new(7, 0)), Some(0)).recovered, "message 1 is no longer cached");
}
