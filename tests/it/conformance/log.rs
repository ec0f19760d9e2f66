//! One log: contiguous ids, each nonce once.

use std::{collections::BTreeSet, time::Duration};

use ruang::{
    backplane::{Cursor, PublishError, RetentionPolicy},
    protocol::Id,
    rate::Rate,
};

use super::fixture::{Fixture, POLICY, at, post, publish};
use crate::kit::{Engine, engines::on_both_engines};

on_both_engines! { Fixture::of =>
    ids_are_contiguous_from_one,
    nonce_repeated_returns_the_first_id,
    nonce_with_another_text_is_refused,
    nonces_of_two_people_are_independent,
    publishers_at_once_share_one_order_without_holes,
    message_times_never_decrease,
    page_beside_an_unknown_id_has_the_nearest_rows,
}

async fn ids_are_contiguous_from_one(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let first = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    assert_eq!(first.n, 1);
    for n in 2..20 {
        let id = publish(&*fixture.backplane, &incarnation, &format!("n{n}")).await.unwrap();
        assert_eq!(id, Id::new(first.epoch, n));
    }
}

async fn nonce_repeated_returns_the_first_id(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let first = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    publish(&*fixture.backplane, &incarnation, "b").await.unwrap();
    assert_eq!(publish(&*fixture.backplane, &incarnation, "a").await, Ok(first));
    // Through another instance too.
    let other = fixture.other();
    assert_eq!(publish(&*other, &incarnation, "a").await, Ok(first));
    assert_eq!(fixture.backplane.page(Cursor::Newest, 9).await.unwrap().rows.len(), 2);
}

async fn nonce_with_another_text_is_refused(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let first = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let other = fixture.backplane.publish(post(&incarnation, "sari", "a", "lain")).await;
    assert_eq!(other, Err(PublishError::BadNonce));
    assert_eq!(publish(&*fixture.backplane, &incarnation, "a").await, Ok(first));
}

async fn nonces_of_two_people_are_independent(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    // The log divides name key and nonce by a space, and names contain spaces too.
    let ids = [("sari", "a"), ("budi", "a"), ("sari budi", "a"), ("sari", "budi-a")];
    let mut kept = BTreeSet::new();
    for (name_key, nonce) in ids {
        kept.insert(fixture.backplane.publish(post(&incarnation, name_key, nonce, "halo")).await.unwrap());
    }
    assert_eq!(kept.len(), ids.len());
}

