//! The operator's acts: atomic, told to everybody, kept, and on record.

use std::time::Duration;

use ruang::{
    backplane::{Claim, Cursor, Event, ModerationAction, ModerationOutcome, PublishError, RetentionPolicy},
    protocol::{Id, Row, Rules},
    rate::Rate,
};

use super::bench::{Bench, KEEPING, heartbeat, on_each_engine, post, say, session};
use crate::kit::{Engine, SOON, eventually};

on_each_engine! {
    a_deleted_message_keeps_its_position_and_nothing_else,
    deleting_is_told_once_and_what_is_not_there_is_not_told,
    a_ban_ends_the_session_and_keeps_the_name_out,
    a_ban_runs_out_or_is_lifted,
    whoever_is_only_sent_away_may_come_back_at_once,
    what_is_set_is_told_and_part_of_every_reading,
    each_act_is_on_record,
    slow_mode_holds_through_all_instances_and_ends_at_once,
}

fn ban(name_key: &str, for_ms: u64) -> ModerationAction {
    ModerationAction::Ban { name_key: name_key.into(), name: name_key.to_uppercase(), for_ms }
}

async fn a_deleted_message_keeps_its_position_and_nothing_else(bench: Bench) {
    let incarnation = bench.living().await;
    let mut ids = vec![];
    for nonce in ["a", "b", "c"] {
        ids.push(say(&*bench.backplane, &incarnation, nonce).await.unwrap());
    }
    assert_eq!(
        bench.backplane.moderate(ModerationAction::Remove { ids: vec![ids[1]] }).await,
        Ok(ModerationOutcome::Done)
    );
    let there = bench.other();
    let shape =
        |rows: &[Row]| -> Vec<(Id, bool)> { rows.iter().map(|row| (row.id(), row.message().is_some())).collect() };
    let expected = [(ids[0], true), (ids[1], false), (ids[2], true)];
    for cursor in [Cursor::Newest, Cursor::After(Id::new(ids[0].epoch, 0))] {
        assert_eq!(shape(&there.page(cursor, 10).await.unwrap().rows), expected);
    }
    let anew = there.read(None).await.unwrap();
    assert_eq!((shape(&anew.rows), anew.removed), (expected.to_vec(), vec![ids[1]]));
    let continued = there.read(Some(ids[1])).await.unwrap();
    assert_eq!((shape(&continued.rows), continued.continues), (vec![expected[2]], true));
    assert_eq!(continued.removed, [ids[1]], "whoever was away when it was deleted hears of it");
    assert_eq!(there.locate(ids[1]).await, Ok(Some(2)));
    assert_eq!(say(&*bench.backplane, &incarnation, "b").await, Ok(ids[1]), "it is not said again");
}

async fn deleting_is_told_once_and_what_is_not_there_is_not_told(bench: Bench) {
    let incarnation = bench.living().await;
    let id = say(&*bench.backplane, &incarnation, "a").await.unwrap();
    let mut ears = bench.ears().await;
    let unknown = Id::new(id.epoch, 99);
    assert_eq!(
        bench.other().moderate(ModerationAction::Remove { ids: vec![unknown] }).await,
        Ok(ModerationOutcome::Nothing)
    );
    let before = bench.backplane.read(None).await.unwrap().position;
    assert_eq!(
        bench.other().moderate(ModerationAction::Remove { ids: vec![id, unknown] }).await,
        Ok(ModerationOutcome::Done)
    );
    let Event::Moderated { position, removed, rules } = ears.next_news().await else { panic!("an act was due") };
    assert_eq!((removed, rules, position.version), (vec![id], Rules::default(), before.version + 1));
    assert_eq!(
        bench.backplane.moderate(ModerationAction::Remove { ids: vec![id] }).await,
        Ok(ModerationOutcome::Nothing)
    );
    heartbeat(&*bench.backplane, &incarnation, 2, &[], &[]).await.unwrap();
    ears.hears_only_beat(&incarnation, 2).await;
}

async fn a_ban_ends_the_session_and_keeps_the_name_out(bench: Bench) {
    let incarnation = bench.living().await;
    heartbeat(&*bench.backplane, &incarnation, 2, &["sari", "budi"], &[]).await.unwrap();
    let mut ears = bench.ears().await;
    assert_eq!(bench.other().moderate(ban("sari", 60_000)).await, Ok(ModerationOutcome::Done));
    let Event::Ended { session: ended, delta, .. } = ears.next_news().await else { panic!("an end was due") };
    assert_eq!((ended, delta.left[0].name.as_str()), (session("sari"), "SARI"));
    assert_eq!(bench.backplane.publish(post(&incarnation, "sari", "a", "halo")).await, Err(PublishError::Ended));
    for claimed in [session("sari"), session("other")] {
        let Claim::Banned(left) = bench.other().claim(&"sari".into(), &claimed).await.unwrap() else {
            panic!("not banned")
        };
        assert!(left <= Duration::from_secs(60) && left > Duration::from_secs(50), "{left:?}");
    }
    assert_eq!(heartbeat(&*bench.backplane, &incarnation, 3, &["sari"], &[]).await.unwrap().refused, ["sari"]);
    assert_eq!(bench.backplane.read(None).await.unwrap().people.len(), 1, "the other stays");
    assert!(bench.backplane.publish(post(&incarnation, "budi", "a", "halo")).await.is_ok());
}

