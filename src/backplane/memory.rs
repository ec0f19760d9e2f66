//! The engine for one process: the same rules as the shared one, where they have a meaning.
//!
//! One epoch a start, no durability, no other machine. Several incarnations may share it, as the conformance
//! suite does.

mod bans;
mod log;
mod message_rates;
mod presence;
mod subscribers;

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use tokio::sync::mpsc;

use self::{log::Log, message_rates::MessageRates, presence::Presence, subscribers::Subscribers};
use super::{
    ACTS_KEPT, ACTS_SHOWN, Backplane, Ban, Claim, Cursor, Delta, Event, Heartbeat, HeartbeatError, HeartbeatReply,
    IncarnationId, ModerationAction, ModerationLog, ModerationOutcome, ModerationRecord, Pace, Page, Position, Post,
    PublishError, ReapOutcome, RetentionPolicy, SessionTag, Snapshot, Typing, Unavailable,
};
use crate::{
    name::NameKey,
    protocol::{Id, Rules},
    telemetry::instruments,
};

/// A room within one process.
pub struct Memory {
    state: Mutex<State>,
}

struct State {
    keeping: RetentionPolicy,
    log: Log,
    presence: Presence,
    message_rates: MessageRates,
    rules: Rules,
    /// What the operator did, oldest first.
    acts: VecDeque<ModerationRecord>,
    subscribers: Subscribers,
}

