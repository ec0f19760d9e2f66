//! The engine for one process: the same contract, without durability. Each start is an epoch.
//!
//! Several incarnations can share it, as in the conformance suite.

mod addresses;
mod bans;
mod claims;
mod log;
mod message_rates;
mod moderation;
mod presence;
mod repeats;
mod replica;
mod reports;
mod subscribers;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::mpsc;

pub use self::replica::Replica;
use self::subscribers::Subscribers;
use super::{
    ACTS_KEPT, ACTS_SHOWN, Backplane, ChangeRequest, Claim, Cursor, Delta, Event, Heartbeat, HeartbeatError,
    HeartbeatReply, IncarnationId, ModerationLog, ModerationOutcome, ModerationRecord, ModerationRequest, NewState,
    Page, PeoplePortion, Person, Position, Post, PublishError, ReapOutcome, RecordPage, ReportOutcome, ReportQueue,
    ReportRequest, RetentionPolicy, SessionTag, Snapshot, Typing, Unavailable,
};
use crate::{
    automod::{RuleKind, RuleViolation, SharedChecks},
    name::NameKey,
    protocol::{Id, Message, Row},
    telemetry::instruments,
};

/// A room within one process.
pub struct MemoryBackplane {
    state: Mutex<State>,
    wall: Wall,
}

/// The time since 1970.
type Wall = Box<dyn Fn() -> Duration + Send + Sync>;

struct State {
    policy: RetentionPolicy,
    stored: Replica,
    subscribers: Subscribers,
}

impl MemoryBackplane {
    /// An empty room, in an epoch of its own.
    pub fn new(policy: RetentionPolicy) -> Self {
        Self::with_clock(policy, since_1970)
    }

    /// An empty room, by a clock that returns the time since 1970.
    pub fn with_clock(policy: RetentionPolicy, wall: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        let stored = Replica::empty(policy, u64::try_from(wall().as_micros()).unwrap_or(u64::MAX));
        let state = State { policy, stored, subscribers: Subscribers::default() };
        Self { state: Mutex::new(state), wall: Box::new(wall) }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from((self.wall)().as_millis()).unwrap_or(u64::MAX)
    }
}

#[async_trait]
impl Backplane for MemoryBackplane {
    async fn publish(&self, post: Post) -> Result<Id, PublishError> {
        let mut state = self.state.lock();
        state.check_sender(&post.person, &post.incarnation, self.now_ms())?;
        if let Some(duplicate) = state.stored.log.duplicate(&post.person, &post.nonce, &post.fingerprint()) {
            if duplicate.is_ok() {
                instruments().kept(false);
            }
            return duplicate;
        }
        state.check_silenced(&post.person, self.now_ms())?;
        state.stored.repeats.check(post.checks.repeat.as_deref(), now())?;
        state.take_turn(&post.person, &post.checks)?;
        state.stored.repeats.note(post.checks.repeat.as_deref(), now());
        // No answer to a message that has expired.
        state.trim_old((self.wall)());
        let prev = state.stored.log.head();
        let version = state.stored.presence.version();
        let trace = post.trace.clone();
        let message = state.stored.log.append(post, self.now_ms(), now());
        let id = message.id;
        instruments().kept(true);
        state.subscribers.send(&Event::Message { prev, version, message, trace });
        Ok(id)
    }

    async fn change(&self, request: ChangeRequest) -> Result<Id, PublishError> {
        let (mut state, at) = (self.state.lock(), self.now_ms());
        state.check_sender(&request.person, &request.incarnation, at)?;
        if let Some(duplicate) = state.stored.log.duplicate(&request.person, &request.nonce, &request.fingerprint()) {
            return duplicate;
        }
        if request.state != NewState::Deleted {
            state.check_silenced(&request.person, at)?;
        }
        state.trim_old((self.wall)());
        state.stored.log.may_change(&request, state.policy.edit_window_ms(), at)?;
        state.stored.repeats.check(request.checks.repeat.as_deref(), now())?;
        // A deletion does not wait in slow mode.
        let slow_ms = state.slow_ms(&request.person.session).max(request.checks.newcomer_ms);
        let is_slow = message_rates::is_slow(state.policy.messages_of(&request.person.session), slow_ms);
        if !(is_slow && request.state == NewState::Deleted) {
            state.take_turn(&request.person, &request.checks)?;
        }
        state.stored.repeats.note(request.checks.repeat.as_deref(), now());
        state.stored.presence.raise_version();
        let version = state.stored.presence.version();
        match state.stored.log.change(&request, version, at, now()) {
            Some(Row::Message(message)) => state.send_changes(vec![], vec![message]),
            _ => {
                state.sweep_reports();
                state.send_changes(vec![request.id], vec![]);
            }
        }
        Ok(request.id)
    }