async fn publishers_at_once_share_one_order_without_holes(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let mut subscriber = fixture.subscriber().await;
    let senders = (0..4).map(|sender| {
        let (backplane, incarnation) = (fixture.other(), incarnation.clone());
        tokio::spawn(async move {
            for n in 0..25 {
                let nonce = format!("n{n}");
                backplane.publish(post(&incarnation, &format!("p{sender}"), &nonce, "halo")).await.unwrap();
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    let mut by_sender = std::collections::HashMap::<String, Vec<String>>::new();
    for n in 1..=100 {
        let message = subscriber.message().await;
        assert_eq!(message.id.n, n);
        by_sender.entry(message.from.clone()).or_default().push(message.nonce.as_str().to_owned());
    }
    let own_order: Vec<String> = (0..25).map(|n| format!("n{n}")).collect();
    assert!(by_sender.values().all(|nonces| *nonces == own_order), "{by_sender:?}");
}

async fn page_beside_an_unknown_id_has_the_nearest_rows(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let mut ids = vec![];
    for nonce in ["a", "b", "c"] {
        ids.push(publish(&*fixture.backplane, &incarnation, nonce).await.unwrap());
    }
    let (first, last) = (Id::new(0, 0), Id::new(u64::MAX, u64::MAX));
    for (cursor, expected, more) in [
        (Cursor::After(first), &ids[..2], true),
        (Cursor::Before(last), &ids[1..], true),
        (Cursor::Before(first), &[], false),
        (Cursor::After(last), &[], false),
        (Cursor::After(Id::new(ids[0].epoch - 1, 7)), &ids[..2], true),
        (Cursor::Before(Id::new(ids[2].epoch, 9)), &ids[1..], true),
    ] {
        let page = fixture.backplane.page(cursor, 2).await.unwrap();
        let found: Vec<Id> = page.rows.iter().map(ruang::protocol::Row::id).collect();
        assert_eq!((found.as_slice(), page.more, page.trimmed), (expected, more, true), "{cursor:?}");
    }
}

async fn message_times_never_decrease(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    for n in 0..50 {
        publish(&*fixture.backplane, &incarnation, &format!("n{n}")).await.unwrap();
    }
    let page = fixture.backplane.page(Cursor::Newest, 50).await.unwrap();
    assert!(page.rows.is_sorted_by_key(|row| row.at()));
}

mod trimming {
    use super::*;

    const FEW: RetentionPolicy = RetentionPolicy {
        history: 100,
        history_age: None,
        name_hold: Duration::from_secs(60),
        messages: Rate::UNLIMITED,
        bot_messages: Rate::UNLIMITED,
        lease: Duration::from_secs(5),
        edit_window: Duration::from_secs(900),
    };

    on_both_engines! { log_beyond_its_length_is_trimmed }

    async fn log_beyond_its_length_is_trimmed(engine: Engine) {
        assert_ne!(FEW.history, POLICY.history);
        let fixture = Fixture::with(engine, FEW).await;
        let incarnation = fixture.sender().await;
        let mut ids = vec![];
        for n in 0..400 {
            ids.push(publish(&*fixture.backplane, &incarnation, &format!("n{n}")).await.unwrap());
        }
        let newest = fixture.backplane.page(Cursor::Newest, 200).await.unwrap();
        // Redis trims by whole nodes of a hundred entries.
        assert!((100..=200).contains(&newest.rows.len()), "{}", newest.rows.len());
        assert_eq!(newest.rows.last().unwrap().id(), ids[399]);
        assert_eq!(fixture.backplane.locate(ids[0]).await, Ok(None));
        assert_eq!(fixture.backplane.locate(ids[399]).await, Ok(Some(400)));
        let page = fixture.backplane.page(Cursor::After(ids[0]), 5).await.unwrap();
        assert!(page.trimmed && page.more);
        assert_eq!(page.rows[0].id(), newest.rows[0].id());
        let snapshot = fixture.backplane.read(at(ids[0])).await.unwrap();
        assert!(!snapshot.continues);
        assert_eq!((snapshot.missed, snapshot.older), (None, false));
        assert_eq!(snapshot.before, 400 - snapshot.rows.len() as u64);
    }
}

mod ageing {
    use super::*;
    use crate::kit::{SOON, engines::on_both_engines, eventually};

    const BRIEF: RetentionPolicy = RetentionPolicy { history_age: Some(Duration::from_millis(300)), ..POLICY };

    on_both_engines! { log_beyond_its_age_is_trimmed_to_a_position }

    async fn log_beyond_its_age_is_trimmed_to_a_position(engine: Engine) {
        let fixture = Fixture::with(engine, BRIEF).await;
        let incarnation = fixture.sender().await;
        let mut ids = vec![];
        for n in 0..20 {
            ids.push(publish(&*fixture.backplane, &incarnation, &format!("n{n}")).await.unwrap());
        }
        eventually(SOON, "all is too old", || async {
            // An instance knows the room's time to a few milliseconds.
            let page = fixture.backplane.page(Cursor::Newest, 50).await.unwrap().rows.len();
            let anew = fixture.backplane.read(None).await.unwrap().rows.len();
            if page + anew == 0 { Ok(()) } else { Err(format!("{page} and {anew} messages")) }
        })
        .await;
        let anew = fixture.backplane.read(None).await.unwrap();
        assert_eq!((anew.rows.len(), anew.before, anew.older, anew.position.head), (0, 20, false, ids[19]));
        assert_eq!(anew.start, Some(ids[19]));
        let seen = fixture.backplane.read(at(ids[19])).await.unwrap();
        assert_eq!(
            (seen.rows.len(), seen.continues, seen.missed),
            (0, true, Some(0)),
            "the newest id stays a position"
        );
        let missed = fixture.backplane.read(at(ids[10])).await.unwrap();
        assert_eq!((missed.continues, missed.missed), (false, None));
        // Later messages continue: neither the ids nor the nonces start anew.
        assert_eq!(publish(&*fixture.backplane, &incarnation, "n19").await, Ok(ids[19]));
        let next = publish(&*fixture.backplane, &incarnation, "sesudah").await.unwrap();
        assert_eq!(next, Id::new(ids[19].epoch, 21));
        let continued = fixture.backplane.read(at(ids[19])).await.unwrap();
        assert_eq!((continued.continues, continued.missed), (true, Some(1)));
    }
}
