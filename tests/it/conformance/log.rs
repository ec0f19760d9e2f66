//! One log: contiguous ids, each nonce once.

use std::{collections::BTreeSet, time::Duration};

use ruang::{
    backplane::{Cursor, PublishError, RetentionPolicy},
    protocol::Id,
    rate::Rate,
};

use super::bench::{Bench, KEEPING, on_each_engine, post, say};
use crate::kit::Engine;

on_each_engine! {
    ids_are_contiguous_from_one,
    a_repeated_nonce_is_the_first_id_again,
    a_nonce_with_another_text_is_refused,
    nonces_of_two_people_do_not_meet,
    publishers_at_once_share_one_order_without_a_hole,
    times_never_go_back,
}

async fn ids_are_contiguous_from_one(bench: Bench) {
    let incarnation = bench.living().await;
    let first = say(&*bench.backplane, &incarnation, "a").await.unwrap();
    assert_eq!(first.n, 1);
    for n in 2..20 {
        let id = say(&*bench.backplane, &incarnation, &format!("n{n}")).await.unwrap();
        assert_eq!(id, Id::new(first.epoch, n));
    }
}

async fn a_repeated_nonce_is_the_first_id_again(bench: Bench) {
    let incarnation = bench.living().await;
    let first = say(&*bench.backplane, &incarnation, "a").await.unwrap();
    say(&*bench.backplane, &incarnation, "b").await.unwrap();
    assert_eq!(say(&*bench.backplane, &incarnation, "a").await, Ok(first));
    // Through another instance too.
    let other = bench.other();
    assert_eq!(say(&*other, &incarnation, "a").await, Ok(first));
    assert_eq!(bench.backplane.page(Cursor::Newest, 9).await.unwrap().rows.len(), 2);
}

async fn a_nonce_with_another_text_is_refused(bench: Bench) {
    let incarnation = bench.living().await;
    let first = say(&*bench.backplane, &incarnation, "a").await.unwrap();
    let other = bench.backplane.publish(post(&incarnation, "sari", "a", "lain")).await;
    assert_eq!(other, Err(PublishError::BadNonce));
    assert_eq!(say(&*bench.backplane, &incarnation, "a").await, Ok(first));
}

async fn nonces_of_two_people_do_not_meet(bench: Bench) {
    let incarnation = bench.living().await;
    // A space divides who and nonce in the log's memory: names have some too.
    let ids = [("sari", "a"), ("budi", "a"), ("sari budi", "a"), ("sari", "budi-a")];
    let mut kept = BTreeSet::new();
    for (name_key, nonce) in ids {
        kept.insert(bench.backplane.publish(post(&incarnation, name_key, nonce, "halo")).await.unwrap());
    }
    assert_eq!(kept.len(), ids.len());
}

