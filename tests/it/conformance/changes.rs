//! Edits and deletions by the sender, and deletions by the operator, which are the same to a reader.

use std::{sync::Arc, time::Duration};

use ruang::{
    automod::SharedChecks,
    backplane::{
        Backplane, ChangeRequest, Cursor, Event, IncarnationId, ModerationAction, ModerationOutcome, NewState, Person,
        Position, Post, PublishError, RetentionPolicy, Snapshot,
    },
    protocol::{Id, Message, Row, Text},
    rate::Rate,
};

use super::fixture::{Fixture, POLICY, heartbeat, person, post, publish, session};
use crate::kit::{Engine, SOON, engines::on_both_engines, eventually};

on_both_engines! { Fixture::of =>
    edit_is_published_once_and_read_everywhere,
    deletion_by_its_sender_is_one_by_the_operator,
    change_repeated_under_its_nonce_is_one,
    nonce_of_something_else_is_refused,
    change_of_a_foreign_message_is_refused,
    name_signed_in_again_does_not_own_old_messages,
    change_of_a_message_that_is_gone_is_refused,
    reply_to_a_stored_message_is_kept_and_others_dropped,
    edited_message_keeps_what_it_answers,
    snapshot_continues_across_changed_messages,
    snapshot_has_only_the_changes_that_were_missed,
    page_across_changed_messages_has_no_hole,
    page_around_a_message_has_it_in_the_middle,
    last_message_changed_stays_the_head,
    change_by_a_fenced_incarnation_is_refused,
    thousand_deletions_at_once_are_all_in_a_snapshot,
}

async fn edit_is_published_once_and_read_everywhere(fixture: Fixture) {
    let (incarnation, there) = (fixture.sender().await, fixture.other());
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let mut subscriber = fixture.subscriber().await;
    let before = there.read(None).await.unwrap().position;
    assert_eq!(there.change(edit(&incarnation, "e", id, "halo \"semua\"\n🙂")).await, Ok(id));
    let Event::Moderated { position, removed, edited, .. } = subscriber.next_event().await else {
        panic!("expected a change")
    };
    assert_eq!((removed, edited.len()), (vec![], 1));
    assert_eq!(position, Position { version: before.version + 1, ..before });
    assert_eq!(edited[0].text, "halo \"semua\"\n🙂");
    assert_eq!((edited[0].nonce.as_str(), edited[0].from.as_str()), ("a", "SARI"));
    assert!(edited[0].edited_at.unwrap() >= edited[0].at);
    for backplane in [&fixture.backplane, &there] {
        assert_eq!(backplane.page(Cursor::Newest, 10).await.unwrap().rows, [Row::Message(Arc::clone(&edited[0]))]);
        assert_eq!(backplane.read(None).await.unwrap().rows, [Row::Message(Arc::clone(&edited[0]))]);
    }
    assert_eq!(there.change(edit(&incarnation, "f", id, "lagi")).await, Ok(id), "it can be edited again");
    assert_eq!(texts(&*fixture.backplane).await, ["lagi"]);
}

async fn deletion_by_its_sender_is_one_by_the_operator(fixture: Fixture) {
    let (incarnation, there) = (fixture.sender().await, fixture.other());
    let mut ids = vec![];
    for nonce in ["a", "b", "c"] {
        ids.push(publish(&*fixture.backplane, &incarnation, nonce).await.unwrap());
    }
    let mut subscriber = fixture.subscriber().await;
    fixture.backplane.change(edit(&incarnation, "e", ids[2], "betul")).await.unwrap();
    assert!(matches!(subscriber.next_event().await, Event::Moderated { .. }));
    assert_eq!(there.change(delete(&incarnation, "d", ids[0])).await, Ok(ids[0]));
    let own = subscriber.next_event().await;
    assert!(matches!(&own, Event::Moderated { removed, edited, .. } if *removed == [ids[0]] && edited.is_empty()));
    let operator = ModerationAction::Remove { ids: vec![ids[1], ids[2]] };
    assert_eq!(there.moderate(operator.into()).await, Ok(ModerationOutcome::Done));
    let both = subscriber.next_event().await;
    assert!(matches!(both, Event::Moderated { removed, .. } if removed == [ids[1], ids[2]]));
    let rows = there.page(Cursor::Newest, 10).await.unwrap().rows;
    let removed = |row: &Row| matches!(row, Row::Removed { from, at, .. } if from == "SARI" && *at > 0);
    assert!(rows.iter().all(removed), "{rows:?}");
    assert_eq!(rows.iter().map(Row::id).collect::<Vec<_>>(), ids);
}

