//! A name belongs to one session at a time.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use ruang::backplane::{CLAIM, Claim, Event, Heartbeat, PublishError, RetentionPolicy, SessionTag};

use super::fixture::{Fixture, POLICY, heartbeat, owner, person, post, publish, session};
use crate::kit::{Engine, SOON, engines::on_both_engines, eventually};

on_both_engines! { Fixture::of =>
    claim_by_first_session_is_granted_and_renewable,
    claims_at_once_by_two_sessions_grant_exactly_one,
    session_without_the_claim_neither_joins_nor_sends,
    session_ended_frees_its_name_and_its_person_leaves,
    session_ended_leaves_other_sessions_alone,
    session_ended_cannot_reclaim_its_name_in_flight,
    held_name_says_how_long_unless_its_person_is_here,
    claim_that_is_only_checked_changes_nothing,
    program_or_account_takes_a_typed_name,
}

async fn claim_by_first_session_is_granted_and_renewable(fixture: Fixture) {
    assert_eq!(fixture.backplane.claim(&owner("sari", session("a"))).await, Ok(Claim::Mine));
    assert!(matches!(fixture.other().claim(&owner("sari", session("b"))).await, Ok(Claim::Held { left: Some(_) })));
    assert_eq!(fixture.other().claim(&owner("sari", session("a"))).await, Ok(Claim::Mine));
}

async fn claims_at_once_by_two_sessions_grant_exactly_one(fixture: Fixture) {
    let (here, there) = (fixture.backplane.clone(), fixture.other());
    for n in 0..20 {
        let [a, b] = ["a", "b"].map(|by| owner(&format!("p{n}"), session(by)));
        let (one, two) = tokio::join!(here.claim(&a), there.claim(&b));
        assert_ne!(one.unwrap(), two.unwrap());
    }
}

async fn session_without_the_claim_neither_joins_nor_sends(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    fixture.backplane.claim(&owner("sari", session("other"))).await.unwrap();
    let beaten = heartbeat(&*fixture.backplane, &incarnation, 2, &["sari", "budi"], &[]).await.unwrap();
    assert_eq!(beaten.refused, ["sari"]);
    assert_eq!(fixture.people().await.len(), 1);
    assert_eq!(fixture.backplane.publish(post(&incarnation, "sari", "a", "halo")).await, Err(PublishError::Ended));
}

async fn session_ended_frees_its_name_and_its_person_leaves(fixture: Fixture) {
    let (one, two) = (fixture.incarnation().await, fixture.incarnation().await);
    heartbeat(&*fixture.backplane, &one, 2, &["sari"], &[]).await.unwrap();
    heartbeat(&*fixture.backplane, &two, 2, &["sari"], &[]).await.unwrap();
    let mut subscriber = fixture.subscriber().await;
    fixture.other().end(&session("sari"), &"sari".into()).await.unwrap();
    let Event::Ended { session: ended, delta, .. } = subscriber.next_event().await else { panic!("expected an end") };
    assert_eq!((ended, delta.left.len()), (session("sari"), 1));
    assert_eq!(fixture.backplane.claim(&owner("sari", session("next"))).await, Ok(Claim::Mine));
    assert!(fixture.people().await.is_empty());
}

async fn session_ended_leaves_other_sessions_alone(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    fixture.backplane.end(&session("other"), &"sari".into()).await.unwrap();
    assert_eq!(fixture.people().await.len(), 1);
    assert!(publish(&*fixture.backplane, &incarnation, "a").await.is_ok());
}

