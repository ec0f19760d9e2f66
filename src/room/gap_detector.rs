//! Decides whether an event is the next one after a position, is stale, or shows that events are missing: no gap stays
//! silent. Plain and synchronous.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    backplane::{Delta, Event, Position},
    protocol::Id,
};

/// How much later than a heartbeat's reply the events before it may arrive.
const EVENT_DELAY: Duration = Duration::from_millis(500);
/// Former epochs that are remembered, to recognise their late events.
const FORMER_EPOCHS: usize = 8;

/// Follows the room's events. Epochs are compared for equality only: a new one is smaller where the clock of Redis
/// stepped back and the log was lost.
#[derive(Debug, Default)]
pub struct GapDetector {
    at: Option<Position>,
    /// Epochs before the current one.
    former: VecDeque<u64>,
    /// A position that exists and is not reached yet, and since when that is known.
    ahead: Option<(Position, Instant)>,
}

/// The relation of an event to the current position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Next,
    /// It is known already.
    Stale,
    /// Events before it are missing: read the room.
    Gap,
}

impl GapDetector {
    /// The position reached; none before the first read.
    pub fn position(&self) -> Option<Position> {
        self.at
    }

    /// Moves to a position that was read.
    pub fn move_to(&mut self, position: Position) {
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

    /// Moves to a message that was read.
    pub fn move_to_message(&mut self, id: Id) {
        if let Some(at) = &mut self.at {
            at.head = id;
        }
    }

    /// Judges an event, and moves on if it is the next one.
    pub fn follow(&mut self, event: &Event) -> Verdict {
        let verdict = self.judge(event);
        if verdict == Verdict::Next {
            self.advance(event);
        }
        verdict
    }

    /// Notes a position from a reply of the backplane.
    pub fn note_position(&mut self, position: Position, now: Instant) {
        if self.at.is_some_and(|at| is_ahead(position, at)) {
            self.ahead.get_or_insert((position, now));
        }
    }

    /// Events are not taken now: those up to a noted position may be later by that time.
    pub fn postpone(&mut self, now: Instant) {
        if let Some((_, since)) = &mut self.ahead {
            *since = now;
        }
    }

    /// Whether the events up to a noted position are late.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.ahead.is_some_and(|(_, since)| now.duration_since(since) >= EVENT_DELAY)
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

/// A change raises `version` by one and moves nothing else.
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
