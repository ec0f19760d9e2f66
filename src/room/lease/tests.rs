mod case;
mod property;

use std::time::Duration;

use self::case::{Accepted, AcceptedIn, Case, Gone, Input, Lost, Read, Reaped, Tick, TickChanged};
use super::{ReadOutcome, Signal};
use crate::backplane::{Lease as PeerLease, Stage};

const LEASE: Duration = Duration::from_secs(5);
const EPOCH: u64 = 7;

#[test]
fn heartbeat_is_sent_each_interval_and_on_changes() {
    Case::synced().run(&[
        (200, Tick, &[]),
        (300, TickChanged, &["heartbeat 3"]),
        (400, TickChanged, &[]),
        (500, Input::Signal(Signal::Changed), &[]),
        (600, Accepted, &["confirm"]),
        (600, Input::Signal(Signal::Changed), &["heartbeat 4"]),
        (700, Accepted, &["confirm"]),
        (1500, Tick, &[]),
        (1600, Tick, &["heartbeat 5"]),
    ]);
}

#[test]
fn heartbeat_declared_dead_starts_a_new_incarnation() {
    let mut case = Case::synced();
    let before = case.lease.incarnation.clone();
    case.run(&[(1100, Tick, &["heartbeat 3"]), (1200, Gone(EPOCH), &["start over"]), (1300, Tick, &["heartbeat 1"])]);
    assert_eq!(
        case.lease.status(case.at(1300)).incarnation,
        before,
        "publishes under it until the new one is accepted"
    );
    case.run(&[(1400, Accepted, &["confirm"])]);
    assert_ne!(case.lease.status(case.at(1400)).incarnation, before);
}

#[test]
fn heartbeat_in_another_epoch_announces_people_at_once() {
    for epoch in [EPOCH + 1, EPOCH - 1] {
        let mut case = Case::synced();
        case.run(&[
            (1100, Tick, &["heartbeat 3"]),
            (1200, Gone(epoch), &["reannounce", "heartbeat 1"]),
            (1400, AcceptedIn(epoch), &["confirm"]),
            (1500, Tick, &[]),
        ]);
    }
}

#[test]
fn announcement_lost_is_repeated_under_the_same_incarnation() {
    Case::synced().run(&[
        (1100, Tick, &["heartbeat 3"]),
        (1200, Gone(EPOCH + 1), &["reannounce", "heartbeat 1"]),
        (3200, Lost, &[]),
        (3200, Tick, &["heartbeat 2", "outage"]),
        (3300, AcceptedIn(EPOCH + 1), &["confirm"]),
    ]);
}

#[test]
fn stall_of_a_lease_starts_over_exactly_once() {
    Case::synced().run(&[
        (1100, Tick, &["heartbeat 3"]),
        (1200, Accepted, &["confirm"]),
        (1300, Input::Signal(Signal::Echo), &[]),
        (6100, Tick, &["start over", "heartbeat 1", "outage"]),
        (6200, Tick, &[]),
        (6300, Accepted, &["confirm"]),
        // Its event may be a little later, and is no reason to subscribe again.
        (6400, Tick, &["recovery"]),
        (6500, Input::Signal(Signal::Echo), &[]),
        (7000, Tick, &[]),
    ]);
}

#[test]
fn reply_to_a_former_incarnation_means_nothing() {
    Case::synced().run(&[
        (1100, Tick, &["heartbeat 3"]),
        // Still in flight: no second one is sent.
        (6200, Tick, &["start over", "outage"]),
        (6300, Gone(EPOCH), &[]),
        (6400, Tick, &["heartbeat 1"]),
    ]);
}

#[test]
fn heartbeats_not_received_as_events_resubscribe() {
    let mut case = Case::synced();
    for second in 1..=2 {
        assert_eq!(case.second(second * 1000 + 100, false), Vec::<String>::new());
    }
    assert_eq!(case.second(3100, false), ["resubscribe"]);
    assert!(!case.lease.status(case.at(3100)).ready && !case.lease.is_subscribed());
    case.run(&[
        (3200, Input::Signal(Signal::Subscribed), &["read"]),
        (3300, Read(ReadOutcome::Complete), &["heartbeat 6"]),
    ]);
    assert!(!case.lease.status(case.at(3300)).ready, "a subscription must first receive a heartbeat");
    case.run(&[(3500, Accepted, &["confirm"]), (3600, Input::Signal(Signal::Echo), &[])]);
    assert!(case.lease.status(case.at(3600)).ready);
}

#[test]
fn reads_in_place_of_events_do_not_hide_a_deaf_link() {
    let mut case = Case::synced();
    let mut resubscribed = false;
    for half in 2..=8 {
        let ms = half * 500 + 100;
        resubscribed |= case.second(ms, false).contains(&"resubscribe".to_owned());
        if !resubscribed {
            case.run(&[
                (ms + 30, Input::Signal(Signal::Missing), &["read"]),
                (ms + 40, Read(ReadOutcome::Complete), &[]),
            ]);
        }
    }
    assert!(resubscribed);
}