async fn session_ended_cannot_reclaim_its_name_in_flight(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    fixture.other().end(&session("sari"), &"sari".into()).await.unwrap();
    let late = heartbeat(&*fixture.backplane, &incarnation, 3, &["sari"], &[]).await.unwrap();
    assert_eq!(late.refused, ["sari"]);
    assert_eq!(fixture.backplane.publish(post(&incarnation, "sari", "a", "halo")).await, Err(PublishError::Ended));
    assert!(fixture.people().await.is_empty());
    assert_eq!(fixture.other().claim(&owner("sari", session("anew"))).await, Ok(Claim::Mine));
    let late = heartbeat(&*fixture.backplane, &incarnation, 4, &["sari"], &["sari"]).await.unwrap();
    assert_eq!(late.refused, ["sari"]);
    let other = fixture.other().claim(&owner("sari", session("other"))).await;
    assert!(matches!(other, Ok(Claim::Held { left: Some(_) })), "{other:?}");
}

async fn held_name_says_how_long_unless_its_person_is_here(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let other = owner("sari", session("other"));
    heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    assert_eq!(fixture.other().claim(&other).await, Ok(Claim::Held { left: None }));
    heartbeat(&*fixture.backplane, &incarnation, 3, &[], &["sari"]).await.unwrap();
    let Ok(Claim::Held { left: Some(left) }) = fixture.other().claim(&other).await else { panic!("it is held") };
    assert!(left <= POLICY.name_hold && left + Duration::from_secs(5) > POLICY.name_hold, "{left:?}");
}

async fn claim_that_is_only_checked_changes_nothing(fixture: Fixture) {
    let [one, other] = ["a", "b"].map(|by| owner("sari", session(by)));
    assert_eq!(fixture.backplane.check_claim(&one).await, Ok(Claim::Mine));
    assert_eq!(fixture.other().claim(&other).await, Ok(Claim::Mine), "the check claimed nothing");
    assert!(matches!(fixture.backplane.check_claim(&one).await, Ok(Claim::Held { left: Some(_) })));
    assert_eq!(fixture.backplane.check_claim(&other).await, Ok(Claim::Mine));
}

mod holding {
    use super::*;

    on_both_engines! {
        claim_never_joined_expires_after_20_s,
        claim_expires_after_the_hold_unless_its_person_is_here,
    }

