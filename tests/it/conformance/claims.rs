//! A name belongs to one session at a time.

use std::time::{Duration, Instant};

use ruang::backplane::{CLAIM, Claim, Event, PublishError, RetentionPolicy};

use super::bench::{Bench, KEEPING, heartbeat, on_each_engine, post, say, session};
use crate::kit::{Engine, SOON, eventually};

on_each_engine! {
    the_first_session_has_it_and_may_renew,
    of_two_at_once_exactly_one_wins,
    another_session_neither_enters_nor_speaks_under_it,
    an_ended_session_gives_it_up_and_its_person_leaves,
    ending_one_session_does_not_touch_another,
    what_is_under_way_of_an_ended_session_takes_nothing_back,
}

async fn the_first_session_has_it_and_may_renew(bench: Bench) {
    assert_eq!(bench.backplane.claim(&"sari".into(), &session("a")).await, Ok(Claim::Mine));
    assert_eq!(bench.other().claim(&"sari".into(), &session("b")).await, Ok(Claim::Held));
    assert_eq!(bench.other().claim(&"sari".into(), &session("a")).await, Ok(Claim::Mine));
}

async fn of_two_at_once_exactly_one_wins(bench: Bench) {
    let (here, there) = (bench.backplane.clone(), bench.other());
    for n in 0..20 {
        let name_key = format!("p{n}").into();
        let (a, b) = (session("a"), session("b"));
        let (one, two) = tokio::join!(here.claim(&name_key, &a), there.claim(&name_key, &b));
        assert_ne!(one.unwrap(), two.unwrap());
    }
}

async fn another_session_neither_enters_nor_speaks_under_it(bench: Bench) {
    let incarnation = bench.living().await;
    bench.backplane.claim(&"sari".into(), &session("other")).await.unwrap();
    let beaten = heartbeat(&*bench.backplane, &incarnation, 2, &["sari", "budi"], &[]).await.unwrap();
    assert_eq!(beaten.refused, ["sari"]);
    assert_eq!(bench.backplane.read(None).await.unwrap().people.len(), 1);
    assert_eq!(bench.backplane.publish(post(&incarnation, "sari", "a", "halo")).await, Err(PublishError::Ended));
}

async fn an_ended_session_gives_it_up_and_its_person_leaves(bench: Bench) {
    let (one, two) = (bench.living().await, bench.living().await);
    heartbeat(&*bench.backplane, &one, 2, &["sari"], &[]).await.unwrap();
    heartbeat(&*bench.backplane, &two, 2, &["sari"], &[]).await.unwrap();
    let mut ears = bench.ears().await;
    bench.other().end(&session("sari"), &"sari".into()).await.unwrap();
    let Event::Ended { session: ended, delta, .. } = ears.next_news().await else { panic!("an end was due") };
    assert_eq!((ended, delta.left.len()), (session("sari"), 1));
    assert_eq!(bench.backplane.claim(&"sari".into(), &session("next")).await, Ok(Claim::Mine));
    assert!(bench.backplane.read(None).await.unwrap().people.is_empty());
}

async fn ending_one_session_does_not_touch_another(bench: Bench) {
    let incarnation = bench.living().await;
    heartbeat(&*bench.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    bench.backplane.end(&session("other"), &"sari".into()).await.unwrap();
    assert_eq!(bench.backplane.read(None).await.unwrap().people.len(), 1);
    assert!(say(&*bench.backplane, &incarnation, "a").await.is_ok());
}

async fn what_is_under_way_of_an_ended_session_takes_nothing_back(bench: Bench) {
    let incarnation = bench.living().await;
    heartbeat(&*bench.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    bench.other().end(&session("sari"), &"sari".into()).await.unwrap();
    let late = heartbeat(&*bench.backplane, &incarnation, 3, &["sari"], &[]).await.unwrap();
    assert_eq!(late.refused, ["sari"]);
    assert_eq!(bench.backplane.publish(post(&incarnation, "sari", "a", "halo")).await, Err(PublishError::Ended));
    assert!(bench.backplane.read(None).await.unwrap().people.is_empty());
    assert_eq!(bench.other().claim(&"sari".into(), &session("anew")).await, Ok(Claim::Mine));
    let late = heartbeat(&*bench.backplane, &incarnation, 4, &["sari"], &["sari"]).await.unwrap();
    assert_eq!(late.refused, ["sari"]);
    assert_eq!(bench.other().claim(&"sari".into(), &session("other")).await, Ok(Claim::Held));
}

mod holding {
    use super::*;

    #[tokio::test]
    async fn in_memory_a_name_is_free_soon_if_its_session_never_comes_in() {
        a_name_is_free_soon_if_its_session_never_comes_in(Engine::Memory).await;
    }

    #[tokio::test]
    async fn in_redis_a_name_is_free_soon_if_its_session_never_comes_in() {
        a_name_is_free_soon_if_its_session_never_comes_in(Engine::Redis).await;
    }

    async fn a_name_is_free_soon_if_its_session_never_comes_in(engine: Engine) {
        let bench = Bench::of(engine).await;
        let began = Instant::now();
        bench.backplane.claim(&"adi".into(), &session("adi")).await.unwrap();
        let incarnation = bench.living().await;
        heartbeat(&*bench.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
        heartbeat(&*bench.backplane, &incarnation, 3, &[], &["sari"]).await.unwrap();
        assert_eq!(
            bench.backplane.claim(&"sari".into(), &session("sari")).await,
            Ok(Claim::Mine),
            "it is not shortened"
        );
        eventually(CLAIM + SOON, "the answer to the sign-in was lost: the name is free again", || async {
            match bench.backplane.claim(&"adi".into(), &session("other")).await {
                Ok(Claim::Mine) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert!(began.elapsed() >= CLAIM, "until then it is held: {:?}", began.elapsed());
        assert_eq!(
            bench.backplane.claim(&"sari".into(), &session("other")).await,
            Ok(Claim::Held),
            "whoever was here has longer"
        );
    }

    const BRIEF: RetentionPolicy = RetentionPolicy { name_hold: Duration::from_millis(300), ..KEEPING };

    #[tokio::test]
    async fn in_memory_a_name_is_held_for_a_while_and_whoever_is_here_keeps_it() {
        a_name_is_held_for_a_while_and_whoever_is_here_keeps_it(Engine::Memory).await;
    }

    #[tokio::test]
    async fn in_redis_a_name_is_held_for_a_while_and_whoever_is_here_keeps_it() {
        a_name_is_held_for_a_while_and_whoever_is_here_keeps_it(Engine::Redis).await;
    }

    async fn a_name_is_held_for_a_while_and_whoever_is_here_keeps_it(engine: Engine) {
        let bench = Bench::keeping(engine, BRIEF).await;
        let incarnation = bench.living().await;
        bench.backplane.claim(&"adi".into(), &session("adi")).await.unwrap();
        heartbeat(&*bench.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
        eventually(SOON, "the claim of who is not here runs out", || async {
            match bench.backplane.claim(&"adi".into(), &session("other")).await {
                Ok(Claim::Mine) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        // Hers was made no later than one that is made now: once that has run out, so has hers.
        bench.backplane.claim(&"budi".into(), &session("budi")).await.unwrap();
        eventually(SOON, "a claim made later runs out", || async {
            match bench.backplane.claim(&"budi".into(), &session("other")).await {
                Ok(Claim::Mine) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert_eq!(bench.backplane.claim(&"sari".into(), &session("other")).await, Ok(Claim::Held));
    }
}
