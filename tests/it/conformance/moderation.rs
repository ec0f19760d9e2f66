//! The operator's actions: atomic, published, and on record.

use std::time::Duration;

use ruang::{
    automod::SharedChecks,
    backplane::{
        Audit, ChangeRequest, Claim, Cursor, Event, ModerationAction, ModerationOutcome, ModerationRequest, NewState,
        Person, Post, PublishError, RetentionPolicy, SessionTag, Snapshot,
    },
    protocol::{Door, Id, Row, Rules, Text},
    rate::Rate,
};

use super::fixture::{Fixture, POLICY, at, heartbeat, owner, person, post, publish, session};
use crate::kit::{Engine, SOON, engines::on_both_engines, eventually};

on_both_engines! { Fixture::of =>
    message_deleted_keeps_only_its_position,
    deletion_is_published_once_and_only_if_it_deletes,
    ban_ends_the_session_and_refuses_the_name,
    ban_expired_or_lifted_frees_the_name,
    ban_for_no_time_frees_the_name_at_once,
    rules_set_are_published_and_in_every_snapshot,
    action_applied_is_on_record,
    slow_mode_holds_across_instances_and_ends_at_once,
    muted_name_may_not_send_through_any_instance,
    mute_ends_when_it_is_lifted_or_over,
    muted_person_may_delete_but_not_edit,
    read_only_room_refuses_people_but_not_programs,
    door_that_has_an_end_opens_by_itself,
}

fn ban(name_key: &str, for_ms: u64) -> ModerationAction {
    ModerationAction::Ban { name_key: name_key.into(), name: name_key.to_uppercase(), for_ms, address: false }
}

fn mute(name_key: &str, for_ms: u64) -> ModerationAction {
    ModerationAction::Mute { name_key: name_key.into(), name: name_key.to_uppercase(), for_ms, address: false }
}

async fn message_deleted_keeps_only_its_position(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let mut ids = vec![];
    for nonce in ["a", "b", "c"] {
        ids.push(publish(&*fixture.backplane, &incarnation, nonce).await.unwrap());
    }
    assert_eq!(
        fixture.backplane.moderate(ModerationAction::Remove { ids: vec![ids[1]] }.into()).await,
        Ok(ModerationOutcome::Done)
    );
    let there = fixture.other();
    let shape =
        |rows: &[Row]| -> Vec<(Id, bool)> { rows.iter().map(|row| (row.id(), row.message().is_some())).collect() };
    let expected = [(ids[0], true), (ids[1], false), (ids[2], true)];
    for cursor in [Cursor::Newest, Cursor::After(Id::new(ids[0].epoch, 0))] {
        assert_eq!(shape(&there.page(cursor, 10).await.unwrap().rows), expected);
    }
    let anew = there.read(None).await.unwrap();
    let changed = |snapshot: &Snapshot| snapshot.changes.iter().map(|change| change.row.id()).collect::<Vec<_>>();
    assert_eq!((shape(&anew.rows), changed(&anew)), (expected.to_vec(), vec![ids[1]]));
    let continued = there.read(at(ids[1])).await.unwrap();
    assert_eq!((shape(&continued.rows), continued.continues), (vec![expected[2]], true));
    assert_eq!(changed(&continued), [ids[1]], "also for a reader that was away at the deletion");
    assert_eq!(there.locate(ids[1]).await, Ok(Some(2)));
    assert_eq!(publish(&*fixture.backplane, &incarnation, "b").await, Ok(ids[1]), "it is not stored again");
}

async fn deletion_is_published_once_and_only_if_it_deletes(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let mut subscriber = fixture.subscriber().await;
    let unknown = Id::new(id.epoch, 99);
    assert_eq!(
        fixture.other().moderate(ModerationAction::Remove { ids: vec![unknown] }.into()).await,
        Ok(ModerationOutcome::Nothing)
    );
    let before = fixture.backplane.read(None).await.unwrap().position;
    assert_eq!(
        fixture.other().moderate(ModerationAction::Remove { ids: vec![id, unknown] }.into()).await,
        Ok(ModerationOutcome::Done)
    );
    let Event::Moderated { position, removed, rules, .. } = subscriber.next_event().await else {
        panic!("expected a moderation event")
    };
    assert_eq!((removed, rules, position.version), (vec![id], Rules::default(), before.version + 1));
    assert_eq!(
        fixture.backplane.moderate(ModerationAction::Remove { ids: vec![id] }.into()).await,
        Ok(ModerationOutcome::Nothing)
    );
    heartbeat(&*fixture.backplane, &incarnation, 2, &[], &[]).await.unwrap();
    subscriber.expect_only_heartbeat(&incarnation, 2).await;
}