    async fn claim_never_joined_expires_after_20_s(engine: Engine) {
        let fixture = Fixture::of(engine).await;
        let began = Instant::now();
        fixture.backplane.claim(&owner("adi", session("adi"))).await.unwrap();
        let incarnation = fixture.incarnation().await;
        heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
        heartbeat(&*fixture.backplane, &incarnation, 3, &[], &["sari"]).await.unwrap();
        assert_eq!(
            fixture.backplane.claim(&owner("sari", session("sari"))).await,
            Ok(Claim::Mine),
            "it is not shortened"
        );
        eventually(CLAIM + SOON, "the name is free again", || async {
            match fixture.backplane.claim(&owner("adi", session("other"))).await {
                Ok(Claim::Mine) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert!(began.elapsed() >= CLAIM, "held until then: {:?}", began.elapsed());
        let other = fixture.backplane.claim(&owner("sari", session("other"))).await;
        assert!(matches!(other, Ok(Claim::Held { .. })), "a person who was here holds it longer: {other:?}");
    }

    const BRIEF: RetentionPolicy = RetentionPolicy { name_hold: Duration::from_millis(300), ..POLICY };

    async fn claim_expires_after_the_hold_unless_its_person_is_here(engine: Engine) {
        let fixture = Fixture::with(engine, BRIEF).await;
        let incarnation = fixture.incarnation().await;
        fixture.backplane.claim(&owner("adi", session("adi"))).await.unwrap();
        heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
        eventually(SOON, "the claim expires", || async {
            match fixture.backplane.claim(&owner("adi", session("other"))).await {
                Ok(Claim::Mine) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        // Sari's claim is older than this one: once this has expired, so has hers.
        fixture.backplane.claim(&owner("budi", session("budi"))).await.unwrap();
        eventually(SOON, "a later claim expires", || async {
            match fixture.backplane.claim(&owner("budi", session("other"))).await {
                Ok(Claim::Mine) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert_eq!(fixture.backplane.claim(&owner("sari", session("other"))).await, Ok(Claim::Held { left: None }));
    }
}

mod ended {
    use super::*;

    /// A claim lasts 300 ms.
    const BRIEF: RetentionPolicy = RetentionPolicy { name_hold: Duration::from_millis(300), ..POLICY };

    on_both_engines! {
        session_ended_stays_out_after_the_next_claim_expires,
        person_held_sends_and_renews_after_their_claim_expired,
    }

    async fn session_ended_stays_out_after_the_next_claim_expires(engine: Engine) {
        let fixture = Fixture::with(engine, BRIEF).await;
        let backplane = &*fixture.backplane;
        let incarnation = fixture.incarnation().await;
        heartbeat(backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
        backplane.end(&session("sari"), &"sari".into()).await.unwrap();
        assert_eq!(backplane.claim(&owner("sari", session("next"))).await, Ok(Claim::Mine));
        let nonce = AtomicU64::new(0);
        eventually(SOON, "the next claim expires", || async {
            let nonce = format!("n{}", nonce.fetch_add(1, Ordering::Relaxed));
            match backplane.publish(post(&incarnation, "sari", &nonce, "halo")).await {
                Err(PublishError::Fenced) => Ok(()),
                Err(PublishError::Ended) => Err("the name is claimed".to_owned()),
                other => panic!("the ended session sent a message: {other:?}"),
            }
        })
        .await;
        let renews = Heartbeat { renewals: vec![person("sari")], ..Heartbeat::new(incarnation, 3) };
        assert_eq!(backplane.heartbeat(renews).await.unwrap().refused, ["sari"]);
        assert!(fixture.people().await.is_empty());
    }

    async fn person_held_sends_and_renews_after_their_claim_expired(engine: Engine) {
        let fixture = Fixture::with(engine, BRIEF).await;
        let backplane = &*fixture.backplane;
        let incarnation = fixture.incarnation().await;
        heartbeat(backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
        // Claimed later than sari's name: once this claim has expired, so has hers.
        backplane.claim(&owner("budi", session("budi"))).await.unwrap();
        eventually(SOON, "a later claim expires", || async {
            match backplane.claim(&owner("budi", session("other"))).await {
                Ok(Claim::Mine) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert!(publish(backplane, &incarnation, "a").await.is_ok());
        let renews = Heartbeat { renewals: vec![person("sari")], ..Heartbeat::new(incarnation, 3) };
        assert_eq!(backplane.heartbeat(renews).await.unwrap().refused, [""; 0]);
    }
}

async fn program_or_account_takes_a_typed_name(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    heartbeat(&*fixture.backplane, &incarnation, 2, &["sari", "budi"], &[]).await.unwrap();
    let account = owner("sari", SessionTag::of_account("7"));
    let bot = owner("budi", SessionTag::of_bot(&"budi".into()));
    for (reserved, typed) in [(&account, "sari"), (&bot, "budi")] {
        assert_eq!(
            fixture.backplane.check_claim(reserved).await,
            Ok(Claim::Held { left: None }),
            "a check ends nothing"
        );
        let mut subscriber = fixture.subscriber().await;
        assert_eq!(fixture.other().claim(reserved).await, Ok(Claim::Mine));
        let Event::Ended { session: ended, delta, .. } = subscriber.next_event().await else {
            panic!("expected an end")
        };
        assert_eq!((ended, delta.left.len()), (session(typed), 1));
        assert_eq!(fixture.backplane.claim(&person(typed)).await.map(|claim| claim == Claim::Mine), Ok(false));
    }
    // Neither takes a name from the other.
    let other_account = owner("sari", SessionTag::of_account("8"));
    assert!(matches!(fixture.other().claim(&other_account).await, Ok(Claim::Held { .. })));
    let bot_of_that_name = owner("sari", SessionTag::of_bot(&"sari".into()));
    assert!(matches!(fixture.other().claim(&bot_of_that_name).await, Ok(Claim::Held { .. })));
    assert_eq!(fixture.other().claim(&account).await, Ok(Claim::Mine));
}