#[test]
fn while_heartbeats_fail_the_subscription_stays() {
    let mut case = Case::synced();
    case.run(&[(1100, Tick, &["heartbeat 3"]), (3100, Lost, &[])]);
    case.run(&[(3200, Tick, &["heartbeat 4", "outage"]), (3300, Tick, &[]), (4100, Tick, &[])]);
    assert!(!case.lease.status(case.at(4100)).link_up);
    case.run(&[(4150, Accepted, &["confirm"]), (4160, Input::Signal(Signal::Echo), &[]), (4190, Tick, &["recovery"])]);
}

#[test]
fn subscription_that_is_not_confirmed_is_tried_again() {
    let mut case = Case::new();
    let mut seen = vec![];
    for second in 0..=6 {
        seen.extend(case.second(second * 1000, false));
    }
    assert_eq!(seen, ["resubscribe"]);
}

#[test]
fn failed_reads_are_repeated_with_growing_pauses() {
    Case::synced().run(&[
        (200, Input::Signal(Signal::Missing), &["read"]),
        (210, Input::Signal(Signal::Missing), &[]),
        (300, Read(ReadOutcome::Failed), &[]),
        (350, Tick, &[]),
        (400, Tick, &["read"]),
        (500, Read(ReadOutcome::Failed), &[]),
        (600, Tick, &[]),
        (700, Tick, &["read"]),
        (800, Read(ReadOutcome::Complete), &[]),
        (900, Tick, &[]),
    ]);
}

#[test]
fn failed_reads_of_instances_are_repeated_at_other_times() {
    let mut case = Case::synced();
    case.lease.spread = 0.5;
    case.run(&[
        (200, Input::Signal(Signal::Missing), &["read"]),
        (300, Read(ReadOutcome::Failed), &[]),
        (449, Tick, &[]),
        (450, Tick, &["read"]),
    ]);
}

#[test]
fn partial_read_is_continued_at_once() {
    let mut case = Case::synced();
    case.run(&[
        (200, Input::Signal(Signal::Missing), &["read"]),
        (300, Read(ReadOutcome::Partial), &["read"]),
        (400, Read(ReadOutcome::Partial), &["read"]),
    ]);
    assert!(!case.lease.is_synced());
    case.run(&[(500, Read(ReadOutcome::Complete), &[]), (600, Tick, &[])]);
    assert!(case.lease.is_synced());
}

#[test]
fn first_reply_may_take_three_seconds_before_it_is_logged() {
    Case::new().run(&[
        (0, Tick, &["heartbeat 1"]),
        (2000, Lost, &[]),
        (2100, Tick, &["heartbeat 2"]),
        (2900, Tick, &[]),
        (3000, Tick, &["outage"]),
        (4100, Lost, &[]),
        (4200, Tick, &["heartbeat 3"]),
        (4300, Accepted, &["confirm"]),
        (4400, Tick, &["recovery"]),
        (4500, Tick, &[]),
    ]);
}

#[test]
fn dead_peers_are_reaped_one_at_a_time() {
    let mut case = Case::synced();
    let dead = |incarnation: &str| PeerLease { incarnation: incarnation.into(), heartbeat_seq: 9, stage: Stage::Dead };
    case.peers = vec![dead("one"), dead("two")];
    case.run(&[
        (1100, Tick, &["heartbeat 3"]),
        (1110, Accepted, &["reap", "confirm"]),
        (2100, Tick, &["heartbeat 4"]),
        (2110, Accepted, &["confirm"]),
        (2120, Reaped, &["reap"]),
        (2130, Reaped, &[]),
    ]);
}

#[test]
fn peer_is_observed_again_when_its_lease_ends() {
    let mut case = Case::synced();
    case.peers = vec![PeerLease { incarnation: "silent".into(), heartbeat_seq: 9, stage: Stage::Live }];
    case.run(&[(1100, Tick, &["heartbeat 3"]), (1150, Accepted, &["confirm"])]);
    for second in 2..=5 {
        assert_eq!(case.second(second * 1000 + 100, true), Vec::<String>::new());
    }
    case.run(&[
        (5140, Tick, &[]),
        (5150, Tick, &["heartbeat 8"]),
        (5160, Accepted, &["reap", "confirm"]),
        (5200, Tick, &[]),
        (6150, Tick, &["heartbeat 9"]),
    ]);
}

#[test]
fn drain_says_farewell_once_and_hands_over() {
    Case::synced().run(&[
        (200, TickChanged, &["heartbeat 3"]),
        (210, Input::Signal(Signal::Drain), &[]),
        (220, Accepted, &["confirm", "farewell"]),
        (230, TickChanged, &[]),
        (240, Lost, &["hand over"]),
        (2000, TickChanged, &[]),
        (2000, Input::Signal(Signal::Changed), &[]),
    ]);
}
