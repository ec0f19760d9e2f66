use proptest::prelude::*;
use rand::SeedableRng;

use super::*;
use crate::{
    backplane::{Lease as PeerLease, Position, ReapOutcome, Stage},
    protocol::Id,
};

const LEASE: Duration = Duration::from_secs(5);
const EPOCH: u64 = 7;

/// What happens to the lease in a test.
#[derive(Clone, Copy, Debug)]
enum Input {
    Tick,
    /// A tick while local members have changes.
    TickChanged,
    Signal(Signal),
    Accepted,
    /// Accepted in another epoch.
    AcceptedIn(u64),
    Gone(u64),
    Unavailable,
    Read(ReadOutcome),
    Reaped,
}
use Input::{Accepted, AcceptedIn, Gone, Read, Reaped, Tick, TickChanged, Unavailable as Lost};

/// A lease, and the world around it.
struct Case {
    lease: Lease,
    start: Instant,
    /// The incarnation of the heartbeat in flight.
    in_flight: Option<IncarnationId>,
    peers: Vec<PeerLease>,
    /// The incarnation of the reap in flight.
    reaping: Option<IncarnationId>,
}

impl Case {
    fn new() -> Self {
        let start = Instant::now();
        let lease = Lease::new(LEASE, IncarnationId::random(), StdRng::seed_from_u64(1), start, Duration::ZERO);
        Self { lease, start, in_flight: None, peers: vec![], reaping: None }
    }

