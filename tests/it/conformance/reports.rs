//! Reports of messages: counted once, limited, and gone with their message.

use std::time::Duration;

use ruang::{
    automod::SharedChecks,
    backplane::{
        ChangeRequest, ModerationAction, ModerationOutcome, NewState, REPORTED_KEPT, REPORTERS_KEPT, REPORTS_BYTES,
        ReportOutcome, ReportQueue, ReportRequest, RetentionPolicy,
    },
    protocol::Id,
};

use super::fixture::{Fixture, POLICY, heartbeat, on, person, post, publish};
use crate::kit::{Engine, SOON, engines::on_both_engines, eventually, redis::command};

on_both_engines! {
    report_counts_once_per_person_and_message,
    report_of_a_message_that_is_gone_is_refused,
    sixth_report_of_a_minute_is_refused_on_every_instance,
    reports_are_bounded_in_messages_reporters_and_bytes,
    dismissal_drops_the_reports_and_is_on_record,
    deletion_ends_the_reports_of_a_message,
    reports_end_with_the_age_of_their_message,
    reports_end_when_the_log_is_trimmed,
}

fn report(id: Id, name_key: &str, reason: Option<&str>) -> ReportRequest {
    let name = name_key.to_uppercase();
    ReportRequest { id, name_key: name_key.into(), name, reason: reason.map(str::to_owned) }
}

/// Reporters, and their reasons.
type Reporters<'a> = Vec<(&'a str, Option<&'a str>)>;

