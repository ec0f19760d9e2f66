//! The calls of one sequence. They name people, messages and positions by number, so that leaving out one call leaves the
//! others possible.

use rand::{Rng, rngs::StdRng};

use crate::random::generator;

/// People: as many sessions of each name, of which the last is a program's.
pub const NAMES: usize = 4;
const SESSIONS: usize = 3;
pub const PEOPLE: usize = NAMES * SESSIONS;
pub const INCARNATIONS: usize = 4;
/// Nonces, few: they are used again.
const NONCES: usize = 12;
const TEXTS: usize = 4;
/// Longer than a sequence takes.
pub const AN_HOUR_MS: u64 = 3_600_000;

/// A call of the backplane, or a fault.
#[derive(Clone, Debug)]
pub enum Call {
    Heartbeat {
        incarnation: usize,
        step: u64,
        lease: LeaseEpoch,
        draining: bool,
        changes: [Vec<usize>; 3],
    },
    Publish {
        incarnation: usize,
        person: usize,
        nonce: usize,
        text: usize,
        reply_to: Option<usize>,
    },
    Change {
        incarnation: usize,
        person: usize,
        nonce: usize,
        message: usize,
        text: Option<usize>,
    },
    Reap {
        incarnation: usize,
        is_current: bool,
    },
    End {
        person: usize,
    },
    Claim {
        person: usize,
    },
    CheckClaim {
        person: usize,
    },
    Read {
        from: Option<usize>,
    },
    Locate {
        message: usize,
    },
    Page {
        kind: usize,
        message: usize,
        limit: usize,
    },
    Moderate {
        kind: usize,
        name: usize,
        messages: Vec<usize>,
        value: usize,
    },
    ModerationLog,
    /// An epoch begins, and nothing is lost.
    Failover,
    /// Everything is lost.
    Flush,
}

/// The epoch that a heartbeat gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseEpoch {
    /// That of the reply to the last one that was accepted.
    Own,
    /// None, as before the first.
    None,
    /// Another one.
    Other,
}

/// The calls of a seed.
pub fn calls(seed: u64, count: usize) -> Vec<Call> {
    let rng = &mut generator(seed, "calls", 0);
    (0..count).map(|_| call(rng)).collect()
}

fn call(rng: &mut StdRng) -> Call {
    let (incarnation, person) = (rng.random_range(0..INCARNATIONS), rng.random_range(0..PEOPLE));
    let (nonce, message) = (rng.random_range(0..NONCES), rng.random_range(0..64));
    match rng.random_range(0..100) {
        0..22 => heartbeat(incarnation, rng),
        22..44 => {
            let reply_to = rng.random_bool(0.3).then_some(message);
            Call::Publish { incarnation, person, nonce, text: rng.random_range(0..TEXTS), reply_to }
        }
        44..56 => {
            let text = rng.random_bool(0.6).then(|| rng.random_range(0..TEXTS));
            Call::Change { incarnation, person, nonce, message, text }
        }
        56..60 => Call::Reap { incarnation, is_current: rng.random_bool(0.6) },
        60..64 => Call::End { person },
        64..72 => Call::Claim { person },
        72..75 => Call::CheckClaim { person },
        75..82 => Call::Read { from: rng.random_bool(0.8).then(|| rng.random_range(0..64)) },
        82..84 => Call::Locate { message },
        84..88 => Call::Page { kind: rng.random_range(0..4), message, limit: rng.random_range(1..12) },
        88..96 => Call::Moderate {
            kind: rng.random_range(0..9),
            name: rng.random_range(0..NAMES),
            messages: (0..rng.random_range(1..4)).map(|_| rng.random_range(0..64)).collect(),
            value: rng.random_range(0..3),
        },
        96..98 => Call::ModerationLog,
        98 => Call::Failover,
        _ if rng.random_bool(0.15) => Call::Flush,
        _ => Call::Read { from: None },
    }
}

fn heartbeat(incarnation: usize, rng: &mut StdRng) -> Call {
    let mut some = |share| (0..PEOPLE).filter(|_| rng.random_bool(share)).collect();
    let changes = [some(0.2), some(0.08), some(0.08)];
    let lease = match rng.random_range(0..16) {
        0 => LeaseEpoch::Other,
        1..3 => LeaseEpoch::None,
        _ => LeaseEpoch::Own,
    };
    let step = if rng.random_range(0..12) == 0 { 0 } else { 1 };
    Call::Heartbeat { incarnation, step, lease, draining: rng.random_range(0..10) == 0, changes }
}
