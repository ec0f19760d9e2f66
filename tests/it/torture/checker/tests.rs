//! Hand-made histories: each kind of violation is found, and a clean history passes.

use std::time::Duration;

use crate::{
    kit::transcript::ChatMessage,
    torture::record::{
        EndReason, Event, History, InjectedFault, InstanceExit, Moment, Record, Return, RosterCheck, RosterComparison,
    },
};

use super::{ViolationKind, check};

#[test]
fn clean_history_passes() {
    let adi = [welcome(0, true, 0, &["adi", "budi"]), message(1, 1), acked(2, 1), message(3, 2), over(100)];
    let budi = [welcome(0, true, 0, &["adi", "budi"]), message(1, 1), message(3, 2), over(100)];
    check_finds(&record(2, &[("adi", &adi), ("budi", &budi)]), &[]);
}

#[test]
fn recovered_rejoin_passes() {
    let adi = [
        &[welcome(0, true, 0, &["adi"]), message(1, 1), cut(2)][..],
        &[connected(3), (Moment::from_secs(3), bringing(true, 2..=4, &["adi"])), over(100)],
    ];
    check_finds(&record(4, &[("adi", &adi.concat())]), &[]);
}

#[test]
fn acked_message_missing_from_the_log_is_lost() {
    check_finds(
        &record(1, &[("adi", &[welcome(0, true, 0, &["adi"]), message(1, 1), acked(2, 2), over(9)])]),
        &[ViolationKind::Lost],
    );
}

#[test]
fn shown_message_missing_from_the_log_is_lost() {
    check_finds(
        &record(0, &[("adi", &[welcome(0, true, 0, &["adi"]), message(1, 1), over(9)])]),
        &[ViolationKind::Lost],
    );
}

#[test]
fn nonce_with_two_ids_in_the_log_is_doubled() {
    let mut record = record(2, &[]);
    record.log[1].nonce = record.log[0].nonce.clone();
    check_finds(&record, &[ViolationKind::Doubled]);
}

#[test]
fn ack_with_another_id_is_doubled() {
    let other = (Moment::from_secs(2), Event::Ack("n1".to_owned(), id(2)));
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), message(1, 2), other, over(9)];
    check_finds(&record(2, &[("adi", &adi)]), &[ViolationKind::Doubled]);
}

#[test]
fn message_shown_twice_is_doubled() {
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), message(1, 2), message(2, 1), over(9)];
    check_finds(&record(2, &[("adi", &adi)]), &[ViolationKind::Doubled]);
}

#[test]
fn message_shown_late_is_a_gap_and_out_of_order() {
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), message(2, 3), message(3, 2), over(9)];
    check_finds(&record(3, &[("adi", &adi)]), &[ViolationKind::SilentGap, ViolationKind::OutOfOrder]);
}

#[test]
fn skipped_message_is_a_silent_gap() {
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), message(2, 3), over(9)];
    check_finds(&record(3, &[("adi", &adi)]), &[ViolationKind::SilentGap]);
}

#[test]
fn incomplete_recovery_is_a_silent_gap() {
    let back = (Moment::from_secs(3), bringing(true, 3..=3, &["adi"]));
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), cut(2), connected(2), back, over(9)];
    check_finds(&record(3, &[("adi", &adi)]), &[ViolationKind::SilentGap]);
}

#[test]
fn message_missing_at_the_end_is_a_silent_gap() {
    check_finds(
        &record(2, &[("adi", &[welcome(0, true, 0, &["adi"]), message(1, 1), over(9)])]),
        &[ViolationKind::SilentGap],
    );
}

#[test]
fn changes_shown_to_the_end_pass() {
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), message(1, 2), change(2, "e1", 1, Some("baru"))];
    let later = [change_acked(2, "e1", 1), edited(2, 1, "baru", 7), change(3, "d1", 2, None), removed(3, 2)];
    let again =
        [cut(4), connected(5), (Moment::from_secs(5), bringing(true, 3..=3, &["adi"])), edited(5, 1, "baru", 7)];
    let events = [&adi[..], &later, &again, &[change_acked(6, "d1", 2), over(9)]].concat();
    let mut record = record(3, &[("adi", &events)]);
    set_state(&mut record, 1, Some(("baru", 7)));
    set_state(&mut record, 2, None);
    check_finds(&record, &[]);
}