async fn publishers_at_once_share_one_order_without_a_hole(bench: Bench) {
    let incarnation = bench.living().await;
    let mut ears = bench.ears().await;
    let senders = (0..4).map(|sender| {
        let (backplane, incarnation) = (bench.other(), incarnation.clone());
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
        let message = ears.message().await;
        assert_eq!(message.id.n, n);
        by_sender.entry(message.from.clone()).or_default().push(message.nonce.as_str().to_owned());
    }
    let own_order: Vec<String> = (0..25).map(|n| format!("n{n}")).collect();
    assert!(by_sender.values().all(|nonces| *nonces == own_order), "{by_sender:?}");
}

async fn times_never_go_back(bench: Bench) {
    let incarnation = bench.living().await;
    for n in 0..50 {
        say(&*bench.backplane, &incarnation, &format!("n{n}")).await.unwrap();
    }
    let page = bench.backplane.page(Cursor::Newest, 50).await.unwrap();
    assert!(page.rows.is_sorted_by_key(|row| row.at()));
}

mod trimming {
    use super::*;

    const FEW: RetentionPolicy = RetentionPolicy {
        history: 100,
        history_age: None,
        name_hold: Duration::from_secs(60),
        messages: Rate::UNLIMITED,
    };

    #[tokio::test]
    async fn the_memory_engine_keeps_what_it_was_told_to() {
        keeps_about_what_it_was_told_to(Engine::Memory).await;
    }

    #[tokio::test]
    async fn the_redis_engine_keeps_about_what_it_was_told_to() {
        keeps_about_what_it_was_told_to(Engine::Redis).await;
    }

    async fn keeps_about_what_it_was_told_to(engine: Engine) {
        assert_ne!(FEW.history, KEEPING.history);
        let bench = Bench::keeping(engine, FEW).await;
        let incarnation = bench.living().await;
        let mut ids = vec![];
        for n in 0..400 {
            ids.push(say(&*bench.backplane, &incarnation, &format!("n{n}")).await.unwrap());
        }
        let newest = bench.backplane.page(Cursor::Newest, 200).await.unwrap();
        // Redis trims by whole nodes of a hundred entries.
        assert!((100..=200).contains(&newest.rows.len()), "{}", newest.rows.len());
        assert_eq!(newest.rows.last().unwrap().id(), ids[399]);
        assert_eq!(bench.backplane.locate(ids[0]).await, Ok(None));
        assert_eq!(bench.backplane.locate(ids[399]).await, Ok(Some(400)));
        let page = bench.backplane.page(Cursor::After(ids[0]), 5).await.unwrap();
        assert!(page.trimmed && page.more);
        assert_eq!(page.rows[0].id(), newest.rows[0].id());
        let snapshot = bench.backplane.read(Some(ids[0])).await.unwrap();
        assert!(!snapshot.continues);
        assert_eq!((snapshot.missed, snapshot.older), (None, false));
        assert_eq!(snapshot.before, 400 - snapshot.rows.len() as u64);
    }
}

mod ageing {
    use super::*;
    use crate::kit::{SOON, eventually};

    const BRIEF: RetentionPolicy = RetentionPolicy { history_age: Some(Duration::from_millis(300)), ..KEEPING };

    #[tokio::test]
    async fn the_memory_engine_forgets_what_is_too_old() {
        forgets_what_is_too_old(Engine::Memory).await;
    }

    #[tokio::test]
    async fn the_redis_engine_forgets_what_is_too_old() {
        forgets_what_is_too_old(Engine::Redis).await;
    }

    async fn forgets_what_is_too_old(engine: Engine) {
        let bench = Bench::keeping(engine, BRIEF).await;
        let incarnation = bench.living().await;
        let mut ids = vec![];
        for n in 0..20 {
            ids.push(say(&*bench.backplane, &incarnation, &format!("n{n}")).await.unwrap());
        }
        eventually(SOON, "all is too old", || async {
            // An instance knows the room's time to a few milliseconds.
            let page = bench.backplane.page(Cursor::Newest, 50).await.unwrap().rows.len();
            let anew = bench.backplane.read(None).await.unwrap().rows.len();
            if page + anew == 0 { Ok(()) } else { Err(format!("{page} and {anew} messages")) }
        })
        .await;
        let anew = bench.backplane.read(None).await.unwrap();
        assert_eq!((anew.rows.len(), anew.before, anew.older, anew.position.head), (0, 20, false, ids[19]));
        let seen = bench.backplane.read(Some(ids[19])).await.unwrap();
        assert_eq!(
            (seen.rows.len(), seen.continues, seen.missed),
            (0, true, Some(0)),
            "the newest id stays a position"
        );
        let missed = bench.backplane.read(Some(ids[10])).await.unwrap();
        assert_eq!((missed.continues, missed.missed), (false, None));
        // What comes next continues: neither the ids nor the nonces start anew.
        assert_eq!(say(&*bench.backplane, &incarnation, "n19").await, Ok(ids[19]));
        let next = say(&*bench.backplane, &incarnation, "sesudah").await.unwrap();
        assert_eq!(next, Id::new(ids[19].epoch, 21));
        let continued = bench.backplane.read(Some(ids[19])).await.unwrap();
        assert_eq!((continued.continues, continued.missed), (true, Some(1)));
    }
}