    async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<HeartbeatReply, HeartbeatError> {
        let mut state = self.state.lock();
        let (incarnation, heartbeat_seq) = (heartbeat.incarnation.clone(), heartbeat.heartbeat_seq);
        let epoch = state.stored.log.epoch();
        state.trim_old((self.wall)());
        state.sweep_reports();
        let (delta, refused) = state.stored.presence.heartbeat(heartbeat, epoch, self.now_ms(), now())?;
        state.send_presence(delta);
        let position = state.position();
        state.subscribers.send(&Event::Heartbeat { position, incarnation, heartbeat_seq });
        Ok(HeartbeatReply { position, leases: state.stored.presence.leases(), refused })
    }

    async fn reap(&self, incarnation: &IncarnationId, heartbeat_seq: u64) -> Result<ReapOutcome, Unavailable> {
        let mut state = self.state.lock();
        if !state.stored.presence.declare_dead(incarnation, heartbeat_seq) {
            return Ok(ReapOutcome::Alive);
        }
        while let Some(delta) = state.stored.presence.release_some(incarnation, now()) {
            state.send_presence(delta);
        }
        Ok(ReapOutcome::Done)
    }

    async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable> {
        let mut state = self.state.lock();
        let delta = Delta { joined: vec![], left: state.stored.presence.end(session, name_key, now()) };
        let position = state.position();
        state.subscribers.send(&Event::Ended { position, session: session.clone(), delta });
        Ok(())
    }

    async fn read(&self, from: Option<Position>) -> Result<Snapshot, Unavailable> {
        let mut state = self.state.lock();
        state.trim_old((self.wall)());
        let mut snapshot = state.stored.log.read(from);
        snapshot.position.version = state.stored.presence.version();
        if !from.is_some_and(|from| from.has_people_of(snapshot.position)) {
            snapshot.people = state.stored.presence.snapshot();
        }
        snapshot.rules = state.stored.rules.clone();
        snapshot.address_key = Some(state.stored.address_key.clone());
        snapshot.auto = state.stored.auto.clone();
        Ok(snapshot)
    }