#[test]
fn change_missing_from_the_log_is_lost() {
    let adi = |how| [welcome(0, true, 0, &["adi"]), message(1, 1), change(2, "e1", 1, how), change_acked(2, "e1", 1)];
    check_finds(&record(1, &[("adi", &adi(Some("baru")))]), &[ViolationKind::Lost]);
    check_finds(&record(1, &[("adi", &adi(None))]), &[ViolationKind::Lost]);
    let unacked = [welcome(0, true, 0, &["adi"]), message(1, 1), change(2, "e1", 1, Some("baru")), over(9)];
    check_finds(&record(1, &[("adi", &unacked)]), &[]);
}

#[test]
fn older_change_in_the_log_than_the_acked_one_is_lost() {
    let first =
        [welcome(0, true, 0, &["adi"]), message(1, 1), change(2, "e1", 1, Some("baru")), change_acked(2, "e1", 1)];
    let second = [change(3, "e2", 1, Some("lebih baru")), change_acked(3, "e2", 1)];
    let mut record = record(1, &[("adi", &[&first[..], &second].concat())]);
    set_state(&mut record, 1, Some(("baru", 7)));
    check_finds(&record, &[ViolationKind::Lost]);
}

#[test]
fn change_not_shown_at_the_end_is_stale() {
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), message(1, 2), over(9)];
    for state in [Some(("baru", 7)), None] {
        let mut record = record(2, &[("adi", &adi)]);
        set_state(&mut record, 1, state);
        check_finds(&record, &[ViolationKind::Stale]);
    }
}

#[test]
fn old_text_shown_after_its_change_is_undone() {
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), edited(2, 1, "dua", 7), edited(3, 1, "tiga", 8)];
    let late = [edited(4, 1, "dua", 7), edited(5, 1, "tiga", 8), over(9)];
    let mut edits = record(1, &[("adi", &[&adi[..], &late].concat())]);
    set_state(&mut edits, 1, Some(("tiga", 8)));
    check_finds(&edits, &[ViolationKind::Undone]);
    let back = (Moment::from_secs(4), bringing(false, 1..=1, &["adi"]));
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), removed(2, 1), cut(3), connected(3), back, removed(5, 1)];
    let mut deletion = record(1, &[("adi", &[&adi[..], &[over(9)]].concat())]);
    set_state(&mut deletion, 1, None);
    check_finds(&deletion, &[ViolationKind::NeedlessGap, ViolationKind::Undone]);
}

#[test]
fn announced_gap_without_a_loss_is_needless() {
    let back = (Moment::from_secs(3), bringing(false, 3..=3, &["adi"]));
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), cut(2), connected(2), back, over(9)];
    check_finds(&record(3, &[("adi", &adi)]), &[ViolationKind::NeedlessGap]);
}

#[test]
fn announced_gap_beyond_the_welcome_limit_passes() {
    let back = (Moment::from_secs(3), bringing(false, 560..=600, &["adi"]));
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), cut(2), connected(2), back, over(9)];
    check_finds(&record(600, &[("adi", &adi)]), &[]);
}

#[test]
fn announced_gap_beyond_the_welcome_bytes_passes() {
    let back = (Moment::from_secs(3), bringing(false, 20..=20, &["adi"]));
    let adi = [welcome(0, true, 0, &["adi"]), message(1, 1), cut(2), connected(2), back, over(9)];
    let mut record = record(20, &[("adi", &adi)]);
    for message in &mut record.log[1..19] {
        message.text = "\u{1f642}".repeat(2000);
    }
    check_finds(&record, &[]);
}