async fn change_repeated_under_its_nonce_is_one(fixture: Fixture) {
    let (incarnation, there) = (fixture.sender().await, fixture.other());
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let mut subscriber = fixture.subscriber().await;
    for backplane in [&fixture.backplane, &there] {
        assert_eq!(backplane.change(edit(&incarnation, "e", id, "dua")).await, Ok(id));
        assert_eq!(backplane.change(edit(&incarnation, "f", id, "tiga")).await, Ok(id));
        assert_eq!(texts(&**backplane).await, ["tiga"], "a late repetition brings nothing back");
    }
    for backplane in [&fixture.backplane, &there] {
        assert_eq!(backplane.change(delete(&incarnation, "d", id)).await, Ok(id));
        assert_eq!(backplane.change(edit(&incarnation, "e", id, "dua")).await, Ok(id));
    }
    for _ in 0..3 {
        assert!(matches!(subscriber.next_event().await, Event::Moderated { .. }));
    }
    heartbeat(&*fixture.backplane, &incarnation, 2, &[], &[]).await.unwrap();
    subscriber.expect_only_heartbeat(&incarnation, 2).await;
}

async fn nonce_of_something_else_is_refused(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let other = publish(&*fixture.backplane, &incarnation, "b").await.unwrap();
    let change = |request| fixture.backplane.change(request);
    assert_eq!(change(edit(&incarnation, "e", id, "dua")).await, Ok(id));
    assert_eq!(change(edit(&incarnation, "e", id, "tiga")).await, Err(PublishError::BadNonce));
    assert_eq!(change(edit(&incarnation, "e", other, "dua")).await, Err(PublishError::BadNonce));
    assert_eq!(change(delete(&incarnation, "e", id)).await, Err(PublishError::BadNonce));
    assert_eq!(change(edit(&incarnation, "a", id, "halo")).await, Err(PublishError::BadNonce), "of a message");
    assert_eq!(publish(&*fixture.backplane, &incarnation, "e").await, Err(PublishError::BadNonce), "of an edit");
}

async fn change_of_a_foreign_message_is_refused(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    for state in [NewState::Deleted, NewState::Edited(Text::parse("x").unwrap())] {
        let request = ChangeRequest { person: person("budi"), state, ..delete(&incarnation, "d", id) };
        assert_eq!(fixture.backplane.change(request).await, Err(PublishError::NotYours));
    }
    assert_eq!(texts(&*fixture.backplane).await, ["halo"]);
}

async fn name_signed_in_again_does_not_own_old_messages(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    fixture.backplane.change(edit(&incarnation, "e", id, "dua")).await.unwrap();
    fixture.backplane.end(&session("sari"), &"sari".into()).await.unwrap();
    let again: Person = Person { session: "another session".into(), ..person("sari") };
    fixture.backplane.claim(&again).await.unwrap();
    let request = ChangeRequest { person: again, ..delete(&incarnation, "d", id) };
    assert_eq!(fixture.backplane.change(request).await, Err(PublishError::NotYours));
}

async fn change_of_a_message_that_is_gone_is_refused(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let change = |request| fixture.backplane.change(request);
    for unknown in [Id::new(id.epoch, 0), Id::new(id.epoch, 9), Id::new(1, 1)] {
        assert_eq!(change(delete(&incarnation, "u", unknown)).await, Err(PublishError::Gone));
    }
    change(delete(&incarnation, "d", id)).await.unwrap();
    assert_eq!(change(delete(&incarnation, "f", id)).await, Err(PublishError::Gone));
    assert_eq!(change(edit(&incarnation, "g", id, "kembali")).await, Err(PublishError::Gone));
    let other = publish(&*fixture.backplane, &incarnation, "b").await.unwrap();
    fixture.backplane.moderate(ModerationAction::Remove { ids: vec![other] }.into()).await.unwrap();
    assert_eq!(change(edit(&incarnation, "h", other, "kembali")).await, Err(PublishError::Gone));
}

