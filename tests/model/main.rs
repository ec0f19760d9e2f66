//! A model of publishing, recovery and presence, searched exhaustively: two instances, three messages, a failover to a
//! replica, lost events and replies, and the expiry of nonces. `docs/simulation.md` says what it covers.
//!
//! The instances of the model follow events by the program's own gap detector.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod instance;
mod redis;
mod search;
mod state;

use search::{Found, search};
use state::{Left, Rule, State};

/// States that a search may visit.
const STATES: usize = 500_000;

/// Nothing happens but two messages of one client, and one of another.
const TALK: Left = Left { messages: 3, losses: 0, unheard: 0, rotations: 0, failovers: 0, moves: 0 };
/// Nonces expire while acks are lost.
const EXPIRY: Left = Left { losses: 1, unheard: 1, rotations: 2, ..TALK };
/// A failover loses messages whose events or acks are lost.
const FAILOVER: Left = Left { losses: 1, failovers: 1, ..TALK };
/// Both, with two messages.
const BOTH: Left = Left { messages: 2, losses: 1, unheard: 1, rotations: 2, failovers: 1, ..TALK };
/// A person joins and leaves through both instances, beside a message and a failover.
const PRESENCE: Left = Left { messages: 1, failovers: 1, moves: 3, ..TALK };

#[test]
fn every_state_with_expiring_nonces_is_right() {
    finds_nothing(EXPIRY);
}

#[test]
fn every_state_with_a_failover_is_right() {
    finds_nothing(FAILOVER);
}

#[test]
fn every_state_with_failover_and_expiry_is_right() {
    finds_nothing(BOTH);
}

#[test]
fn every_state_of_presence_is_right() {
    finds_nothing(PRESENCE);
}

#[test]
fn model_without_a_rule_breaks_a_promise() {
    for rule in Rule::ALL {
        let left = if rule.is_of_presence() { PRESENCE } else { Left { messages: 3, ..BOTH } };
        let Found { states, violation } = search(State::new(left, Some(rule)), STATES);
        let trace = violation.unwrap_or_else(|| panic!("nothing is broken without {rule:?}, in {states} states"));
        println!("without {rule:?}, after {states} states:\n    {}", trace.join("\n    "));
    }
}

fn finds_nothing(left: Left) {
    let Found { states, violation } = search(State::new(left, None), STATES);
    println!("{states} distinct states");
    assert_eq!(violation, None);
    assert!(states > 1000, "the search ended early");
}