#[test]
fn repeated_join_or_leave_is_out_of_turn() {
    let twice = [welcome(0, true, 0, &["adi"]), came(1, "budi", 2), came(2, "budi", 2), over(100)];
    let budi = [welcome(1, true, 0, &["adi", "budi"]), over(100)];
    check_finds(&record(0, &[("adi", &twice), ("budi", &budi)]), &[ViolationKind::OutOfTurn]);
    let again = [welcome(0, true, 0, &["adi", "budi"]), went(9, "budi", 1), went(10, "budi", 1), over(100)];
    let gone = [welcome(0, true, 0, &["adi", "budi"]), cut(5)];
    check_finds(&record(0, &[("adi", &again), ("budi", &gone)]), &[ViolationKind::OutOfTurn]);
}

#[test]
fn leave_of_a_connected_person_is_a_false_notice() {
    let adi = [welcome(0, true, 0, &["adi", "budi"]), went(50, "budi", 1), over(100)];
    let budi = [welcome(0, true, 0, &["adi", "budi"]), over(100)];
    check_finds(&record(0, &[("adi", &adi), ("budi", &budi)]), &[ViolationKind::FalseNotice]);
}

#[test]
fn leave_within_the_grace_is_a_false_notice() {
    let adi = [welcome(0, true, 0, &["adi", "budi"]), went(51, "budi", 1), came(52, "budi", 2), over(100)];
    let back = welcome(52, true, 0, &["adi", "budi"]);
    let budi = [welcome(0, true, 0, &["adi", "budi"]), cut(50), connected(51), back, over(100)];
    check_finds(&record(0, &[("adi", &adi), ("budi", &budi)]), &[ViolationKind::FalseNotice]);
}

#[test]
fn leave_after_drain_and_failed_rejoin_needs_a_grace() {
    let drained = (Moment::from_secs(10), Event::Ended(EndReason::Drained));
    let budi = [welcome(0, true, 0, &["adi", "budi"]), drained, connected(11), cut(12)];
    let adi = |told| [welcome(0, true, 0, &["adi", "budi"]), went(told, "budi", 1), over(100)];
    check_finds(&record(0, &[("adi", &adi(16)), ("budi", &budi)]), &[]);
    check_finds(&record(0, &[("adi", &adi(13)), ("budi", &budi)]), &[ViolationKind::FalseNotice]);
}

#[test]
fn person_shown_while_rejoining_is_no_ghost() {
    let away = [went(54, "budi", 1), came(60, "budi", 2), over(61)];
    let adi = [&[welcome(0, true, 0, &["adi", "budi"])][..], &away].concat();
    let back = welcome(62, true, 0, &["adi", "budi"]);
    let budi = [welcome(0, true, 0, &["adi", "budi"]), cut(50), connected(60), back, over(100)];
    check_finds(&record(0, &[("adi", &adi), ("budi", &budi)]), &[]);
}

#[test]
fn rosters_that_differ_for_long_are_wrong() {
    let mut record = record(0, &[]);
    let comparisons = |took| RosterComparison { at: Moment::from_secs(50), took };
    record.comparisons =
        vec![comparisons(Some(Duration::from_secs(1))), comparisons(Some(Duration::from_secs(5))), comparisons(None)];
    check_finds(&record, &[ViolationKind::Roster, ViolationKind::Roster]);
}

#[test]
fn leave_after_the_grace_passes() {
    let adi = [welcome(0, true, 0, &["adi", "budi"]), went(53, "budi", 1), over(100)];
    check_finds(&record(0, &[("adi", &adi), ("budi", &[welcome(0, true, 0, &["adi", "budi"]), cut(50)])]), &[]);
}

#[test]
fn person_shown_long_after_a_kill_is_a_ghost() {
    let lost = (Moment::from_secs(50), Event::Ended(EndReason::Closed(None)));
    let budi = [welcome(0, true, 0, &["adi", "budi"]), lost];
    let watching = |until| [welcome(0, true, 0, &["adi", "budi"]), went(until, "budi", 1), over(100)];
    for (until, expected) in [(53, &[][..]), (60, &[ViolationKind::Ghost])] {
        let mut record = record(0, &[("adi", &watching(until)), ("budi", &budi)]);
        record.histories[0].events[0].1 = Event::Connected("another".to_owned());
        record.exits.push(exit_at(50, None));
        check_finds(&record, expected);
    }
}