async fn ban_ends_the_session_and_refuses_the_name(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    heartbeat(&*fixture.backplane, &incarnation, 2, &["sari", "budi"], &[]).await.unwrap();
    let mut subscriber = fixture.subscriber().await;
    assert_eq!(fixture.other().moderate(ban("sari", 60_000).into()).await, Ok(ModerationOutcome::Done));
    let Event::Ended { session: ended, delta, .. } = subscriber.next_event().await else { panic!("expected an end") };
    assert_eq!((ended, delta.left[0].name.as_str()), (session("sari"), "SARI"));
    assert_eq!(fixture.backplane.publish(post(&incarnation, "sari", "a", "halo")).await, Err(PublishError::Ended));
    for claimed in [session("sari"), session("other")] {
        let Claim::Banned(left) = fixture.other().claim(&owner("sari", claimed.clone())).await.unwrap() else {
            panic!("not banned")
        };
        assert!(left <= Duration::from_secs(60) && left > Duration::from_secs(50), "{left:?}");
    }
    assert_eq!(heartbeat(&*fixture.backplane, &incarnation, 3, &["sari"], &[]).await.unwrap().refused, ["sari"]);
    assert_eq!(fixture.people().await.len(), 1, "the other stays");
    assert!(fixture.backplane.publish(post(&incarnation, "budi", "a", "halo")).await.is_ok());
}

