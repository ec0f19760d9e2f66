//! The engine for one process: the same contract, without durability. Each start is an epoch.
//!
//! Several incarnations can share it, as in the conformance suite.

mod bans;
mod claims;
mod log;
mod message_rates;
mod presence;
mod subscribers;

use std::{
    collections::VecDeque,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use self::{log::Log, message_rates::MessageRates, presence::Presence, subscribers::Subscribers};
use super::{
    ACTS_KEPT, ACTS_SHOWN, Backplane, Ban, Claim, Cursor, Delta, Event, Heartbeat, HeartbeatError, HeartbeatReply,
    IncarnationId, ModerationAction, ModerationLog, ModerationOutcome, ModerationRecord, Page, Position, Post,
    PublishError, ReapOutcome, RetentionPolicy, SessionTag, Snapshot, Typing, Unavailable,
};
use crate::{
    name::NameKey,
    protocol::{Id, Rules},
    telemetry::instruments,
};

/// A room within one process.
pub struct MemoryBackplane {
    state: Mutex<State>,
}

struct State {
    policy: RetentionPolicy,
    log: Log,
    presence: Presence,
    message_rates: MessageRates,
    rules: Rules,
    /// The operator's actions, oldest first.
    acts: VecDeque<ModerationRecord>,
    subscribers: Subscribers,
}

impl MemoryBackplane {
    /// An empty room, in an epoch of its own.
    pub fn new(policy: RetentionPolicy) -> Self {
        let epoch = u64::try_from(since_1970().as_micros()).unwrap_or(u64::MAX);
        Self {
            state: Mutex::new(State {
                policy,
                log: Log::new(epoch, policy.history),
                presence: Presence::new(policy),
                message_rates: MessageRates::new(Instant::now()),
                rules: Rules::default(),
                acts: VecDeque::new(),
                subscribers: Subscribers::default(),
            }),
        }
    }
}

#[async_trait]
impl Backplane for MemoryBackplane {
    async fn publish(&self, post: Post) -> Result<Id, PublishError> {
        let mut state = self.state.lock();
        if !state.presence.is_live(&post.incarnation) {
            return Err(PublishError::Fenced);
        }
        if state.presence.is_excluded(&post.person, Instant::now()) {
            return Err(PublishError::Ended);
        }
        if !state.presence.may_act(&post.person, &post.incarnation, Instant::now()) {
            return Err(PublishError::Fenced);
        }
        if let Some(duplicate) = state.log.duplicate(&post) {
            if duplicate.is_ok() {
                instruments().kept(false);
            }
            return duplicate;
        }
        let session = &post.person.session;
        let slow_ms = if session.is_bot() { 0 } else { state.rules.slow_ms };
        let pace = message_rates::pace(state.policy.messages_of(session), slow_ms);
        state.message_rates.admit(&post.person.name_key, pace, Instant::now()).map_err(PublishError::Limited)?;
        let prev = state.log.head();
        let version = state.presence.version();
        let trace = post.trace.clone();
        let message = state.log.append(post, now_ms(), Instant::now());
        let id = message.id;
        instruments().kept(true);
        state.subscribers.send(&Event::Message { prev, version, message, trace });
        Ok(id)
    }

    async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<HeartbeatReply, HeartbeatError> {
        let mut state = self.state.lock();
        let (incarnation, heartbeat_seq) = (heartbeat.incarnation.clone(), heartbeat.heartbeat_seq);
        let epoch = state.log.head().epoch;
        state.trim_old();
        let (delta, refused) = state.presence.heartbeat(heartbeat, epoch, now_ms(), Instant::now())?;
        state.send_presence(delta);
        let position = state.position();
        state.subscribers.send(&Event::Heartbeat { position, incarnation, heartbeat_seq });
        Ok(HeartbeatReply { position, leases: state.presence.leases(), refused })
    }

    async fn reap(&self, incarnation: &IncarnationId, heartbeat_seq: u64) -> Result<ReapOutcome, Unavailable> {
        let mut state = self.state.lock();
        if !state.presence.declare_dead(incarnation, heartbeat_seq) {
            return Ok(ReapOutcome::Alive);
        }
        while let Some(delta) = state.presence.release_some(incarnation, Instant::now()) {
            state.send_presence(delta);
        }
        Ok(ReapOutcome::Done)
    }

    async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable> {
        let mut state = self.state.lock();
        let delta = Delta { joined: vec![], left: state.presence.end(session, name_key, Instant::now()) };
        let position = state.position();
        state.subscribers.send(&Event::Ended { position, session: session.clone(), delta });
        Ok(())
    }

    async fn read(&self, from: Option<Position>) -> Result<Snapshot, Unavailable> {
        let mut state = self.state.lock();
        state.trim_old();
        let mut snapshot = state.log.read(from.map(|from| from.head));
        snapshot.position.version = state.presence.version();
        let is_known = from.is_some_and(|from| from.has_people_of(snapshot.position));
        snapshot.people = (!is_known).then(|| state.presence.people());
        snapshot.rules = state.rules.clone();
        Ok(snapshot)
    }

    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        Ok(self.state.lock().log.locate(id))
    }

    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        let mut state = self.state.lock();
        state.trim_old();
        Ok(state.log.page(cursor, limit))
    }

    async fn claim(&self, name_key: &NameKey, session: &SessionTag) -> Result<Claim, Unavailable> {
        Ok(self.state.lock().presence.claim(name_key, session, now_ms(), Instant::now()))
    }

    async fn check_claim(&self, name_key: &NameKey, session: &SessionTag) -> Result<Claim, Unavailable> {
        Ok(self.state.lock().presence.check_claim(name_key, session, now_ms(), Instant::now()))
    }

    async fn typing(&self, typing: Typing) -> Result<(), Unavailable> {
        self.state.lock().subscribers.send(&Event::Typing(typing));
        Ok(())
    }

    async fn moderate(&self, action: ModerationAction) -> Result<ModerationOutcome, Unavailable> {
        let mut state = self.state.lock();
        let outcome = state.moderate(&action);
        if outcome == ModerationOutcome::Done {
            state.acts.push_back(ModerationRecord { at: now_ms(), act: action });
            if state.acts.len() > ACTS_KEPT {
                state.acts.pop_front();
            }
        }
        Ok(outcome)
    }

    async fn moderation_log(&self) -> Result<ModerationLog, Unavailable> {
        let state = self.state.lock();
        let acts = state.acts.iter().rev().take(ACTS_SHOWN).cloned().collect();
        Ok(ModerationLog { bans: state.presence.bans.in_force(now_ms()), acts })
    }

    fn now(&self) -> Duration {
        since_1970()
    }

    fn waiting(&self) -> usize {
        0
    }

    fn last_error(&self) -> Option<String> {
        None
    }

    fn subscribe(&self) -> mpsc::Receiver<Event> {
        self.state.lock().subscribers.add()
    }
}

