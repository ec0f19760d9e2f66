//! The engine for one process: the same rules as the shared one, where they have a meaning.
//!
//! One epoch a start, no durability, no other machine. Several incarnations may share it, as the conformance
//! suite does.

mod bans;
mod log;
mod paces;
mod presence;
mod subscribers;

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use tokio::sync::mpsc;

use self::{log::Log, paces::Paces, presence::Presence, subscribers::Subscribers};
use super::{
    ACTS_KEPT, ACTS_SHOWN, Act, Acted, Backplane, Ban, Beat, BeatError, Beaten, Claim, Cursor, Delta, Event, Inc,
    Keeping, Ledger, Pace, Page, Position, Post, PublishError, Reading, Reaped, Record, SessionTag, Typing,
    Unavailable,
};
use crate::{
    protocol::{Id, Rules},
    telemetry::instruments,
};

/// A room within one process.
pub struct Memory {
    state: Mutex<State>,
}

struct State {
    keeping: Keeping,
    log: Log,
    presence: Presence,
    paces: Paces,
    rules: Rules,
    /// What the operator did, oldest first.
    acts: VecDeque<Record>,
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
                paces: Paces::new(Instant::now()),
                rules: Rules::default(),
                acts: VecDeque::new(),
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
        if let Some(known) = state.log.said(&post) {
            if known.is_ok() {
                instruments().kept(false);
            }
            return known;
        }
        let pace = Pace::of(state.keeping.messages).slowed(state.rules.slow_ms);
        state.paces.take(&post.who, pace, Instant::now()).map_err(PublishError::Limited)?;
        let prev = state.log.head();
        let v = state.presence.version();
        let trace = post.trace.clone();
        let message = state.log.append(post, now_ms(), Instant::now());
        let id = message.id;
        instruments().kept(true);
        state.subscribers.tell(&Event::Message { prev, v, message, trace });
        Ok(id)
    }

    async fn beat(&self, beat: Beat) -> Result<Beaten, BeatError> {
        let mut state = self.lock();
        let (inc, k) = (beat.inc.clone(), beat.k);
        let epoch = state.log.head().epoch;
        state.forget_old();
        let outcome = state.presence.beat(beat, epoch, now_ms(), Instant::now())?;
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
        reading.rules = state.rules.clone();
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
        Ok(self.lock().presence.claim(who, session, now_ms(), Instant::now()))
    }

    async fn typing(&self, typing: Typing) -> Result<(), Unavailable> {
        self.lock().subscribers.tell(&Event::Typing(typing));
        Ok(())
    }

    async fn act(&self, act: Act) -> Result<Acted, Unavailable> {
        let mut state = self.lock();
        let acted = state.moderate(&act);
        if acted == Acted::Done {
            state.acts.push_back(Record { at: now_ms(), act });
            if state.acts.len() > ACTS_KEPT {
                state.acts.pop_front();
            }
        }
        Ok(acted)
    }

    async fn ledger(&self) -> Result<Ledger, Unavailable> {
        let state = self.lock();
        let acts = state.acts.iter().rev().take(ACTS_SHOWN).cloned().collect();
        Ok(Ledger { bans: state.presence.bans.lasting(now_ms()), acts })
    }

    fn now(&self) -> std::time::Duration {
        since_1970()
    }

    fn waiting(&self) -> usize {
        0
    }

    fn complaint(&self) -> Option<String> {
        None
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

    fn moderate(&mut self, act: &Act) -> Acted {
        match act {
            Act::Remove { ids } => {
                let removed: Vec<Id> = ids.iter().copied().filter(|id| self.log.remove(*id)).collect();
                if removed.is_empty() {
                    return Acted::Nothing;
                }
                self.tell_moderated(removed);
                Acted::Done
            }
            Act::Ban { who, name, for_ms } => self.ban(who, name, *for_ms),
            Act::Pardon { who, .. } if self.presence.bans.lift(who, now_ms()) => Acted::Done,
            Act::Pardon { .. } => Acted::Nothing,
            Act::Slow { interval_ms } => {
                self.rules.slow_ms = *interval_ms;
                self.tell_moderated(vec![]);
                Acted::Done
            }
            Act::Announce { text } => {
                self.rules.notice = text.clone();
                self.tell_moderated(vec![]);
                Acted::Done
            }
        }
    }

    fn ban(&mut self, who: &str, name: &str, for_ms: u64) -> Acted {
        let now = now_ms();
        if for_ms > 0 {
            let until = now.saturating_add(for_ms);
            self.presence.bans.add(Ban { who: who.to_owned(), name: name.to_owned(), until }, now);
        }
        let owner = self.presence.owner(who, Instant::now());
        let left = self.presence.expel(who, Instant::now());
        if owner.is_some() || !left.is_empty() {
            let session = owner.unwrap_or_else(|| "-".into());
            let delta = Delta { joined: vec![], left };
            self.subscribers.tell(&Event::Ended { position: self.position(), session, delta });
        } else if for_ms == 0 {
            return Acted::Nothing;
        }
        Acted::Done
    }

    fn tell_moderated(&mut self, removed: Vec<Id>) {
        self.presence.raise_version();
        let (position, rules) = (self.position(), self.rules.clone());
        self.subscribers.tell(&Event::Moderated { position, removed, rules });
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