async fn reply_to_a_stored_message_is_kept_and_others_dropped(fixture: Fixture) {
    let (incarnation, there) = (fixture.sender().await, fixture.other());
    let [first, deleted, edited] = ["a", "b", "c"].map(|nonce| publish(&*fixture.backplane, &incarnation, nonce));
    let (first, deleted, edited) = (first.await.unwrap(), deleted.await.unwrap(), edited.await.unwrap());
    fixture.backplane.change(delete(&incarnation, "d", deleted)).await.unwrap();
    fixture.backplane.change(edit(&incarnation, "e", edited, "betul")).await.unwrap();
    let mut subscriber = fixture.subscriber().await;
    let unknown = Id::new(first.epoch, 99);
    for (nonce, to, expected) in [
        ("r1", first, Some(first)),
        ("r2", deleted, None),
        ("r3", edited, Some(edited)),
        ("r4", unknown, None),
        ("r5", Id::new(first.epoch, 0), None),
    ] {
        let reply = Post { reply_to: Some(to), ..post(&incarnation, "budi", nonce, "ya") };
        let id = there.publish(reply.clone()).await.unwrap();
        assert_eq!(subscriber.message().await.reply_to, expected, "{nonce}");
        assert_eq!(messages(&*there).await.last().unwrap().reply_to, expected);
        assert_eq!(fixture.backplane.publish(reply).await, Ok(id), "sent twice, stored once");
    }
}

async fn edited_message_keeps_what_it_answers(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let first = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let reply = Post { reply_to: Some(first), ..post(&incarnation, "sari", "b", "ya") };
    let id = fixture.backplane.publish(reply).await.unwrap();
    fixture.backplane.change(edit(&incarnation, "e", id, "tidak")).await.unwrap();
    let last = messages(&*fixture.backplane).await.pop().unwrap();
    assert_eq!((last.reply_to, last.text.as_str(), last.id), (Some(first), "tidak", id));
}

async fn snapshot_continues_across_changed_messages(fixture: Fixture) {
    let (incarnation, there) = (fixture.sender().await, fixture.other());
    let mut ids = vec![];
    for n in 0..8 {
        ids.push(publish(&*fixture.backplane, &incarnation, &format!("n{n}")).await.unwrap());
    }
    let start = there.read(None).await.unwrap().position;
    for n in [2, 3, 7] {
        fixture.backplane.change(edit(&incarnation, &format!("e{n}"), ids[n], &format!("baru {n}"))).await.unwrap();
    }
    fixture.backplane.change(delete(&incarnation, "d", ids[4])).await.unwrap();
    for (n, id) in ids.iter().enumerate() {
        let snapshot = there.read(Some(Position { head: *id, ..start })).await.unwrap();
        assert!(snapshot.continues, "from {n}");
        assert_eq!(snapshot.rows.iter().map(Row::id).collect::<Vec<_>>(), ids[n + 1..], "from {n}");
        assert_eq!((snapshot.missed, snapshot.before), (Some(7 - n as u64), n as u64 + 1), "from {n}");
        assert_eq!(there.locate(*id).await, Ok(Some(n as u64 + 1)));
    }
    let all = there.read(None).await.unwrap();
    assert_eq!(all.rows.iter().map(Row::id).collect::<Vec<_>>(), ids);
    let texts: Vec<_> = all.rows.iter().filter_map(Row::message).map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["halo", "halo", "baru 2", "baru 3", "halo", "halo", "baru 7"]);
    assert!(!all.older);
}

async fn snapshot_has_only_the_changes_that_were_missed(fixture: Fixture) {
    let (incarnation, there) = (fixture.sender().await, fixture.other());
    let [a, b] = ["a", "b"].map(|nonce| publish(&*fixture.backplane, &incarnation, nonce));
    let (a, b) = (a.await.unwrap(), b.await.unwrap());
    fixture.backplane.change(edit(&incarnation, "e", a, "dua")).await.unwrap();
    let known = there.read(None).await.unwrap().position;
    let c = publish(&*fixture.backplane, &incarnation, "c").await.unwrap();
    fixture.backplane.change(delete(&incarnation, "d", b)).await.unwrap();
    let shape = |snapshot: &Snapshot| -> Vec<(Id, u64, Id)> {
        snapshot.changes.iter().map(|change| (change.row.id(), change.version, change.head)).collect()
    };
    let missed = there.read(Some(known)).await.unwrap();
    assert_eq!(shape(&missed), [(b, known.version + 1, c)]);
    let anew = there.read(None).await.unwrap();
    assert_eq!(shape(&anew), [(a, known.version, b), (b, known.version + 1, c)]);
    assert_eq!(anew.changes_after, None);
}