#[test]
fn instance_that_returns_has_its_people_again() {
    let adi = [welcome(0, true, 0, &["adi", "budi"]), went(53, "budi", 1), came(60, "budi", 2), went(97, "budi", 1)];
    let adi = [&adi[..], &[over(100)]].concat();
    let budi = [welcome(0, true, 0, &["adi", "budi"]), cut(94)];
    let found = |returned| {
        let mut record = record(0, &[("adi", &adi), ("budi", &budi)]);
        record.histories[0].events[0].1 = Event::Connected("another".to_owned());
        record.exits.push(exit_at(50, returned));
        check(&record).into_iter().map(|violation| violation.kind).collect::<Vec<_>>()
    };
    let by = |from, by| Some(Return { from: Moment::from_secs(from), by: Moment::from_secs(by) });
    assert_eq!(found(by(59, 61)), []);
    assert_eq!(found(by(70, 75)), [ViolationKind::Ghost], "it is shown before");
    assert_eq!(found(None), [ViolationKind::Ghost]);
}

fn exit_at(at: u64, returned: Option<Return>) -> InstanceExit {
    InstanceExit { base: "an instance".to_owned(), at: Moment::from_secs(at), announced: false, returned }
}

#[test]
fn person_shown_after_a_confirmed_sign_out_is_a_ghost() {
    let adi = [welcome(0, true, 0, &["adi", "budi"]), went(20, "budi", 1), over(100)];
    let out = |at| (Moment::from_secs(at), Event::SignedOutConfirmed);
    let asking = (Moment::from_secs(10), Event::SignOutRequested);
    let budi = |told| [welcome(0, true, 0, &["adi", "budi"]), asking.clone(), out(told), cut(told)];
    check_finds(&record(0, &[("adi", &adi), ("budi", &budi(11))]), &[ViolationKind::Ghost]);
    check_finds(&record(0, &[("adi", &adi), ("budi", &budi(19))]), &[]);
}

#[test]
fn leave_during_an_outage_may_be_late() {
    let adi = [welcome(0, true, 0, &["adi", "budi"]), went(60, "budi", 1), over(100)];
    let mut record = record(0, &[("adi", &adi), ("budi", &[welcome(0, true, 0, &["adi", "budi"]), cut(50)])]);
    let (from, to) = (Moment::from_secs(51), Moment::from_secs(57));
    record.faults.push(InjectedFault {
        kind: "frozen",
        what: String::new(),
        from,
        to,
        recovers_from: None,
        interrupts_redis: true,
    });
    check_finds(&record, &[]);
}

#[test]
fn wrong_count_or_incomplete_welcome_is_a_wrong_roster() {
    let adi = [welcome(0, true, 0, &["adi"]), came(1, "budi", 7), over(100)];
    check_finds(
        &record(0, &[("adi", &adi), ("budi", &[welcome(1, true, 0, &["adi", "budi"]), over(100)])]),
        &[ViolationKind::Roster],
    );
    let late = [welcome(50, true, 0, &["citra"]), over(100)];
    check_finds(
        &record(0, &[("budi", &[welcome(0, true, 0, &["budi"]), over(100)]), ("citra", &late)]),
        &[ViolationKind::Roster],
    );
}

#[test]
fn rosters_that_stay_untrue_are_wrong() {
    let mut record = record(0, &[]);
    let look = |took: Option<u64>| RosterCheck {
        at: Moment::from_secs(9),
        took: took.map(Duration::from_secs),
        truth: ["adi".to_owned()].into(),
        rosters: Vec::new(),
    };
    record.checks = vec![look(Some(1)), look(Some(5)), look(None)];
    check_finds(&record, &[ViolationKind::Roster, ViolationKind::Roster]);
}

#[test]
fn unexpected_401_is_a_wrong_refusal() {
    let adi = [welcome(0, true, 0, &["adi"]), (Moment::from_secs(5), Event::UpgradeRefusal(401)), over(9)];
    check_finds(&record(0, &[("adi", &adi)]), &[ViolationKind::Refusal]);
}

