//! The calls of one sequence. They name people, messages and positions by number, so that leaving out one call leaves the
//! others possible.

use std::time::Duration;

use rand::{Rng, rngs::StdRng};

use crate::random::generator;

/// People: as many sessions of each name, of which the last is a program's, and one an account's.
pub const NAMES: usize = 4;
const SESSIONS: usize = 3;
pub const PEOPLE: usize = NAMES * SESSIONS;
pub const INCARNATIONS: usize = 4;
/// Nonces, few: they are used again.
const NONCES: usize = 12;
const TEXTS: usize = 4;
/// All times are multiples of it, so that a few milliseconds of real time make no difference.
pub const STEP: Duration = Duration::from_secs(10);
/// How long bans, mutes and doors last, in milliseconds.
pub const SANCTIONS_MS: [u64; 3] = [0, 30_000, 7_200_000];
/// How long some waits last, in steps: a turn, a claim, slow mode, a repeated text, a closed name, a remembered nonce, an address.
const WAITS: [u32; 10] = [1, 1, 1, 2, 3, 6, 13, 30, 60, 360];

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
        checks: Checks,
    },
    Change {
        incarnation: usize,
        person: usize,
        nonce: usize,
        message: usize,
        text: Option<usize>,
        checks: Checks,
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
    Report {
        person: usize,
        message: usize,
        reason: bool,
    },
    Reports,
    Neighbours {
        name: usize,
    },
    Records {
        after: Option<usize>,
        limit: usize,
    },
    People,
    /// Time passes, in steps of [`STEP`].
    Wait {
        steps: u32,
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

/// The rules that apply to a text.
#[derive(Clone, Copy, Debug)]
pub struct Checks {
    /// The sender is new.
    pub is_new: bool,
    /// Repeats are counted.
    pub counts_repeats: bool,
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
        0..20 => heartbeat(incarnation, rng),
        20..40 => {
            let reply_to = rng.random_bool(0.3).then_some(message);
            let text = rng.random_range(0..TEXTS);
            Call::Publish { incarnation, person, nonce, text, reply_to, checks: checks(rng) }
        }
        40..52 => {
            let text = rng.random_bool(0.6).then(|| rng.random_range(0..TEXTS));
            Call::Change { incarnation, person, nonce, message, text, checks: checks(rng) }
        }
        52..56 => Call::Reap { incarnation, is_current: rng.random_bool(0.6) },
        56..58 => Call::End { person },
        58..65 => Call::Claim { person },
        65..68 => Call::CheckClaim { person },
        68..72 => Call::Report { person, message, reason: rng.random_bool(0.5) },
        72 => Call::Reports,
        73 => Call::Neighbours { name: person % NAMES },
        74 => match rng.random_range(0..2) {
            0 => Call::People,
            _ => Call::Records { after: rng.random_bool(0.5).then_some(message), limit: rng.random_range(1..9) },
        },
        75..82 => Call::Read { from: rng.random_bool(0.8).then(|| rng.random_range(0..64)) },
        82..84 => Call::Locate { message },
        84..88 => Call::Page { kind: rng.random_range(0..4), message, limit: rng.random_range(1..12) },
        88..94 => Call::Moderate {
            kind: rng.random_range(0..11),
            name: rng.random_range(0..NAMES),
            messages: (0..rng.random_range(1..4)).map(|_| rng.random_range(0..64)).collect(),
            value: rng.random_range(0..3),
        },
        94..96 => Call::Wait { steps: WAITS[rng.random_range(0..WAITS.len())] },
        96..98 => Call::ModerationLog,
        98 => Call::Failover,
        _ if rng.random_bool(0.15) => Call::Flush,
        _ => Call::Read { from: None },
    }
}

fn checks(rng: &mut StdRng) -> Checks {
    Checks { is_new: rng.random_bool(0.2), counts_repeats: rng.random_bool(0.5) }
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