async fn ban_expired_or_lifted_frees_the_name(fixture: Fixture) {
    assert_eq!(
        fixture.backplane.moderate(ban("sari", 300).into()).await,
        Ok(ModerationOutcome::Done),
        "the person need not be here"
    );
    fixture.backplane.moderate(ban("budi", 60_000).into()).await.unwrap();
    // The name was free: only the ban refuses an old session.
    let incarnation = fixture.sender().await;
    assert_eq!(heartbeat(&*fixture.other(), &incarnation, 2, &["budi"], &[]).await.unwrap().refused, ["budi"]);
    eventually(SOON, "the ban expires", || async {
        match fixture.other().claim(&owner("sari", session("sari"))).await.unwrap() {
            Claim::Mine => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let bans = fixture.other().moderation_log().await.unwrap().bans;
    assert_eq!(bans.iter().map(|ban| ban.name.as_str()).collect::<Vec<_>>(), ["BUDI"]);
    let pardon = |name_key: &str| ModerationAction::Unban { name_key: name_key.into(), name: name_key.into() };
    assert_eq!(fixture.other().moderate(pardon("budi").into()).await, Ok(ModerationOutcome::Done));
    assert_eq!(fixture.other().moderate(pardon("sari").into()).await, Ok(ModerationOutcome::Nothing));
    assert_eq!(fixture.backplane.claim(&owner("budi", session("budi"))).await, Ok(Claim::Mine));
    assert!(fixture.backplane.moderation_log().await.unwrap().bans.is_empty());
}

async fn ban_for_no_time_frees_the_name_at_once(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    heartbeat(&*fixture.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    assert_eq!(fixture.other().moderate(ban("sari", 0).into()).await, Ok(ModerationOutcome::Done));
    assert!(fixture.people().await.is_empty());
    assert_eq!(fixture.other().claim(&owner("sari", session("anew"))).await, Ok(Claim::Mine));
    assert_eq!(fixture.other().moderate(ban("absent", 0).into()).await, Ok(ModerationOutcome::Nothing));
}

async fn rules_set_are_published_and_in_every_snapshot(fixture: Fixture) {
    let mut subscriber = fixture.subscriber().await;
    let text = "mati \"sebentar\" / \\ \u{2028} 🙂".to_owned();
    fixture.backplane.moderate(ModerationAction::Announce { text: Some(text.clone()) }.into()).await.unwrap();
    fixture.other().moderate(ModerationAction::Slow { interval_ms: 30_000 }.into()).await.unwrap();
    let set = Rules { slow_ms: 30_000, notice: Some(text.clone()), ..Rules::default() };
    for expected in [Rules { slow_ms: 0, ..set.clone() }, set.clone()] {
        let Event::Moderated { rules, removed, .. } = subscriber.next_event().await else {
            panic!("expected a moderation event")
        };
        assert_eq!((rules, removed), (expected, vec![]));
    }
    assert_eq!(fixture.other().read(None).await.unwrap().rules, set);
    fixture.other().moderate(ModerationAction::Announce { text: None }.into()).await.unwrap();
    fixture.other().moderate(ModerationAction::Slow { interval_ms: 0 }.into()).await.unwrap();
    assert_eq!(fixture.backplane.read(None).await.unwrap().rules, Rules::default());
}

async fn action_applied_is_on_record(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let acts = [
        ModerationAction::Remove { ids: vec![id] },
        ban("sari", 60_000),
        ModerationAction::Slow { interval_ms: 5000 },
        ModerationAction::Announce { text: Some("halo".into()) },
    ];
    let audit = Audit { by: "Budi".into(), from: "203.0.113.0/24".into(), why: Some("kasar / \"🙂\"".into()) };
    for act in &acts {
        let request = ModerationRequest { action: act.clone(), audit: audit.clone() };
        fixture.backplane.moderate(request).await.unwrap();
    }
    fixture.backplane.moderate(ModerationAction::Remove { ids: vec![id] }.into()).await.unwrap();
    let records = fixture.other().moderation_log().await.unwrap().acts;
    assert!(records.iter().rev().map(|record| &record.act).eq(&acts), "{records:?}");
    assert!(records.iter().all(|record| record.audit == audit), "{records:?}");
    let whom: Vec<Vec<String>> = records.iter().rev().map(|record| record.whom.clone()).collect();
    assert_eq!(whom, [vec!["SARI".to_owned()], vec!["SARI".to_owned()], vec![], vec![]]);
    assert!(records.is_sorted_by(|newer, older| newer.at >= older.at));
}

async fn slow_mode_holds_across_instances_and_ends_at_once(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let there = fixture.other();
    fixture.backplane.moderate(ModerationAction::Slow { interval_ms: 60_000 }.into()).await.unwrap();
    let first = publish(&*fixture.backplane, &incarnation, "a").await;
    assert!(first.is_ok());
    let Err(PublishError::Limited(wait)) = publish(&*there, &incarnation, "b").await else { panic!("too early") };
    assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
    assert_eq!(publish(&*there, &incarnation, "a").await, first, "a retry stores nothing");
    assert!(there.publish(post(&incarnation, "budi", "a", "halo")).await.is_ok(), "each person has their own pace");
    fixture.backplane.moderate(ModerationAction::Slow { interval_ms: 0 }.into()).await.unwrap();
    assert!(publish(&*there, &incarnation, "b").await.is_ok());
}

async fn muted_name_may_not_send_through_any_instance(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let there = fixture.other();
    let first = publish(&*fixture.backplane, &incarnation, "a").await;
    assert!(first.is_ok());
    assert_eq!(there.moderate(mute("sari", 60_000).into()).await, Ok(ModerationOutcome::Done));
    for through in [&fixture.backplane, &there] {
        let Err(PublishError::Muted(wait)) = publish(&**through, &incarnation, "b").await else { panic!("not muted") };
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
        assert_eq!(publish(&**through, &incarnation, "a").await, first, "a retry of what is stored");
    }
    assert!(there.publish(post(&incarnation, "budi", "a", "halo")).await.is_ok(), "others may send");
    let accepted = heartbeat(&*there, &incarnation, 2, &["sari"], &[]).await.unwrap();
    assert!(accepted.refused.is_empty(), "she may stay");
    let log = fixture.backplane.moderation_log().await.unwrap();
    assert_eq!(log.mutes.iter().map(|mute| mute.name.as_str()).collect::<Vec<_>>(), ["SARI"]);
    assert_eq!((log.bans, log.acts[0].whom.clone()), (vec![], vec!["SARI".to_owned()]));
}

async fn mute_ends_when_it_is_lifted_or_over(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let unmute = || ModerationAction::Unmute { name_key: "sari".into(), name: "Sari".into() };
    assert_eq!(fixture.backplane.moderate(unmute().into()).await, Ok(ModerationOutcome::Nothing));
    fixture.backplane.moderate(mute("sari", 60_000).into()).await.unwrap();
    fixture.backplane.moderate(mute("budi", 200).into()).await.unwrap();
    assert_eq!(fixture.other().moderate(unmute().into()).await, Ok(ModerationOutcome::Done));
    assert!(publish(&*fixture.backplane, &incarnation, "a").await.is_ok());
    eventually(SOON, "the mute is over", || async {
        fixture.other().publish(post(&incarnation, "budi", "a", "halo")).await.map_err(|error| error.to_string())
    })
    .await;
    assert!(fixture.backplane.moderation_log().await.unwrap().mutes.is_empty());
}

async fn muted_person_may_delete_but_not_edit(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    fixture.backplane.moderate(mute("sari", 60_000).into()).await.unwrap();
    let there = fixture.other();
    let change = |nonce: &str, state: NewState| {
        let (incarnation, nonce) = (incarnation.clone(), nonce.parse().unwrap());
        there.change(ChangeRequest {
            incarnation,
            person: person("sari"),
            nonce,
            id,
            state,
            checks: SharedChecks::default(),
        })
    };
    let edited = NewState::Edited(Text::parse("lain").unwrap());
    assert!(matches!(change("e", edited).await, Err(PublishError::Muted(_))));
    assert_eq!(change("d", NewState::Deleted).await, Ok(id));
}

async fn read_only_room_refuses_people_but_not_programs(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let there = fixture.other();
    let first = publish(&*there, &incarnation, "a").await;
    let mut subscriber = fixture.subscriber().await;
    let text = Some("Sebentar / \"ya\"".to_owned());
    let shut = ModerationAction::ReadOnly { for_ms: None, text: text.clone() };
    fixture.backplane.moderate(shut.into()).await.unwrap();
    let expected = Rules { read_only: Some(Door { until: None, text }), ..Rules::default() };
    let Event::Moderated { rules, .. } = subscriber.next_event().await else { panic!("expected the rules") };
    assert_eq!((&rules, there.read(None).await.unwrap().rules), (&expected, expected.clone()));
    assert_eq!(publish(&*there, &incarnation, "b").await, Err(PublishError::ReadOnly(None)));
    assert_eq!(publish(&*there, &incarnation, "a").await, first, "a retry of what is stored");
    let bot = Person::new("bot".into(), "Bot", SessionTag::of_bot(&"bot".into()));
    there.claim(&bot).await.unwrap();
    let post = Post { person: bot, ..post(&incarnation, "sari", "c", "halo") };
    assert!(there.publish(post).await.is_ok());
    let open = ModerationAction::ReadOnly { for_ms: Some(0), text: None };
    there.moderate(open.into()).await.unwrap();
    assert_eq!(fixture.backplane.read(None).await.unwrap().rules, Rules::default());
    assert!(publish(&*there, &incarnation, "b").await.is_ok());
}

async fn door_that_has_an_end_opens_by_itself(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    for action in [
        ModerationAction::Closed { for_ms: Some(60_000), text: Some("Penuh".into()) },
        ModerationAction::ReadOnly { for_ms: Some(3000), text: None },
    ] {
        fixture.backplane.moderate(action.into()).await.unwrap();
    }
    let Err(PublishError::ReadOnly(Some(wait))) = publish(&*fixture.other(), &incarnation, "a").await else {
        panic!("not read-only")
    };
    assert!(wait <= Duration::from_secs(3), "{wait:?}");
    eventually(SOON, "the room is open", || async {
        publish(&*fixture.other(), &incarnation, "a").await.map_err(|error| error.to_string())
    })
    .await;
    let rules = fixture.other().read(None).await.unwrap().rules;
    let closed = rules.closed.expect("a door");
    assert!(closed.until.is_some() && closed.text.as_deref() == Some("Penuh"), "{closed:?}");
}

mod pace {
    use super::*;

    const FIVE: RetentionPolicy = RetentionPolicy { messages: Rate { per_second: 5.0, burst: 10.0 }, ..POLICY };

    on_both_engines! { person_has_one_pace_across_instances }

    async fn person_has_one_pace_across_instances(engine: Engine) {
        let fixture = Fixture::with(engine, FIVE).await;
        let there = fixture
            .redis
            .as_ref()
            .map_or_else(|| fixture.backplane.clone(), |redis| super::super::fixture::on(redis, FIVE));
        let incarnation = fixture.sender().await;
        let began = std::time::Instant::now();
        let mut kept = 0;
        let mut refused = None;
        for n in 0..30 {
            let through = if n % 2 == 0 { &fixture.backplane } else { &there };
            match publish(&**through, &incarnation, &format!("n{n}")).await {
                Ok(_) => kept += 1,
                Err(PublishError::Limited(wait)) => refused = Some(wait),
                Err(error) => panic!("{error}"),
            }
        }
        let gained = usize::try_from(began.elapsed().as_millis() / 200).unwrap() + 1;
        assert!((10..=10 + gained).contains(&kept), "{kept} within {:?}", began.elapsed());
        assert!(refused.is_some_and(|wait| wait <= Duration::from_millis(200)), "{refused:?}");
    }
}
