//! Rules that apply by themselves: their state, and what only the backplane can check.

use std::{sync::Arc, time::Duration};

use ruang::{
    automod::{
        AutoRules, AutoRulesChange, LinkRule, NewcomerRule, REPEAT_WINDOW, REPEATS, RuleKind, RuleViolation,
        SharedChecks,
    },
    backplane::{
        Backplane, ChangeRequest, Event, IncarnationId, ModerationAction, ModerationOutcome, NewState, Post,
        PublishError,
    },
    protocol::{Id, Rules, Text},
};

use super::fixture::{Fixture, person, post, publish};
use crate::kit::engines::on_both_engines;

on_both_engines! { Fixture::of =>
    auto_rules_are_published_and_in_every_snapshot,
    other_changes_of_rules_bring_no_auto_rules,
    auto_rules_are_on_record_without_their_lists,
    newcomer_has_one_pace_through_all_instances,
    newcomer_cannot_hurry_by_a_deletion,
    text_is_refused_the_fourth_time_through_any_instance,
    edit_counts_as_a_repeat_of_its_text,
}

fn change_rules(change: AutoRulesChange) -> ModerationAction {
    ModerationAction::Rules(change)
}

fn words(words: &[&str]) -> AutoRulesChange {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    AutoRulesChange { words: Some(words), ..AutoRulesChange::default() }
}

async fn auto_rules_are_published_and_in_every_snapshot(fixture: Fixture) {
    let mut subscriber = fixture.subscriber().await;
    let there = fixture.other();
    let before = there.read(None).await.unwrap().position;
    let newcomers = NewcomerRule { for_ms: 600_000, interval_ms: 30_000 };
    let change = AutoRulesChange {
        links: Some(LinkRule::AfterMs(60_000)),
        newcomers: Some(Some(newcomers)),
        repeats: Some(true),
        reserved: Some(vec!["Ibu \"Sari\" / 🙂".into()]),
        quiet: Some(true),
        ..words(&["spam", "赌博"])
    };
    assert_eq!(fixture.backplane.moderate(change_rules(change).into()).await, Ok(ModerationOutcome::Done));
    let all = AutoRules {
        words: vec!["spam".into(), "赌博".into()],
        links: LinkRule::AfterMs(60_000),
        newcomers: Some(newcomers),
        repeats: true,
        reserved: vec!["Ibu \"Sari\" / 🙂".into()],
        quiet: true,
    };
    let Event::Moderated { position, removed, rules, auto, .. } = subscriber.next_event().await else {
        panic!("expected the rules")
    };
    assert_eq!((removed, rules, position.version), (vec![], Rules::default(), before.version + 1));
    assert_eq!(auto.as_deref(), Some(&all));
    assert_eq!(there.read(None).await.unwrap().auto, all);
    let change = AutoRulesChange { links: Some(LinkRule::None), newcomers: Some(None), ..words(&[]) };
    there.moderate(change_rules(change).into()).await.unwrap();
    let fewer = AutoRules { words: vec![], links: LinkRule::None, newcomers: None, ..all };
    let Event::Moderated { auto, .. } = subscriber.next_event().await else { panic!("expected the rules") };
    assert_eq!(auto.as_deref(), Some(&fewer), "the others stay");
    assert_eq!(fixture.backplane.read(None).await.unwrap().auto, fewer);
}

async fn other_changes_of_rules_bring_no_auto_rules(fixture: Fixture) {
    fixture.backplane.moderate(change_rules(words(&["spam"])).into()).await.unwrap();
    let mut subscriber = fixture.subscriber().await;
    fixture.other().moderate(ModerationAction::Slow { interval_ms: 1000 }.into()).await.unwrap();
    let Event::Moderated { auto, .. } = subscriber.next_event().await else { panic!("expected the rules") };
    assert_eq!(auto, None);
    assert_eq!(fixture.backplane.read(None).await.unwrap().auto.words, ["spam"]);
}

async fn auto_rules_are_on_record_without_their_lists(fixture: Fixture) {
    let change = AutoRulesChange { quiet: Some(true), ..words(&["spam", "scam"]) };
    fixture.backplane.moderate(change_rules(change).into()).await.unwrap();
    let acts = fixture.other().moderation_log().await.unwrap().acts;
    let record = AutoRulesChange { quiet: Some(true), word_count: Some(2), ..AutoRulesChange::default() };
    assert_eq!(acts[0].act, change_rules(record));
}

