use proptest::prelude::*;

use super::*;
use crate::protocol::Message;

fn kept(epoch: u64, n: u64) -> EncodedMessage {
    let nonce = format!("n{n}").parse().unwrap();
    EncodedMessage::new(
        Message { id: Id::new(epoch, n), nonce, from: "sari".into(), text: "halo".into(), at: n }.into(),
    )
}

fn recent(count: u64) -> HistoryCache {
    let mut recent = HistoryCache::default();
    recent.take(&Snapshot::default(), vec![]);
    for n in 1..=count {
        recent.push(kept(7, n));
    }
    recent
}

fn numbers(catch_up: &CatchUp<'_>) -> Vec<u64> {
    catch_up.rows.iter().map(|kept| kept.row.id().n).collect()
}

#[test]
fn a_first_visit_gets_the_newest_page() {
    let recent = recent(60);
    let catch_up = recent.catch_up(ResumeFrom::Nothing);
    assert_eq!((catch_up.recovered, catch_up.missed), (true, Some(0)));
    assert_eq!(numbers(&catch_up), (11..=60).collect::<Vec<_>>());
}

#[test]
fn what_was_missed_is_given_up_to_its_limit() {
    let recent = recent(600);
    let catch_up = recent.catch_up(ResumeFrom::At(Id::new(7, 100)));
    assert_eq!((catch_up.recovered, catch_up.missed), (true, Some(0)));
    assert_eq!(numbers(&catch_up), (101..=600).collect::<Vec<_>>());
    let catch_up = recent.catch_up(ResumeFrom::At(Id::new(7, 99)));
    assert_eq!((catch_up.recovered, catch_up.missed, catch_up.rows.len()), (false, Some(501), FIRST_PAGE));
}

#[test]
fn a_position_that_is_not_in_the_log_cannot_be_continued() {
    let recent = recent(60);
    for id in [Id::new(7, 61), Id::new(6, 60), Id::new(8, 1), Id::new(7, 0)] {
        let catch_up = recent.catch_up(ResumeFrom::At(id));
        assert_eq!((catch_up.recovered, catch_up.missed, catch_up.rows.len()), (false, None, FIRST_PAGE));
    }
}

#[test]
fn a_position_no_longer_at_hand_is_counted() {
    let recent = recent(NEWEST as u64 + 20);
    assert!(recent.must_ask_for(Id::new(7, 20)));
    assert!(!recent.must_ask_for(Id::new(7, 21)));
    let catch_up = recent.catch_up(ResumeFrom::CatchingUp(20));
    assert_eq!((catch_up.recovered, catch_up.missed, catch_up.rows.len()), (false, Some(1000), FIRST_PAGE));
}

#[test]
fn a_welcome_is_never_larger_than_its_limit() {
    let mut recent = recent(0);
    for n in 1..=40 {
        let mut large = kept(7, n);
        large.frame = vec![b'x'; 8 * 1024].into();
        recent.push(large);
    }
    assert_eq!(recent.catch_up(ResumeFrom::Nothing).rows.len(), 16);
    let catch_up = recent.catch_up(ResumeFrom::At(Id::new(7, 1)));
    assert_eq!((catch_up.recovered, catch_up.missed, catch_up.rows.len()), (false, Some(39), 16));
}

#[test]
fn a_reading_that_continues_is_added_and_any_other_replaces() {
    let mut recent = recent(3);
    recent.take(&Snapshot { continues: true, ..Snapshot::default() }, vec![kept(7, 4)]);
    assert_eq!(recent.catch_up(ResumeFrom::Nothing).rows.len(), 4);
    recent.take(&Snapshot { before: 9, older: true, ..Snapshot::default() }, vec![kept(8, 1)]);
    assert_eq!(recent.head(), Some(Id::new(8, 1)));
    assert_eq!(recent.catch_up(ResumeFrom::Nothing).rows.len(), 1);
}

#[test]
fn nothing_is_answered_before_the_log_was_read() {
    assert_eq!(HistoryCache::default().page(Cursor::Newest, 50), None);
}