    /// A lease whose heartbeat was accepted and echoed, and that has read the room; at 100 ms.
    fn synced() -> Self {
        let mut case = Self::new();
        case.run(&[
            (0, Input::Signal(Signal::Subscribed), &["read"]),
            (10, Tick, &["heartbeat 1"]),
            (20, Accepted, &["confirm"]),
            (30, Read(ReadOutcome::Complete), &[]),
            (40, Input::Signal(Signal::Echo), &[]),
            (100, TickChanged, &["heartbeat 2"]),
            (100, Accepted, &["confirm"]),
        ]);
        assert!(case.lease.status(case.at(100)).ready);
        case
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn apply(&mut self, ms: u64, input: Input) -> Vec<Action> {
        let (now, since_boot) = (self.at(ms), Duration::from_millis(ms));
        let reply = |epoch| HeartbeatReply {
            position: Position { epoch, head: Id::new(epoch, 1), version: 1 },
            leases: self.peers.clone(),
            refused: vec![],
        };
        let result = match input {
            Tick => return self.note(|lease| lease.on_tick(now, since_boot, false)),
            TickChanged => return self.note(|lease| lease.on_tick(now, since_boot, true)),
            Input::Signal(signal) => return self.note(|lease| lease.on_signal(now, signal)),
            Read(outcome) => return self.note(|lease| lease.on_reply(now, Reply::Read(outcome))),
            Reaped => {
                let incarnation = self.reaping.take().expect("a reap is in flight");
                return self.note(|lease| lease.on_reply(now, Reply::Reap(incarnation, Ok(ReapOutcome::Done))));
            }
            Accepted => Ok(reply(EPOCH)),
            AcceptedIn(epoch) => Ok(reply(epoch)),
            Gone(epoch) => Err(HeartbeatError::Gone { epoch }),
            Lost => Err(HeartbeatError::Unavailable(Unavailable)),
        };
        let incarnation = self.in_flight.take().expect("a heartbeat is in flight");
        self.note(|lease| lease.on_reply(now, Reply::Heartbeat(incarnation, result)))
    }

    fn note(&mut self, act: impl FnOnce(&mut Lease) -> Vec<Action>) -> Vec<Action> {
        let actions = act(&mut self.lease);
        for action in &actions {
            match action {
                Action::Heartbeat { incarnation, .. } => {
                    assert_eq!(self.in_flight.replace(incarnation.clone()), None, "two heartbeats in flight");
                }
                Action::Reap { incarnation, .. } => {
                    assert_eq!(self.reaping.replace(incarnation.clone()), None, "two reaps in flight");
                }
                _ => {}
            }
        }
        actions
    }

    #[track_caller]
    fn run(&mut self, steps: &[(u64, Input, &[&str])]) {
        for (ms, input, expected) in steps {
            let actions: Vec<String> = self.apply(*ms, *input).iter().map(name).collect();
            assert_eq!(actions, *expected, "{input:?} at {ms} ms");
        }
    }

    /// One second of a healthy link: heartbeat, reply and, if the subscription works, its event.
    fn second(&mut self, ms: u64, is_echoed: bool) -> Vec<String> {
        let mut actions = self.apply(ms, Tick);
        if self.in_flight.is_some() {
            actions.extend(self.apply(ms + 10, Accepted));
        }
        if is_echoed {
            actions.extend(self.apply(ms + 20, Input::Signal(Signal::Echo)));
        }
        actions.iter().map(name).filter(|name| !name.starts_with("heartbeat") && name != "confirm").collect()
    }
}

fn name(action: &Action) -> String {
    match action {
        Action::Heartbeat { heartbeat_seq, draining: false, .. } => format!("heartbeat {heartbeat_seq}"),
        Action::Heartbeat { .. } => "farewell".to_owned(),
        Action::Confirm { .. } => "confirm".to_owned(),
        Action::Reap { .. } => "reap".to_owned(),
        Action::Read => "read".to_owned(),
        Action::Resubscribe => "resubscribe".to_owned(),
        Action::Reannounce => "reannounce".to_owned(),
        Action::StartOver(_) => "start over".to_owned(),
        Action::HandOver => "hand over".to_owned(),
        Action::LogOutage => "outage".to_owned(),
        Action::LogRecovery(_) => "recovery".to_owned(),
    }
}

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
fn heartbeat_in_another_epoch_announces_people_again() {
    for reply in [AcceptedIn(EPOCH + 1), AcceptedIn(EPOCH - 1), Gone(EPOCH + 1)] {
        let mut case = Case::synced();
        case.run(&[
            (1100, Tick, &["heartbeat 3"]),
            (1200, reply, &["reannounce"]),
            (1300, Tick, &["heartbeat 1"]),
            (1400, AcceptedIn(EPOCH + 1), &["confirm"]),
            (1500, Tick, &[]),
        ]);
    }
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

fn inputs() -> impl Strategy<Value = Input> {
    let signal = prop::sample::select(vec![
        Signal::Subscribed,
        Signal::Unsubscribed,
        Signal::Echo,
        Signal::Missing,
        Signal::Changed,
        Signal::Drain,
    ]);
    let read = prop::sample::select(vec![ReadOutcome::Complete, ReadOutcome::Partial, ReadOutcome::Failed]);
    prop_oneof![
        4 => Just(Tick),
        2 => Just(TickChanged),
        2 => signal.prop_map(Input::Signal),
        4 => Just(Accepted),
        1 => (EPOCH - 1..EPOCH + 2).prop_map(AcceptedIn),
        1 => (EPOCH - 1..EPOCH + 2).prop_map(Gone),
        1 => Just(Lost),
        3 => read.prop_map(Read),
        1 => Just(Reaped),
    ]
}

proptest! {
    /// Whatever happens: one call of each kind is in flight at most; counters grow by one from 1 in each incarnation; the
    /// farewell and the handover come once, and nothing after them; an incarnation that was lost is never used again.
    #[test]
    fn actions_keep_their_promises(steps in prop::collection::vec((0..6000_u64, inputs()), 1..200)) {
        let mut case = Case::new();
        case.peers = vec![PeerLease { incarnation: "dead".into(), heartbeat_seq: 9, stage: Stage::Dead }];
        let (mut ms, mut last) = (0, (case.lease.incarnation.clone(), 0));
        let (mut reading, mut farewells, mut drained) = (false, 0, false);
        let mut lost: Vec<IncarnationId> = vec![];
        for (pause, input) in steps {
            // Most steps follow at once, some after a stall.
            ms += if pause < 5000 { pause % 200 } else { pause };
            match input {
                Accepted | AcceptedIn(_) | Gone(_) | Lost if case.in_flight.is_none() => continue,
                Read(_) if !std::mem::take(&mut reading) => continue,
                Reaped if case.reaping.is_none() => continue,
                // The hub takes no events then.
                Input::Signal(Signal::Subscribed | Signal::Echo | Signal::Missing | Signal::Unsubscribed)
                    if !case.lease.receives_events() => continue,
                _ => {}
            }
            for action in case.apply(ms, input) {
                prop_assert!(!drained, "{action:?} after the handover");
                match action {
                    Action::Heartbeat { incarnation, heartbeat_seq, draining } => {
                        prop_assert!(!lost.contains(&incarnation));
                        let next = if incarnation == last.0 { last.1 + 1 } else { 1 };
                        prop_assert_eq!(heartbeat_seq, next);
                        last = (incarnation, heartbeat_seq);
                        farewells += u32::from(draining);
                    }
                    Action::Reannounce | Action::StartOver(_) => lost.push(last.0.clone()),
                    Action::Read => prop_assert!(!std::mem::replace(&mut reading, true)),
                    // Peers die only while own heartbeats are accepted.
                    Action::Reap { .. } => prop_assert!(matches!(input, Accepted | AcceptedIn(_) | Reaped)),
                    Action::HandOver => drained = true,
                    Action::Confirm { .. } | Action::Resubscribe | Action::LogOutage | Action::LogRecovery(_) => {}
                }
            }
            prop_assert!(farewells <= 1);
        }
    }
}
