//! Promises of the lease under any order of inputs.

use proptest::prelude::*;

use super::{
    EPOCH,
    case::{Accepted, AcceptedIn, Case, Gone, Input, Lost, Read, Reaped, Tick, TickChanged},
};
use crate::{
    backplane::{IncarnationId, Lease as PeerLease, Stage},
    room::lease::{Action, ReadOutcome, Signal},
};

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
                // A heartbeat changes nothing in another epoch.
                Accepted | AcceptedIn(_) if !case.is_accepted_in(input) => continue,
                Reaped if case.reaping.is_none() => continue,
                // The hub takes no events then.
                Input::Signal(Signal::Subscribed | Signal::Echo | Signal::Missing | Signal::Unsubscribed)
                    if !case.lease.receives_events() => continue,
                _ => {}
            }
            for action in case.apply(ms, input) {
                prop_assert!(!drained, "{action:?} after the handover");
                match action {
                    Action::Heartbeat { incarnation, heartbeat_seq, draining, .. } => {
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