async fn page_across_changed_messages_has_no_hole(fixture: Fixture) {
    let (incarnation, there) = (fixture.sender().await, fixture.other());
    let mut ids = vec![];
    for n in 0..30 {
        ids.push(publish(&*fixture.backplane, &incarnation, &format!("n{n}")).await.unwrap());
    }
    for n in [0, 4, 5, 6, 7, 19, 29] {
        fixture.backplane.change(edit(&incarnation, &format!("e{n}"), ids[n], "baru")).await.unwrap();
    }
    let of = |rows: &[Row]| rows.iter().map(Row::id).collect::<Vec<_>>();
    for n in 0..30 {
        for limit in [1, 3, 10, 200] {
            let before = there.page(Cursor::Before(ids[n]), limit).await.unwrap();
            let first = n.saturating_sub(limit);
            assert_eq!((of(&before.rows), before.more), (ids[first..n].to_vec(), first > 0), "before {n}");
            let after = there.page(Cursor::After(ids[n]), limit).await.unwrap();
            let last = 30.min(n + 1 + limit);
            assert_eq!((of(&after.rows), after.more), (ids[n + 1..last].to_vec(), last < 30), "after {n}");
            assert!(!before.trimmed && !after.trimmed);
        }
    }
    let newest = there.page(Cursor::Newest, 12).await.unwrap();
    assert_eq!((of(&newest.rows), newest.more), (ids[18..].to_vec(), true));
    let lost = there.page(Cursor::After(Id::new(1, 1)), 3).await.unwrap();
    assert_eq!((of(&lost.rows), lost.trimmed), (ids[..3].to_vec(), true));
    let future = there.page(Cursor::Before(Id::new(ids[0].epoch, 99)), 3).await.unwrap();
    assert_eq!((of(&future.rows), future.trimmed), (ids[27..].to_vec(), true));
}

async fn page_around_a_message_has_it_in_the_middle(fixture: Fixture) {
    let (incarnation, there) = (fixture.sender().await, fixture.other());
    let mut ids = vec![];
    for n in 0..20 {
        ids.push(publish(&*fixture.backplane, &incarnation, &format!("n{n}")).await.unwrap());
    }
    fixture.backplane.change(delete(&incarnation, "d", ids[10])).await.unwrap();
    fixture.backplane.change(edit(&incarnation, "e", ids[9], "baru")).await.unwrap();
    let around = async |n: usize, limit| {
        let page = there.page(Cursor::Around(ids[n]), limit).await.unwrap();
        let rows: Vec<Id> = page.rows.iter().map(Row::id).collect();
        (rows, page.more, page.more_after, page.trimmed)
    };
    assert_eq!(around(10, 5).await, (ids[8..13].to_vec(), true, true, false));
    assert_eq!(around(0, 5).await, (ids[..5].to_vec(), false, true, false));
    assert_eq!(around(19, 5).await, (ids[15..].to_vec(), true, false, false));
    assert_eq!(around(9, 200).await, (ids.clone(), false, false, false));
    for unknown in [Id::new(ids[0].epoch, 0), Id::new(ids[0].epoch, 99), Id::new(1, 1)] {
        let page = there.page(Cursor::Around(unknown), 5).await.unwrap();
        assert!(page.rows.is_empty() && page.trimmed, "{unknown}");
    }
}

async fn last_message_changed_stays_the_head(fixture: Fixture) {
    let (incarnation, there) = (fixture.sender().await, fixture.other());
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    fixture.backplane.change(delete(&incarnation, "d", id)).await.unwrap();
    let snapshot = there.read(None).await.unwrap();
    assert_eq!((snapshot.position.head, snapshot.rows.len()), (id, 1));
    let mut subscriber = fixture.subscriber().await;
    let next = publish(&*fixture.backplane, &incarnation, "b").await.unwrap();
    assert_eq!((next.epoch, next.n), (id.epoch, id.n + 1));
    let Event::Message { prev, version, .. } = subscriber.next_event().await else { panic!("expected a message") };
    assert_eq!((prev, version), (id, snapshot.position.version));
}

async fn change_by_a_fenced_incarnation_is_refused(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    fixture.backplane.reap(&incarnation, 1).await.unwrap();
    assert_eq!(fixture.backplane.change(delete(&incarnation, "d", id)).await, Err(PublishError::Fenced));
    let stranger = ChangeRequest {
        person: Person { session: "x".into(), ..person("sari") },
        ..delete(&fixture.incarnation().await, "d", id)
    };
    assert_eq!(fixture.backplane.change(stranger).await, Err(PublishError::Ended));
}