impl Memory {
    /// An empty room, in an epoch of its own.
    pub fn new(keeping: RetentionPolicy) -> Self {
        let epoch = u64::try_from(since_1970().as_micros()).unwrap_or(u64::MAX);
        Self {
            state: Mutex::new(State {
                keeping,
                log: Log::new(epoch, keeping.history),
                presence: Presence::new(keeping),
                message_rates: MessageRates::new(Instant::now()),
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
        if !state.presence.lives(&post.incarnation) {
            return Err(PublishError::Fenced);
        }
        if state.presence.owned_by_another(&post.name_key, &post.session, Instant::now()) {
            return Err(PublishError::Ended);
        }
        if let Some(known) = state.log.said(&post) {
            if known.is_ok() {
                instruments().kept(false);
            }
            return known;
        }
        let pace = Pace::of(state.keeping.messages).slowed(state.rules.slow_ms);
        state.message_rates.take(&post.name_key, pace, Instant::now()).map_err(PublishError::Limited)?;
        let prev = state.log.head();
        let version = state.presence.version();
        let trace = post.trace.clone();
        let message = state.log.append(post, now_ms(), Instant::now());
        let id = message.id;
        instruments().kept(true);
        state.subscribers.tell(&Event::Message { prev, version, message, trace });
        Ok(id)
    }

    async fn heartbeat(&self, beat: Heartbeat) -> Result<HeartbeatReply, HeartbeatError> {
        let mut state = self.lock();
        let (incarnation, heartbeat_seq) = (beat.incarnation.clone(), beat.heartbeat_seq);
        let epoch = state.log.head().epoch;
        state.forget_old();
        let outcome = state.presence.heartbeat(beat, epoch, now_ms(), Instant::now())?;
        state.tell_presence(outcome.delta);
        let position = state.position();
        state.subscribers.tell(&Event::Heartbeat { position, incarnation, heartbeat_seq });
        Ok(HeartbeatReply { position, leases: state.presence.leases(), refused: outcome.refused })
    }

    async fn reap(&self, incarnation: &IncarnationId, heartbeat_seq: u64) -> Result<ReapOutcome, Unavailable> {
        let mut state = self.lock();
        if !state.presence.condemn(incarnation, heartbeat_seq) {
            return Ok(ReapOutcome::Alive);
        }
        while let Some(delta) = state.presence.release_some(incarnation, Instant::now()) {
            state.tell_presence(delta);
        }
        Ok(ReapOutcome::Done)
    }

    async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable> {
        let mut state = self.lock();
        let delta = Delta { joined: vec![], left: state.presence.end(session, name_key, Instant::now()) };
        let position = state.position();
        state.subscribers.tell(&Event::Ended { position, session: session.clone(), delta });
        Ok(())
    }

    async fn read(&self, since: Option<Id>) -> Result<Snapshot, Unavailable> {
        let mut state = self.lock();
        state.forget_old();
        let mut snapshot = state.log.read(since);
        snapshot.position.version = state.presence.version();
        snapshot.people = state.presence.people();
        snapshot.rules = state.rules.clone();
        Ok(snapshot)
    }

    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        Ok(self.lock().log.locate(id))
    }

    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        let mut state = self.lock();
        state.forget_old();
        Ok(state.log.page(cursor, limit))
    }

    async fn claim(&self, name_key: &NameKey, session: &SessionTag) -> Result<Claim, Unavailable> {
        Ok(self.lock().presence.claim(name_key, session, now_ms(), Instant::now()))
    }

    async fn typing(&self, typing: Typing) -> Result<(), Unavailable> {
        self.lock().subscribers.tell(&Event::Typing(typing));
        Ok(())
    }

    async fn moderate(&self, act: ModerationAction) -> Result<ModerationOutcome, Unavailable> {
        let mut state = self.lock();
        let acted = state.moderate(&act);
        if acted == ModerationOutcome::Done {
            state.acts.push_back(ModerationRecord { at: now_ms(), act });
            if state.acts.len() > ACTS_KEPT {
                state.acts.pop_front();
            }
        }
        Ok(acted)
    }

    async fn moderation_log(&self) -> Result<ModerationLog, Unavailable> {
        let state = self.lock();
        let acts = state.acts.iter().rev().take(ACTS_SHOWN).cloned().collect();
        Ok(ModerationLog { bans: state.presence.bans.lasting(now_ms()), acts })
    }

    fn now(&self) -> std::time::Duration {
        since_1970()
    }

    fn waiting(&self) -> usize {
        0
    }

    fn last_error(&self) -> Option<String> {
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

    fn moderate(&mut self, act: &ModerationAction) -> ModerationOutcome {
        match act {
            ModerationAction::Remove { ids } => {
                let removed: Vec<Id> = ids.iter().copied().filter(|id| self.log.remove(*id)).collect();
                if removed.is_empty() {
                    return ModerationOutcome::Nothing;
                }
                self.tell_moderated(removed);
                ModerationOutcome::Done
            }
            ModerationAction::Ban { name_key, name, for_ms } => self.ban(name_key, name, *for_ms),
            ModerationAction::Unban { name_key, .. } if self.presence.bans.lift(name_key, now_ms()) => {
                ModerationOutcome::Done
            }
            ModerationAction::Unban { .. } => ModerationOutcome::Nothing,
            ModerationAction::Slow { interval_ms } => {
                self.rules.slow_ms = *interval_ms;
                self.tell_moderated(vec![]);
                ModerationOutcome::Done
            }
            ModerationAction::Announce { text } => {
                self.rules.notice = text.clone();
                self.tell_moderated(vec![]);
                ModerationOutcome::Done
            }
        }
    }

    fn ban(&mut self, name_key: &NameKey, name: &str, for_ms: u64) -> ModerationOutcome {
        let now = now_ms();
        if for_ms > 0 {
            let until = now.saturating_add(for_ms);
            self.presence.bans.add(Ban { name_key: name_key.to_owned(), name: name.to_owned(), until }, now);
        }
        let owner = self.presence.owner(name_key, Instant::now());
        let left = self.presence.expel(name_key, Instant::now());
        if owner.is_some() || !left.is_empty() {
            let session = owner.unwrap_or_else(|| "-".into());
            let delta = Delta { joined: vec![], left };
            self.subscribers.tell(&Event::Ended { position: self.position(), session, delta });
        } else if for_ms == 0 {
            return ModerationOutcome::Nothing;
        }
        ModerationOutcome::Done
    }

    fn tell_moderated(&mut self, removed: Vec<Id>) {
        self.presence.raise_version();
        let (position, rules) = (self.position(), self.rules.clone());
        self.subscribers.tell(&Event::Moderated { position, removed, rules });
    }

    fn position(&self) -> Position {
        let head = self.log.head();
        Position { epoch: head.epoch, head, version: self.presence.version() }
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