async fn a_ban_runs_out_or_is_lifted(bench: Bench) {
    assert_eq!(bench.backplane.moderate(ban("sari", 300)).await, Ok(ModerationOutcome::Done), "she need not be here");
    bench.backplane.moderate(ban("budi", 60_000)).await.unwrap();
    // Nobody had the name: only the ban keeps an old session out.
    let incarnation = bench.living().await;
    assert_eq!(heartbeat(&*bench.other(), &incarnation, 2, &["budi"], &[]).await.unwrap().refused, ["budi"]);
    eventually(SOON, "the ban runs out", || async {
        match bench.other().claim(&"sari".into(), &session("sari")).await.unwrap() {
            Claim::Mine => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let bans = bench.other().moderation_log().await.unwrap().bans;
    assert_eq!(bans.iter().map(|ban| ban.name.as_str()).collect::<Vec<_>>(), ["BUDI"]);
    let pardon = |name_key: &str| ModerationAction::Unban { name_key: name_key.into(), name: name_key.into() };
    assert_eq!(bench.other().moderate(pardon("budi")).await, Ok(ModerationOutcome::Done));
    assert_eq!(bench.other().moderate(pardon("sari")).await, Ok(ModerationOutcome::Nothing));
    assert_eq!(bench.backplane.claim(&"budi".into(), &session("budi")).await, Ok(Claim::Mine));
    assert!(bench.backplane.moderation_log().await.unwrap().bans.is_empty());
}

async fn whoever_is_only_sent_away_may_come_back_at_once(bench: Bench) {
    let incarnation = bench.living().await;
    heartbeat(&*bench.backplane, &incarnation, 2, &["sari"], &[]).await.unwrap();
    assert_eq!(bench.other().moderate(ban("sari", 0)).await, Ok(ModerationOutcome::Done));
    assert!(bench.backplane.read(None).await.unwrap().people.is_empty());
    assert_eq!(bench.other().claim(&"sari".into(), &session("anew")).await, Ok(Claim::Mine));
    assert_eq!(bench.other().moderate(ban("nobody", 0)).await, Ok(ModerationOutcome::Nothing));
}

async fn what_is_set_is_told_and_part_of_every_reading(bench: Bench) {
    let mut ears = bench.ears().await;
    let text = "mati \"sebentar\" / \\ \u{2028} 🙂".to_owned();
    bench.backplane.moderate(ModerationAction::Announce { text: Some(text.clone()) }).await.unwrap();
    bench.other().moderate(ModerationAction::Slow { interval_ms: 30_000 }).await.unwrap();
    let set = Rules { slow_ms: 30_000, notice: Some(text.clone()) };
    for expected in [Rules { slow_ms: 0, ..set.clone() }, set.clone()] {
        let Event::Moderated { rules, removed, .. } = ears.next_news().await else { panic!("an act was due") };
        assert_eq!((rules, removed), (expected, vec![]));
    }
    assert_eq!(bench.other().read(None).await.unwrap().rules, set);
    bench.other().moderate(ModerationAction::Announce { text: None }).await.unwrap();
    bench.other().moderate(ModerationAction::Slow { interval_ms: 0 }).await.unwrap();
    assert_eq!(bench.backplane.read(None).await.unwrap().rules, Rules::default());
}

async fn each_act_is_on_record(bench: Bench) {
    let incarnation = bench.living().await;
    let id = say(&*bench.backplane, &incarnation, "a").await.unwrap();
    let acts = [
        ModerationAction::Remove { ids: vec![id] },
        ban("sari", 60_000),
        ModerationAction::Slow { interval_ms: 5000 },
        ModerationAction::Announce { text: Some("halo".into()) },
    ];
    for act in &acts {
        bench.backplane.moderate(act.clone()).await.unwrap();
    }
    bench.backplane.moderate(ModerationAction::Remove { ids: vec![id] }).await.unwrap();
    let records = bench.other().moderation_log().await.unwrap().acts;
    assert!(records.iter().rev().map(|record| &record.act).eq(&acts), "{records:?}");
    assert!(records.is_sorted_by(|newer, older| newer.at >= older.at));
}

async fn slow_mode_holds_through_all_instances_and_ends_at_once(bench: Bench) {
    let incarnation = bench.living().await;
    let there = bench.other();
    bench.backplane.moderate(ModerationAction::Slow { interval_ms: 60_000 }).await.unwrap();
    let first = say(&*bench.backplane, &incarnation, "a").await;
    assert!(first.is_ok());
    let Err(PublishError::Limited(wait)) = say(&*there, &incarnation, "b").await else { panic!("too early") };
    assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
    assert_eq!(say(&*there, &incarnation, "a").await, first, "a retry says nothing new");
    assert!(there.publish(post(&incarnation, "budi", "a", "halo")).await.is_ok(), "each waits for themselves");
    bench.backplane.moderate(ModerationAction::Slow { interval_ms: 0 }).await.unwrap();
    assert!(say(&*there, &incarnation, "b").await.is_ok());
}

mod pace {
    use super::*;

    const FIVE: RetentionPolicy = RetentionPolicy { messages: Rate { per_second: 5.0, burst: 10.0 }, ..KEEPING };

    #[tokio::test]
    async fn in_memory_a_person_has_one_pace() {
        a_person_has_one_pace(Engine::Memory).await;
    }

    #[tokio::test]
    async fn in_redis_a_person_has_one_pace_through_all_instances() {
        a_person_has_one_pace(Engine::Redis).await;
    }

    async fn a_person_has_one_pace(engine: Engine) {
        let bench = Bench::keeping(engine, FIVE).await;
        let there =
            bench.redis.as_ref().map_or_else(|| bench.backplane.clone(), |redis| super::super::bench::on(redis, FIVE));
        let incarnation = bench.living().await;
        let began = std::time::Instant::now();
        let mut kept = 0;
        let mut refused = None;
        for n in 0..30 {
            let through = if n % 2 == 0 { &bench.backplane } else { &there };
            match say(&**through, &incarnation, &format!("n{n}")).await {
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
