//! The engine for one process: the same rules as the shared one, where they have a meaning.
//!
//! One epoch a start, no durability, no other machine. Several incarnations may share it, as the conformance
//! suite does.

mod log;
mod presence;
mod subscribers;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use tokio::sync::mpsc;

use self::{log::Log, presence::Presence, subscribers::Subscribers};
use super::{
    Backplane, Beat, BeatError, Beaten, Claim, Cursor, Delta, Event, Inc, Keeping, Page, Position, Post, PublishError,
    Reading, Reaped, SessionTag, Typing, Unavailable,
};
use crate::protocol::Id;

/// A room within one process.
pub struct Memory {
    state: Mutex<State>,
}

struct State {
    keeping: Keeping,
    log: Log,
    presence: Presence,
    subscribers: Subscribers,
}

impl Memory {
    /// An empty room, in an epoch of its own.
    pub fn new(keeping: Keeping) -> Self {
        let epoch = u64::try_from(since_1970().as_micros()).unwrap_or(u64::MAX);
        Self {
            state: Mutex::new(State {
                keeping,
                log: Log::new(epoch, keeping.history),
                presence: Presence::new(keeping),
                subscribers: Subscribers::default(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Backplane for Memory {
    async fn publish(&self, post: Post) -> Result<Id, PublishError> {
        let mut state = self.lock();
        if !state.presence.lives(&post.inc) {
            return Err(PublishError::Fenced);
        }
        if state.presence.owned_by_another(&post.who, &post.session, Instant::now()) {
            return Err(PublishError::Ended);
        }
        let prev = state.log.head();
        let v = state.presence.version();
        let appended = state.log.append(post, now_ms(), Instant::now())?;
        if let Some(message) = appended.fresh {
            state.subscribers.tell(&Event::Message { prev, v, message: Arc::new(message) });
        }
        Ok(appended.id)
    }

    async fn beat(&self, beat: Beat) -> Result<Beaten, BeatError> {
        let mut state = self.lock();
        let (inc, k) = (beat.inc.clone(), beat.k);
        let epoch = state.log.head().epoch;
        state.forget_old();
        let outcome = state.presence.beat(beat, epoch, Instant::now())?;
        state.tell_presence(outcome.delta);
        let position = state.position();
        state.subscribers.tell(&Event::Beat { position, inc, k });
        Ok(Beaten { position, leases: state.presence.leases(), refused: outcome.refused })
    }

    async fn reap(&self, inc: &Inc, k: u64) -> Result<Reaped, Unavailable> {
        let mut state = self.lock();
        if !state.presence.condemn(inc, k) {
            return Ok(Reaped::Alive);
        }
        while let Some(delta) = state.presence.release_some(inc, Instant::now()) {
            state.tell_presence(delta);
        }
        Ok(Reaped::Done)
    }

    async fn end(&self, session: &SessionTag, who: &str) -> Result<(), Unavailable> {
        let mut state = self.lock();
        let delta = Delta { joined: vec![], left: state.presence.end(session, who, Instant::now()) };
        let position = state.position();
        state.subscribers.tell(&Event::Ended { position, session: session.clone(), delta });
        Ok(())
    }

    async fn read(&self, since: Option<Id>) -> Result<Reading, Unavailable> {
        let mut state = self.lock();
        state.forget_old();
        let mut reading = state.log.read(since);
        reading.position.v = state.presence.version();
        reading.people = state.presence.people();
        Ok(reading)
    }

    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        Ok(self.lock().log.locate(id))
    }

    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        let mut state = self.lock();
        state.forget_old();
        Ok(state.log.page(cursor, limit))
    }

    async fn claim(&self, who: &str, session: &SessionTag) -> Result<Claim, Unavailable> {
        Ok(self.lock().presence.claim(who, session, Instant::now()))
    }

    async fn typing(&self, typing: Typing) -> Result<(), Unavailable> {
        self.lock().subscribers.tell(&Event::Typing(typing));
        Ok(())
    }

    fn subscribe(&self) -> mpsc::Receiver<Event> {
        self.lock().subscribers.add()
    }
}

impl State {
    fn forget_old(&mut self) {
        if let Some(oldest) = self.keeping.oldest_ms(since_1970()) {
            self.log.forget(oldest);
        }
    }

    fn position(&self) -> Position {
        let head = self.log.head();
        Position { epoch: head.epoch, head, v: self.presence.version() }
    }

    fn tell_presence(&mut self, delta: Delta) {
        if delta != Delta::default() {
            let position = self.position();
            self.subscribers.tell(&Event::Presence { position, delta });
        }
    }
}

fn since_1970() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn now_ms() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}