proptest! {
    /// A page from what is at hand says what the whole log would say, or nothing at all.
    #[test]
    fn pages_agree_with_the_log(count in 0..1200_u64, id in 0..1300_u64, limit in 1..200_usize, kind in 0..3) {
        let recent = recent(count);
        let cursor = match kind {
            0 => Cursor::Newest,
            1 => Cursor::Before(Id::new(7, id)),
            _ => Cursor::After(Id::new(7, id)),
        };
        let all: Vec<u64> = (1..=count).collect();
        let wanted: Vec<u64> = match cursor {
            Cursor::Newest => all.iter().copied().rev().take(limit).collect(),
            Cursor::Before(_) => all.iter().copied().filter(|n| *n < id).rev().take(limit).collect(),
            Cursor::After(_) => all.iter().copied().filter(|n| *n > id).take(limit).collect(),
        };
        if let Some(page) = recent.page(cursor, limit) {
            let mut got: Vec<u64> = page.rows.iter().map(|row| row.id().n).collect();
            let newest_or_oldest = match cursor {
                Cursor::After(_) => got.last().is_some_and(|last| *last < count),
                _ => got.first().is_some_and(|first| *first > 1),
            };
            prop_assert_eq!(page.more, newest_or_oldest);
            if !matches!(cursor, Cursor::After(_)) {
                got.reverse();
            }
            prop_assert_eq!(got, wanted);
        }
    }

    /// Whatever the position, a client is continued exactly or told that it is not.
    #[test]
    fn a_gap_is_never_silent(count in 0..1200_u64, id in 0..1300_u64) {
        let recent = recent(count);
        let catch_up = recent.catch_up(ResumeFrom::At(Id::new(7, id)));
        if catch_up.recovered {
            prop_assert_eq!(numbers(&catch_up), (id + 1..=count).collect::<Vec<_>>());
        }
    }
}

#[test]
fn who_has_seen_what_was_forgotten_misses_nothing() {
    let mut recent = recent(10);
    recent.forget(6);
    assert_eq!(numbers(&recent.catch_up(ResumeFrom::Nothing)), [6, 7, 8, 9, 10]);
    let seen = recent.catch_up(ResumeFrom::At(Id::new(7, 5)));
    assert_eq!((seen.recovered, numbers(&seen)), (true, vec![6, 7, 8, 9, 10]));
    assert!(!recent.catch_up(ResumeFrom::At(Id::new(7, 4))).recovered, "5 is missing");
    recent.forget(11);
    let page = recent.page(Cursor::Newest, 50).unwrap();
    assert!(page.rows.is_empty() && !page.more);
    assert_eq!(recent.head(), Some(Id::new(7, 10)), "the position outlives what was said there");
    recent.push(kept(7, 11));
    let seen = recent.catch_up(ResumeFrom::At(Id::new(7, 10)));
    assert_eq!((seen.recovered, numbers(&seen)), (true, vec![11]));
}

#[test]
fn a_deleted_message_keeps_its_position_and_says_nothing() {
    let mut recent = recent(3);
    recent.remove(Id::new(7, 2));
    recent.remove(Id::new(7, 9));
    let page = recent.page(Cursor::Newest, 3).unwrap();
    assert_eq!(page.rows.iter().map(|row| row.message().is_some()).collect::<Vec<_>>(), [true, false, true]);
    let caught_up = recent.catch_up(ResumeFrom::At(Id::new(7, 1)));
    assert_eq!(caught_up.rows[0].raw.get(), r#"{"type":"removed","id":"7-2"}"#);
    assert!(recent.catch_up(ResumeFrom::At(Id::new(7, 2))).recovered, "its id is still a position");
    assert_eq!(recent.said_by("sari"), [Id::new(7, 1), Id::new(7, 3)]);
    assert!(recent.said_by("budi").is_empty());
}

#[test]
fn since_the_position_before_the_first_message_recovers_all() {
    let mut cache = HistoryCache::default();
    let start = Some(Id::new(7, 0));
    cache.take(&Snapshot { start, ..Snapshot::default() }, vec![]);
    assert_eq!(cache.head(), start);
    for n in 1..=60 {
        cache.push(kept(7, n));
    }
    let catch_up = cache.catch_up(ResumeFrom::At(Id::new(7, 0)));
    assert_eq!((catch_up.recovered, catch_up.rows.len()), (true, 60));
    for n in 61..=NEWEST as u64 + 1 {
        cache.push(kept(7, n));
    }
    assert!(cache.must_ask_for(Id::new(7, 0)));
    assert!(!cache.catch_up(ResumeFrom::At(Id::new(7, 0))).recovered, "message 1 is no longer at hand");
}