impl State {
    fn trim_old(&mut self) {
        if let Some(oldest) = self.policy.oldest_ms(since_1970()) {
            self.log.trim_old(oldest);
        }
    }

    fn moderate(&mut self, action: &ModerationAction) -> ModerationOutcome {
        match action {
            ModerationAction::Remove { ids } => {
                let removed: Vec<Id> = ids.iter().copied().filter(|id| self.log.remove(*id)).collect();
                if removed.is_empty() {
                    return ModerationOutcome::Nothing;
                }
                self.send_moderated(removed);
                ModerationOutcome::Done
            }
            ModerationAction::Ban { name_key, name, for_ms } => self.ban(name_key, name, *for_ms),
            ModerationAction::Unban { name_key, .. } if self.presence.bans.lift(name_key, now_ms()) => {
                ModerationOutcome::Done
            }
            ModerationAction::Unban { .. } => ModerationOutcome::Nothing,
            ModerationAction::Slow { interval_ms } => {
                self.rules.slow_ms = *interval_ms;
                self.send_moderated(vec![]);
                ModerationOutcome::Done
            }
            ModerationAction::Announce { text } => {
                self.rules.notice = text.clone();
                self.send_moderated(vec![]);
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
            self.subscribers.send(&Event::Ended { position: self.position(), session, delta });
        } else if for_ms == 0 {
            return ModerationOutcome::Nothing;
        }
        ModerationOutcome::Done
    }

    fn send_moderated(&mut self, removed: Vec<Id>) {
        self.presence.raise_version();
        let (position, rules) = (self.position(), self.rules.clone());
        self.subscribers.send(&Event::Moderated { position, removed, rules });
    }

    fn position(&self) -> Position {
        let head = self.log.head();
        Position { epoch: head.epoch, head, version: self.presence.version() }
    }

    fn send_presence(&mut self, delta: Delta) {
        if delta != Delta::default() {
            let position = self.position();
            self.subscribers.send(&Event::Presence { position, delta });
        }
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn now_ms() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}
