//! Decides what an event is to someone who has followed the room up to a position: the next step, old news, or
//! the sign that something is missing.
//!
//! Plain and synchronous: this is where "a gap is never silent" is decided.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::backplane::{Delta, Event, Position};

/// How long a beat's answer may be ahead of what was heard before something must be missing.
const PATIENCE: Duration = Duration::from_millis(500);

/// Former epochs whose late events are told from those of a new one.
const FORMER_EPOCHS: usize = 8;

/// Follows the room's events. Epochs are compared for equality only: a new one is smaller where the clock of Redis
/// stepped back and the log was lost.
#[derive(Debug, Default)]
pub struct GapDetector {
    at: Option<Position>,
    /// Epochs that were followed before the current one.
    former: VecDeque<u64>,
    /// A position known to exist, not yet reached, and since when it is known.
    ahead: Option<(Position, Instant)>,
}

/// What an event is to a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The next step: take it.
    Next,
    /// Known already: drop it.
    Stale,
    /// Something before it is missing: read the room.
    Gap,
}

impl GapDetector {
    /// Where the follower is; none before the first reading.
    pub fn position(&self) -> Option<Position> {
        self.at
    }

    /// Starts from, or jumps to, a position that was read.
    pub fn arrive(&mut self, position: Position) {
        if let Some(at) = self.at.filter(|at| at.epoch != position.epoch) {
            self.former.retain(|epoch| *epoch != position.epoch);
            self.former.push_back(at.epoch);
            if self.former.len() > FORMER_EPOCHS {
                self.former.pop_front();
            }
        }
        self.at = Some(position);
        // A position of another epoch was known before this one was read.
        self.ahead = self.ahead.filter(|(ahead, _)| ahead.epoch == position.epoch && is_ahead(*ahead, position));
    }

    /// Judges an event and, if it is the next step, takes it.
    pub fn follow(&mut self, event: &Event) -> Verdict {
        let verdict = self.judge(event);
        if verdict == Verdict::Next {
            self.advance(event);
        }
        verdict
    }

    /// Notes a position that was answered by the backplane.
    pub fn hear_of(&mut self, position: Position, now: Instant) {
        if self.at.is_some_and(|at| is_ahead(position, at)) {
            self.ahead.get_or_insert((position, now));
        }
    }

    /// Whether a position has been known for too long without being reached.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.ahead.is_some_and(|(_, since)| now.duration_since(since) >= PATIENCE)
    }

    fn judge(&self, event: &Event) -> Verdict {
        let Some(at) = self.at else { return Verdict::Gap };
        match event {
            Event::Message { message, .. } if self.former.contains(&message.id.epoch) => Verdict::Stale,
            Event::Message { message, .. } if message.id.epoch != at.epoch => Verdict::Gap,
            Event::Message { message, .. } if message.id <= at.head => Verdict::Stale,
            Event::Message { prev, version, .. } => next_if(*prev == at.head && *version == at.version),
            Event::Presence { position, .. }
            | Event::Moderated { position, .. }
            | Event::Ended { position, .. }
            | Event::Heartbeat { position, .. }
                if self.former.contains(&position.epoch) =>
            {
                Verdict::Stale
            }
            Event::Presence { position, .. } | Event::Moderated { position, .. } => judge_change(*position, at),
            Event::Ended { position, delta, .. } if *delta != Delta::default() => judge_change(*position, at),
            Event::Ended { position, .. } | Event::Heartbeat { position, .. } => {
                if is_ahead(*position, at) {
                    Verdict::Gap
                } else {
                    Verdict::Stale
                }
            }
            Event::Typing(_) => Verdict::Next,
            Event::Gap => Verdict::Gap,
        }
    }

    fn advance(&mut self, event: &Event) {
        let Some(at) = &mut self.at else { return };
        match event {
            Event::Message { message, .. } => at.head = message.id,
            Event::Presence { position, .. } | Event::Moderated { position, .. } | Event::Ended { position, .. } => {
                *at = *position;
            }
            Event::Heartbeat { .. } | Event::Typing(_) | Event::Gap => {}
        }
        let at = *at;
        self.ahead = self.ahead.filter(|(ahead, _)| is_ahead(*ahead, at));
    }
}

/// A change of presence raises `version` by one and nothing else.
fn judge_change(position: Position, at: Position) -> Verdict {
    if !is_ahead(position, at) {
        return Verdict::Stale;
    }
    next_if(position == Position { version: at.version + 1, ..at })
}

fn next_if(follows: bool) -> Verdict {
    if follows { Verdict::Next } else { Verdict::Gap }
}

/// Whether `position` has something that `at` has not.
fn is_ahead(position: Position, at: Position) -> bool {
    position.epoch != at.epoch || position.head > at.head || position.version > at.version
}

#[cfg(test)]
mod tests;