async fn thousand_deletions_at_once_are_all_in_a_snapshot(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let mut ids = vec![];
    for n in 0..1000 {
        ids.push(publish(&*fixture.backplane, &incarnation, &format!("n{n}")).await.unwrap());
    }
    let known = fixture.backplane.read(None).await.unwrap().position;
    fixture.backplane.moderate(ModerationAction::Remove { ids: ids.clone() }.into()).await.unwrap();
    let missed = fixture.other().read(Some(known)).await.unwrap();
    assert_eq!((missed.continues, missed.changes.len()), (true, 1000));
    let anew = fixture.other().read(None).await.unwrap();
    assert_eq!((anew.rows.len(), anew.changes.len(), anew.changes_after), (1000, 1000, None));
    assert!(anew.rows.iter().all(|row| row.message().is_none()));
}

#[tokio::test]
async fn edit_after_the_window_is_refused_on_both_engines() {
    const BRIEF: RetentionPolicy = RetentionPolicy { edit_window: Duration::from_millis(200), ..POLICY };
    const OFF: RetentionPolicy = RetentionPolicy { edit_window: Duration::ZERO, ..POLICY };
    for engine in [Engine::Memory, Engine::Redis] {
        let fixture = Fixture::with(engine, BRIEF).await;
        let incarnation = fixture.sender().await;
        let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
        assert_eq!(fixture.backplane.change(edit(&incarnation, "e", id, "dua")).await, Ok(id));
        let mut n = 0;
        eventually(SOON, "the window closes", || {
            n += 1;
            let (backplane, late) = (Arc::clone(&fixture.backplane), edit(&incarnation, &format!("f{n}"), id, "tiga"));
            async move {
                let outcome = backplane.change(late).await;
                if outcome == Err(PublishError::TooLate) { Ok(()) } else { Err(format!("{outcome:?}")) }
            }
        })
        .await;
        assert_eq!(fixture.backplane.change(delete(&incarnation, "d", id)).await, Ok(id), "it can still be deleted");
        let fixture = Fixture::with(engine, OFF).await;
        let incarnation = fixture.sender().await;
        let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
        assert_eq!(fixture.backplane.change(edit(&incarnation, "e", id, "x")).await, Err(PublishError::TooLate));
    }
}

#[tokio::test]
async fn pace_of_messages_holds_for_changes_on_both_engines() {
    const TWO: RetentionPolicy = RetentionPolicy { messages: Rate { per_second: 0.1, burst: 2.0 }, ..POLICY };
    for engine in [Engine::Memory, Engine::Redis] {
        let fixture = Fixture::with(engine, TWO).await;
        let incarnation = fixture.sender().await;
        let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
        assert_eq!(fixture.backplane.change(edit(&incarnation, "e", id, "dua")).await, Ok(id));
        for request in [edit(&incarnation, "f", id, "tiga"), delete(&incarnation, "d", id)] {
            let refused = fixture.backplane.change(request).await;
            assert!(matches!(refused, Err(PublishError::Limited(_))), "{refused:?}");
        }
        assert_eq!(fixture.backplane.change(edit(&incarnation, "e", id, "dua")).await, Ok(id), "a repetition is free");
        fixture.backplane.moderate(ModerationAction::Slow { interval_ms: 60_000 }.into()).await.unwrap();
        let refused = fixture.backplane.change(edit(&incarnation, "f", id, "tiga")).await;
        assert!(matches!(refused, Err(PublishError::Limited(_))), "{refused:?}");
        assert_eq!(fixture.backplane.change(delete(&incarnation, "d", id)).await, Ok(id), "not delayed by slow mode");
        let refused = publish(&*fixture.backplane, &incarnation, "g").await;
        assert!(matches!(refused, Err(PublishError::Limited(_))), "and slow mode goes on: {refused:?}");
    }
}

fn request(incarnation: &IncarnationId, nonce: &str, id: Id, state: NewState) -> ChangeRequest {
    let nonce = nonce.parse().expect("a nonce");
    let checks = SharedChecks::default();
    ChangeRequest { incarnation: incarnation.clone(), person: person("sari"), nonce, id, state, checks }
}

fn edit(incarnation: &IncarnationId, nonce: &str, id: Id, text: &str) -> ChangeRequest {
    request(incarnation, nonce, id, NewState::Edited(Text::parse(text).expect("a text")))
}

fn delete(incarnation: &IncarnationId, nonce: &str, id: Id) -> ChangeRequest {
    request(incarnation, nonce, id, NewState::Deleted)
}

async fn messages(backplane: &dyn Backplane) -> Vec<Message> {
    let rows = backplane.page(Cursor::Newest, 200).await.expect("a page").rows;
    rows.iter().filter_map(Row::message).cloned().collect()
}

async fn texts(backplane: &dyn Backplane) -> Vec<String> {
    messages(backplane).await.into_iter().map(|message| message.text).collect()
}