    async fn people(&self, cursor: Option<String>) -> Result<PeoplePortion, Unavailable> {
        let state = self.state.lock();
        let (people, next) = state.stored.presence.portion(cursor.map(NameKey::from).as_ref());
        Ok(PeoplePortion { epoch: state.stored.log.epoch(), people, next: next.map(|name_key| name_key.to_string()) })
    }

    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        Ok(self.state.lock().stored.log.locate(id))
    }

    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        let mut state = self.state.lock();
        state.trim_old((self.wall)());
        Ok(state.stored.log.page(cursor, limit))
    }

    async fn claim(&self, person: &Person) -> Result<Claim, Unavailable> {
        let mut state = self.state.lock();
        state.displace(person, self.now_ms());
        Ok(state.stored.presence.claim(person, self.now_ms(), now()))
    }

    async fn check_claim(&self, person: &Person) -> Result<Claim, Unavailable> {
        Ok(self.state.lock().stored.presence.check_claim(person, self.now_ms(), now()))
    }

    async fn typing(&self, typing: Typing) -> Result<(), Unavailable> {
        self.state.lock().subscribers.send(&Event::Typing(typing));
        Ok(())
    }

    async fn moderate(&self, request: ModerationRequest) -> Result<ModerationOutcome, Unavailable> {
        let mut state = self.state.lock();
        let ModerationRequest { action, audit } = request;
        let whom = state.whom(&action);
        let outcome = state.moderate(&action, self.now_ms());
        if outcome == ModerationOutcome::Done {
            let id = Id::new(0, state.stored.acts.back().map_or(1, |last| last.id.n + 1));
            let (at, act) = (self.now_ms(), action.on_record());
            state.stored.acts.push_back(ModerationRecord { id, at, act, audit, whom });
            if state.stored.acts.len() > ACTS_KEPT {
                state.stored.acts.pop_front();
            }
        }
        Ok(outcome)
    }

    async fn neighbours(&self, name_key: &NameKey) -> Result<Option<usize>, Unavailable> {
        let state = self.state.lock();
        let addresses = state.stored.presence.addresses_of(name_key, now());
        let people = state.stored.presence.people_at(&addresses, name_key).len();
        Ok((!addresses.is_empty()).then_some(people))
    }

    async fn moderation_log(&self) -> Result<ModerationLog, Unavailable> {
        let state = self.state.lock();
        let acts = state.stored.acts.iter().rev().take(ACTS_SHOWN).cloned().collect();
        let (bans, mutes) = (&state.stored.presence.bans, &state.stored.mutes);
        let (bans, mutes) = (bans.in_force(self.now_ms()), mutes.in_force(self.now_ms()));
        Ok(ModerationLog { bans, mutes, acts, auto: state.stored.auto.clone() })
    }

    async fn records(&self, after: Option<Id>, limit: usize) -> Result<RecordPage, Unavailable> {
        let state = self.state.lock();
        let later = state.stored.acts.iter().filter(|record| after.is_none_or(|after| record.id > after));
        let records: Vec<ModerationRecord> = later.take(limit).cloned().collect();
        Ok(RecordPage { last: records.last().map(|last| last.id), more: records.len() == limit, records })
    }

    async fn report(&self, request: ReportRequest) -> Result<ReportOutcome, Unavailable> {
        let mut state = self.state.lock();
        state.trim_old((self.wall)());
        if state.stored.log.author(request.id).is_none() {
            return Ok(ReportOutcome::Gone);
        }
        let added = state.stored.reports.add(request, self.now_ms(), now());
        Ok(added.map_or_else(ReportOutcome::Limited, |()| ReportOutcome::Done))
    }

    async fn reports(&self, limit: usize) -> Result<ReportQueue, Unavailable> {
        let mut state = self.state.lock();
        state.trim_old((self.wall)());
        state.sweep_reports();
        Ok(state.stored.reports.queue(limit))
    }

    fn now(&self) -> Duration {
        (self.wall)()
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
    fn trim_old(&mut self, now: Duration) {
        if let Some(oldest) = self.policy.oldest_ms(now) {
            self.stored.log.trim_old(oldest);
        }
    }

    /// Drops the reports of messages that are deleted or no longer stored.
    fn sweep_reports(&mut self) {
        let Replica { reports, log, .. } = &mut self.stored;
        reports.retain(|id| log.author(id).is_some());
    }

    /// Sends the changes that the current version was the step to.
    fn send_changes(&mut self, removed: Vec<Id>, edited: Vec<Arc<Message>>) {
        let (position, rules) = (self.position(), self.stored.rules.clone());
        self.subscribers.send(&Event::Moderated { position, removed, edited, rules, auto: None });
    }

    /// Admits a message or a change at the person's pace.
    fn take_turn(&mut self, person: &Person, checks: &SharedChecks) -> Result<(), PublishError> {
        let (limit, slow_ms) = (self.policy.messages_of(&person.session), self.slow_ms(&person.session));
        let pace = message_rates::pace(limit, slow_ms.max(checks.newcomer_ms));
        let is_newcomer = checks.newcomer_ms > slow_ms && message_rates::is_slow(limit, checks.newcomer_ms);
        let shared = message_rates::shared_pace(limit, slow_ms);
        self.stored.message_rates.admit_person(person, pace, shared, now()).map_err(|wait| {
            if is_newcomer {
                return PublishError::Refused(RuleViolation { rule: RuleKind::Newcomer, retry_after: Some(wait) });
            }
            PublishError::Limited(wait)
        })
    }

    /// The interval of slow mode for a session; programs have none.
    fn slow_ms(&self, session: &SessionTag) -> u64 {
        if session.is_bot() { 0 } else { self.stored.rules.slow_ms }
    }

    /// Whether a moderator keeps a person from writing.
    fn check_silenced(&self, person: &Person, now_ms: u64) -> Result<(), PublishError> {
        if let Some(left) = self.stored.mutes.left(person, now_ms) {
            return Err(PublishError::Muted(left));
        }
        match &self.stored.rules.read_only {
            Some(door) if !person.session.is_bot() && !person.moderates && door.is_shut(now_ms) => {
                Err(PublishError::ReadOnly(door.until.map(|until| Duration::from_millis(until - now_ms))))
            }
            _ => Ok(()),
        }
    }

    /// Whether a person may send through an incarnation.
    fn check_sender(&self, person: &Person, incarnation: &IncarnationId, now_ms: u64) -> Result<(), PublishError> {
        if !self.stored.presence.is_live(incarnation) {
            return Err(PublishError::Fenced);
        }
        // A banned name is excluded, as its session has ended.
        let presence = &self.stored.presence;
        if presence.is_excluded(person, now()) || presence.bans.has_address(person.address.as_ref(), now_ms) {
            return Err(PublishError::Ended);
        }
        if !self.stored.presence.may_act(person, incarnation, now()) {
            return Err(PublishError::Fenced);
        }
        Ok(())
    }

    fn position(&self) -> Position {
        let head = self.stored.log.head();
        Position { epoch: self.stored.log.epoch(), head, version: self.stored.presence.version() }
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

/// The time by tokio's clock, which tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