/// Fails unless exactly these are found, in this order.
#[track_caller]
fn check_finds(record: &Record, expected: &[ViolationKind]) {
    let found = check(record);
    let kinds: Vec<_> = found.iter().map(|violation| violation.kind).collect();
    assert_eq!(kinds, expected, "{found:#?}");
}

/// Builds a log with this many messages of adi and one tab per person, each connected at first.
fn record(log: usize, participants: &[(&str, &[(Moment, Event)])]) -> Record {
    let histories = participants.iter().map(|(person, events)| History {
        person: (*person).to_owned(),
        tab: 0,
        events: [&[connected(0)], *events].concat(),
    });
    let (lease, grace) = (Duration::from_secs(3), Duration::from_secs(3));
    Record { log: (1..=log).map(logged).collect(), histories: histories.collect(), lease, grace, ..Record::default() }
}

fn id(n: usize) -> String {
    format!("1-{n}")
}

fn logged(n: usize) -> ChatMessage {
    ChatMessage {
        id: id(n),
        nonce: format!("n{n}"),
        from: "adi".to_owned(),
        text: "halo".to_owned(),
        at: 0,
        reply_to: None,
        edited_at: None,
    }
}

fn bringing(recovered: bool, log: std::ops::RangeInclusive<usize>, members: &[&str]) -> Event {
    let members = members.iter().map(|name| (*name).to_owned()).collect();
    Event::Welcome { recovered, messages: log.map(logged).collect(), members }
}

/// Builds a welcome with the first messages of the log.
fn welcome(at: u64, recovered: bool, log: usize, members: &[&str]) -> (Moment, Event) {
    (Moment::from_secs(at), bringing(recovered, 1..=log, members))
}

fn connected(at: u64) -> (Moment, Event) {
    (Moment::from_secs(at), Event::Connected("an instance".to_owned()))
}

fn message(at: u64, n: usize) -> (Moment, Event) {
    (Moment::from_secs(at), Event::Message(logged(n)))
}

fn acked(at: u64, n: usize) -> (Moment, Event) {
    (Moment::from_secs(at), Event::Ack(format!("n{n}"), id(n)))
}

fn came(at: u64, name: &str, count: u64) -> (Moment, Event) {
    (Moment::from_secs(at), Event::Presence { joined: vec![name.to_owned()], left: Vec::new(), count })
}

fn went(at: u64, name: &str, count: u64) -> (Moment, Event) {
    (Moment::from_secs(at), Event::Presence { joined: Vec::new(), left: vec![name.to_owned()], count })
}

fn change(at: u64, nonce: &str, n: usize, text: Option<&str>) -> (Moment, Event) {
    (Moment::from_secs(at), Event::SentChange(nonce.to_owned(), id(n), text.map(str::to_owned)))
}

fn change_acked(at: u64, nonce: &str, n: usize) -> (Moment, Event) {
    (Moment::from_secs(at), Event::Ack(nonce.to_owned(), id(n)))
}

fn edited(at: u64, n: usize, text: &str, edited_at: u64) -> (Moment, Event) {
    (Moment::from_secs(at), Event::Edited(id(n), text.to_owned(), edited_at))
}

fn removed(at: u64, n: usize) -> (Moment, Event) {
    (Moment::from_secs(at), Event::Removed(id(n)))
}

/// Sets the state of a message in the log: its text and time of the edit, or its deletion.
fn set_state(record: &mut Record, n: usize, state: Option<(&str, u64)>) {
    let message = &mut record.log[n - 1];
    match state {
        Some((text, edited_at)) => (message.text, message.edited_at) = (text.to_owned(), Some(edited_at)),
        None => (message.text, message.nonce) = (String::new(), String::new()),
    }
}

fn cut(at: u64) -> (Moment, Event) {
    (Moment::from_secs(at), Event::Ended(EndReason::Cut))
}

fn over(at: u64) -> (Moment, Event) {
    (Moment::from_secs(at), Event::Ended(EndReason::RunOver))
}