/// A message with these checks.
fn checked(incarnation: &IncarnationId, nonce: &str, text: &str, checks: SharedChecks) -> Post {
    Post { checks, ..post(incarnation, "sari", nonce, text) }
}

fn new() -> SharedChecks {
    SharedChecks { newcomer_ms: 60_000, repeat: None }
}

fn again(id: &str) -> SharedChecks {
    SharedChecks { newcomer_ms: 0, repeat: Some(id.to_owned()) }
}

/// The wait of a refusal by this rule.
fn wait(refused: Result<Id, PublishError>, by: RuleKind) -> Duration {
    match refused {
        Err(PublishError::Refused(RuleViolation { rule, retry_after: Some(wait) })) if rule == by => wait,
        other => panic!("expected a refusal by {by:?}, not {other:?}"),
    }
}

async fn newcomer_has_one_pace_through_all_instances(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let there = fixture.other();
    let first = fixture.backplane.publish(checked(&incarnation, "a", "halo", new())).await;
    assert!(first.is_ok());
    let left = wait(there.publish(checked(&incarnation, "b", "halo", new())).await, RuleKind::Newcomer);
    assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(60), "{left:?}");
    assert_eq!(there.publish(checked(&incarnation, "a", "halo", new())).await, first, "a retry stores nothing");
    assert!(publish(&*there, &incarnation, "b").await.is_ok(), "no longer new");
    // Slow mode that is slower still is no rule of newcomers.
    fixture.backplane.moderate(ModerationAction::Slow { interval_ms: 120_000 }.into()).await.unwrap();
    // One of the two is admitted, if the message before is forgotten.
    let _ = there.publish(checked(&incarnation, "c", "halo", new())).await;
    let slow = there.publish(checked(&incarnation, "d", "halo", new())).await;
    assert!(matches!(slow, Err(PublishError::Limited(_))), "{slow:?}");
}

async fn newcomer_cannot_hurry_by_a_deletion(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let id = fixture.backplane.publish(checked(&incarnation, "a", "halo", new())).await.unwrap();
    assert_eq!(fixture.other().change(change(&incarnation, "d", id, NewState::Deleted, new())).await, Ok(id));
    wait(fixture.backplane.publish(checked(&incarnation, "b", "halo", new())).await, RuleKind::Newcomer);
}

fn change(incarnation: &IncarnationId, nonce: &str, id: Id, state: NewState, checks: SharedChecks) -> ChangeRequest {
    let (incarnation, nonce) = (incarnation.clone(), nonce.parse().expect("a nonce"));
    ChangeRequest { incarnation, person: person("sari"), nonce, id, state, checks }
}

async fn text_is_refused_the_fourth_time_through_any_instance(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let there = fixture.other();
    let through = |n: usize| -> &Arc<dyn Backplane> { if n.is_multiple_of(2) { &fixture.backplane } else { &there } };
    let mut first = None;
    for n in 0..REPEATS {
        let stored = through(n).publish(checked(&incarnation, &format!("n{n}"), "beli", again("x"))).await;
        assert!(stored.is_ok());
        first.get_or_insert(stored);
    }
    for n in 0..2 {
        let left = wait(through(n).publish(checked(&incarnation, "more", "beli", again("x"))).await, RuleKind::Repeat);
        assert!(left > REPEAT_WINDOW - Duration::from_secs(20) && left <= REPEAT_WINDOW, "{left:?}");
    }
    let retry = there.publish(checked(&incarnation, "n0", "beli", again("x"))).await;
    assert_eq!(Some(retry), first, "a retry of what is stored");
    assert!(there.publish(checked(&incarnation, "other", "beli", again("y"))).await.is_ok());
    assert!(there.publish(checked(&incarnation, "free", "beli", SharedChecks::default())).await.is_ok());
}

async fn edit_counts_as_a_repeat_of_its_text(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let id = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let edited = || NewState::Edited(Text::parse("beli").expect("a text"));
    for n in 0..REPEATS {
        let request = change(&incarnation, &format!("e{n}"), id, edited(), again("x"));
        assert_eq!(fixture.other().change(request).await, Ok(id));
    }
    wait(fixture.backplane.change(change(&incarnation, "more", id, edited(), again("x"))).await, RuleKind::Repeat);
    let deletion = change(&incarnation, "d", id, NewState::Deleted, SharedChecks::default());
    assert_eq!(fixture.backplane.change(deletion).await, Ok(id));
}