/// Each message with its reporters, and the number of all messages.
fn shape(queue: &ReportQueue) -> (usize, Vec<(Id, Reporters<'_>)>) {
    let messages = queue.messages.iter().map(|message| {
        let entries = message.entries.iter().map(|entry| (entry.name.as_str(), entry.reason.as_deref()));
        (message.id, entries.collect())
    });
    (queue.open, messages.collect())
}

async fn report_counts_once_per_person_and_message(engine: Engine) {
    let fixture = Fixture::of(engine).await;
    let incarnation = fixture.sender().await;
    let first = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let second = publish(&*fixture.backplane, &incarnation, "b").await.unwrap();
    let there = fixture.other();
    let reason = "kasar / \"🙂\" \u{2028}";
    for request in
        [report(first, "budi", None), report(second, "budi", Some(reason)), report(second, "citra", Some("spam"))]
    {
        assert_eq!(fixture.backplane.report(request.clone()).await, Ok(ReportOutcome::Done));
        assert_eq!(there.report(request).await, Ok(ReportOutcome::Done), "again");
    }
    let again = report(second, "budi", Some("another reason"));
    assert_eq!(there.report(again).await, Ok(ReportOutcome::Done));
    let queue = there.reports(10).await.unwrap();
    let of_second = vec![("BUDI", Some(reason)), ("CITRA", Some("spam"))];
    assert_eq!(shape(&queue), (2, vec![(second, of_second.clone()), (first, vec![("BUDI", None)])]));
    assert_eq!(shape(&fixture.backplane.reports(1).await.unwrap()), (2, vec![(second, of_second)]));
    assert_eq!(shape(&fixture.backplane.reports(0).await.unwrap()), (2, vec![]));
    let now = u64::try_from(there.now().as_millis()).unwrap();
    assert!(queue.messages[0].entries.iter().all(|entry| now.abs_diff(entry.at) < 60_000), "{queue:?}");
}

async fn report_of_a_message_that_is_gone_is_refused(engine: Engine) {
    let fixture = Fixture::of(engine).await;
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    fixture.backplane.moderate(ModerationAction::Remove { ids: vec![id] }.into()).await.unwrap();
    for gone in [id, Id::new(id.epoch, id.n + 1), Id::new(1, 1)] {
        assert_eq!(fixture.other().report(report(gone, "budi", None)).await, Ok(ReportOutcome::Gone));
    }
    assert_eq!(fixture.backplane.reports(10).await, Ok(ReportQueue::default()));
}

async fn sixth_report_of_a_minute_is_refused_on_every_instance(engine: Engine) {
    let fixture = Fixture::of(engine).await;
    let incarnation = fixture.sender().await;
    let there = fixture.other();
    let mut ids = vec![];
    for nonce in ["a", "b", "c", "d", "e", "f"] {
        ids.push(publish(&*there, &incarnation, nonce).await.unwrap());
    }
    for (n, id) in ids.iter().take(5).enumerate() {
        let through = if n % 2 == 0 { &fixture.backplane } else { &there };
        assert_eq!(through.report(report(*id, "budi", None)).await, Ok(ReportOutcome::Done));
    }
    for through in [&fixture.backplane, &there] {
        let Ok(ReportOutcome::Limited(wait)) = through.report(report(ids[5], "budi", None)).await else {
            panic!("not limited")
        };
        assert!(wait > Duration::from_secs(5) && wait <= Duration::from_secs(12), "{wait:?}");
        assert_eq!(through.report(report(ids[0], "budi", None)).await, Ok(ReportOutcome::Done), "counted already");
        assert_eq!(through.report(report(ids[5], "citra", None)).await, Ok(ReportOutcome::Done), "another person");
    }
    assert_eq!(there.reports(0).await.unwrap().open, 6);
}

async fn reports_are_bounded_in_messages_reporters_and_bytes(engine: Engine) {
    let fixture = Fixture::of(engine).await;
    let incarnation = fixture.sender().await;
    let mut ids = vec![];
    for n in 0..=REPORTED_KEPT {
        ids.push(publish(&*fixture.backplane, &incarnation, &format!("n{n}")).await.unwrap());
    }
    let reports = |id: Id, n: usize| fixture.backplane.report(report(id, &format!("p{n}"), Some("y")));
    let two = ids[1];
    for n in 0..2 {
        assert_eq!(reports(two, n).await, Ok(ReportOutcome::Done));
    }
    for (n, id) in ids.iter().filter(|id| **id != two).enumerate() {
        assert_eq!(reports(*id, 100 + n).await, Ok(ReportOutcome::Done));
    }
    let queue = fixture.backplane.reports(REPORTED_KEPT + 1).await.unwrap();
    assert_eq!((queue.open, queue.messages.len(), queue.messages[0].id), (REPORTED_KEPT, REPORTED_KEPT, two));
    assert!(queue.messages.iter().all(|message| message.id != ids[0]), "the oldest of those with one reporter");

    for (id, reason, least) in [(ids[2], "x".repeat(200), 20), (ids[3], "y".to_owned(), REPORTERS_KEPT)] {
        for n in 0..REPORTERS_KEPT + 5 {
            let request = report(id, &format!("of-{}-{n}", id.n), Some(&reason));
            assert_eq!(fixture.backplane.report(request).await, Ok(ReportOutcome::Done));
        }
        let queue = fixture.backplane.reports(1).await.unwrap();
        let entries = &queue.messages[0].entries;
        let bytes: usize =
            entries.iter().map(|entry| entry.name.len() + entry.reason.as_ref().map_or(0, String::len)).sum();
        assert_eq!(queue.messages[0].id, id);
        assert!(
            (least..=REPORTERS_KEPT).contains(&entries.len()) && bytes < REPORTS_BYTES,
            "{} {bytes}",
            entries.len()
        );
        assert_eq!(
            entries.last().unwrap().reason.is_none(),
            reason.len() > 1,
            "a reason that does not fit is left out"
        );
    }
}

async fn dismissal_drops_the_reports_and_is_on_record(engine: Engine) {
    let fixture = Fixture::of(engine).await;
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let dismiss = || ModerationAction::Dismiss { ids: vec![id] };
    assert_eq!(fixture.backplane.moderate(dismiss().into()).await, Ok(ModerationOutcome::Nothing));
    fixture.backplane.report(report(id, "budi", None)).await.unwrap();
    assert_eq!(fixture.other().moderate(dismiss().into()).await, Ok(ModerationOutcome::Done));
    assert_eq!(fixture.backplane.reports(10).await, Ok(ReportQueue::default()));
    assert_eq!(fixture.backplane.moderate(dismiss().into()).await, Ok(ModerationOutcome::Nothing));
    let records = fixture.other().moderation_log().await.unwrap().acts;
    assert_eq!((records.len(), &records[0].act, &records[0].whom), (1, &dismiss(), &vec!["SARI".to_owned()]));
    fixture.backplane.report(report(id, "budi", None)).await.unwrap();
    assert_eq!(fixture.backplane.reports(0).await.unwrap().open, 1, "it may be reported again");
}

async fn deletion_ends_the_reports_of_a_message(engine: Engine) {
    let fixture = Fixture::of(engine).await;
    let incarnation = fixture.sender().await;
    let mut ids = vec![];
    for nonce in ["a", "b", "c"] {
        let id = publish(&*fixture.backplane, &incarnation, nonce).await.unwrap();
        fixture.backplane.report(report(id, "budi", Some("rahasia"))).await.unwrap();
        ids.push(id);
    }
    fixture.other().moderate(ModerationAction::Remove { ids: vec![ids[0]] }.into()).await.unwrap();
    let (incarnation, nonce) = (incarnation.clone(), "d".parse().unwrap());
    let (person, state, checks) = (person("sari"), NewState::Deleted, SharedChecks::default());
    let request = ChangeRequest { incarnation, person, nonce, id: ids[1], state, checks };
    fixture.backplane.change(request).await.unwrap();
    if let Some(server) = &fixture.redis {
        let stored = command(server, &["HKEYS", "ruang:{ruang_chat_utama}:reports"]).await;
        assert!(stored.contains(&ids[2].to_string()), "{stored}");
        assert!(!stored.contains(&ids[1].to_string()), "{stored}");
    }
    let queue = fixture.other().reports(10).await.unwrap();
    assert_eq!(shape(&queue), (1, vec![(ids[2], vec![("BUDI", Some("rahasia"))])]));
}

async fn reports_end_with_the_age_of_their_message(engine: Engine) {
    const BRIEF: RetentionPolicy = RetentionPolicy { history_age: Some(Duration::from_millis(500)), ..POLICY };
    let fixture = Fixture::with(engine, BRIEF).await;
    let backplane = &*fixture.backplane;
    let incarnation = fixture.sender().await;
    let id = publish(backplane, &incarnation, "a").await.unwrap();
    backplane.report(report(id, "budi", Some("rahasia"))).await.unwrap();
    assert_eq!(backplane.reports(0).await.unwrap().open, 1);
    let mut seq = 1;
    eventually(SOON, "the report expires", || {
        seq += 1;
        let (incarnation, fixture) = (incarnation.clone(), &fixture);
        async move {
            heartbeat(backplane, &incarnation, seq, &[], &[]).await.unwrap();
            stored_reports(fixture, BRIEF).await
        }
    })
    .await;
    assert_eq!(backplane.report(report(id, "citra", None)).await, Ok(ReportOutcome::Gone));
}

async fn reports_end_when_the_log_is_trimmed(engine: Engine) {
    const FEW: RetentionPolicy = RetentionPolicy { history: 100, ..POLICY };
    let fixture = Fixture::with(engine, FEW).await;
    let backplane = &*fixture.backplane;
    let incarnation = fixture.sender().await;
    let id = publish(backplane, &incarnation, "a").await.unwrap();
    backplane.report(report(id, "budi", Some("rahasia"))).await.unwrap();
    for n in 0..700 {
        backplane.publish(post(&incarnation, "sari", &format!("n{n}"), "halo")).await.unwrap();
    }
    let kept = publish(backplane, &incarnation, "kept").await.unwrap();
    backplane.report(report(kept, "budi", None)).await.unwrap();
    heartbeat(backplane, &incarnation, 2, &[], &[]).await.unwrap();
    let queue = backplane.reports(10).await.unwrap();
    assert_eq!(shape(&queue), (1, vec![(kept, vec![("BUDI", None)])]));
    backplane.moderate(ModerationAction::Dismiss { ids: vec![kept] }.into()).await.unwrap();
    stored_reports(&fixture, FEW).await.expect("nothing is stored");
}

/// Fails with what is stored, read without the sweep that a reader of the queue begins.
async fn stored_reports(fixture: &Fixture, policy: RetentionPolicy) -> Result<(), String> {
    let Some(server) = &fixture.redis else {
        let queue = fixture.backplane.reports(0).await.unwrap();
        return if queue.open == 0 { Ok(()) } else { Err(format!("{queue:?}")) };
    };
    let stored = command(server, &["HVALS", "ruang:{ruang_chat_utama}:reports"]).await;
    if stored.contains("BUDI") {
        return Err(stored);
    }
    let queue = on(server, policy).reports(0).await.unwrap();
    if queue.open == 0 { Ok(()) } else { Err(format!("{queue:?}")) }
}
