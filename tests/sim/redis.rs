//! The simulated Redis: the memory engine, with sessions, failovers, and a journal of everything that was ever stored.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rand::{Rng, rngs::StdRng};
use ruang::{
    backplane::{
        Backplane, ChangeRequest, Event, Heartbeat, HeartbeatError, HeartbeatReply, IncarnationId, Person, Post,
        PublishError, ReapOutcome, RetentionPolicy, SessionTag, Unavailable,
        memory::{MemoryBackplane, Replica},
    },
    name::NameKey,
    protocol::{Id, Message},
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    kit::transcript::ChatMessage,
    observed::Observed,
    rule::Rule,
    torture::record::{InstanceExit, LostMessage, Moment, Return, UndoneChange},
    world::{EPOCH, World},
};

/// The suffix of a nonce that was stored again on purpose: see [`Rule::Once`].
const AGAIN: &str = "--again";

/// See the [module](self).
pub struct Redis {
    /// The room.
    pub room: MemoryBackplane,
    world: Arc<World>,
    policy: RetentionPolicy,
    clock: Arc<Clock>,
    state: Mutex<State>,
    /// Whether it replies.
    replies: Observed<bool>,
}

/// The wall clock, which can be set.
struct Clock {
    began: Instant,
    offset_ms: AtomicI64,
}

struct State {
    rng: StdRng,
    sessions: BTreeMap<SessionTag, Person>,
    /// All messages ever stored, in that order, and when each was lost.
    journal: Vec<(ChatMessage, Option<Moment>)>,
    /// Changes of messages: the place in the journal, and the message before and after.
    changes: Vec<(usize, ChatMessage, ChatMessage)>,
    /// Changes that were lost.
    undone: Vec<UndoneChange>,
    stored: mpsc::Receiver<Event>,
    replica: Option<Lagging>,
    is_full: bool,
    /// The last time that sessions were lost.
    sessions_lost_at: Option<Moment>,
    /// Changes of the epoch, and when each was.
    epochs: u64,
    epochs_began: Vec<Moment>,
    /// Instances, by number.
    instances: BTreeMap<usize, Observation>,
    deaths: Vec<InstanceExit>,
}

/// The known state of an instance.
#[derive(Default)]
struct Observation {
    /// Its newest incarnation.
    incarnation: Option<IncarnationId>,
    /// When its last heartbeat was accepted.
    accepted_at: Moment,
    /// In which epoch the first heartbeat of the incarnation was accepted.
    epochs: Option<u64>,
    /// When something first went wrong with it after the last heartbeat before that.
    troubled_at: Moment,
    has_exited: bool,
    /// The place of its death in the list, and the epoch of that.
    died: Option<(usize, u64)>,
}

/// A replica that no longer follows.
struct Lagging {
    room: Replica,
    sessions: BTreeMap<SessionTag, Person>,
    journal: usize,
    changes: usize,
}

impl Redis {
    /// An empty one.
    pub fn new(world: &Arc<World>, policy: RetentionPolicy) -> Arc<Self> {
        let clock = Arc::new(Clock { began: Instant::now(), offset_ms: AtomicI64::new(0) });
        let wall = Arc::clone(&clock);
        let room = MemoryBackplane::with_clock(policy, move || wall.now());
        let stored = room.subscribe();
        let state = State {
            rng: world.generator("redis", 0),
            sessions: BTreeMap::new(),
            journal: vec![],
            changes: vec![],
            undone: vec![],
            stored,
            replica: None,
            is_full: false,
            sessions_lost_at: None,
            epochs: 0,
            epochs_began: vec![],
            instances: BTreeMap::new(),
            deaths: vec![],
        };
        let replies = Observed::new(true);
        Arc::new(Self { room, world: Arc::clone(world), policy, clock, state: Mutex::new(state), replies })
    }

    /// Waits until it replies.
    pub async fn reply(&self) {
        self.replies.wait_for(|replies| *replies).await;
    }

    /// Stops or continues.
    pub fn set_replies(&self, replies: bool) {
        self.replies.replace(replies);
    }

    /// Refuses writes, or accepts them again.
    pub fn set_full(&self, is_full: bool) {
        self.state.lock().is_full = is_full;
    }

    /// Whether it stands still, is full, and has a replica that does not follow.
    pub fn faults(&self) -> [bool; 3] {
        let state = self.state.lock();
        [!self.replies.get(), state.is_full, state.replica.is_some()]
    }

    /// The time since 1970 by its clock.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Sets the clock forward or back.
    pub fn step_clock(&self, by_ms: i64) {
        self.clock.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// From now on the replica does not follow.
    pub fn stop_replica(&self) {
        let mut state = self.state.lock();
        state.note_stored();
        let (room, sessions) = (self.room.replica(), state.sessions.clone());
        let (journal, changes) = (state.journal.len(), state.changes.len());
        state.replica = Some(Lagging { room, sessions, journal, changes });
    }

    /// Fails over to the replica: what was written since [`stop_replica`](Self::stop_replica) is lost. Returns the number of
    /// messages among that.
    pub fn fail_over(&self) -> usize {
        let mut state = self.state.lock();
        state.note_stored();
        let Some(replica) = state.replica.take() else { return 0 };
        let former = replica.room.epoch();
        let epoch = if self.world.breaks(Rule::NewEpoch) {
            former
        } else {
            self.micros().max(former + 1) + state.rng.random_range(0..0x10000)
        };
        self.replace(&mut state, replica, epoch)
    }

    /// Loses everything. Returns the number of messages among that.
    pub fn flush(&self) -> usize {
        let mut state = self.state.lock();
        state.note_stored();
        // It reaches a replica that lags as well: the failover then brings nothing back.
        state.replica = None;
        let epoch = self.micros() + state.rng.random_range(0..0x10000);
        let room = Replica::empty(self.policy, epoch);
        let changes = state.changes.len();
        self.replace(&mut state, Lagging { room, sessions: BTreeMap::new(), journal: 0, changes }, epoch)
    }

    /// The surviving log, oldest first, and the messages and changes that were lost.
    pub fn log(&self) -> (Vec<ChatMessage>, Vec<LostMessage>, Vec<UndoneChange>) {
        let mut state = self.state.lock();
        state.note_stored();
        let (mut log, mut lost) = (vec![], vec![]);
        for (message, lost_at) in &state.journal {
            match lost_at {
                None => log.push(message.clone()),
                Some(at) => lost.push(LostMessage { message: message.clone(), place: log.len(), at: *at }),
            }
        }
        (log, lost, state.undone.clone())
    }

    /// When sessions were last lost.
    pub fn sessions_lost_at(&self) -> Option<Moment> {
        self.state.lock().sessions_lost_at
    }

    /// An instance uses an incarnation.
    pub fn note_incarnation(&self, number: usize, incarnation: &IncarnationId) {
        let mut state = self.state.lock();
        let State { instances, deaths, epochs, .. } = &mut *state;
        let observation = instances.entry(number).or_default();
        let former = observation.incarnation.replace(incarnation.clone());
        // A new one within an epoch: it has found out by itself that others may take it for dead.
        if former.is_some_and(|former| former != *incarnation) && observation.epochs.take() == Some(*epochs) {
            deaths.extend(observation.death(number));
        }
    }

    /// A fault of an instance begins.
    pub fn note_trouble(&self, number: usize) {
        let (now, mut state) = (self.world.now(), self.state.lock());
        let observation = state.instances.entry(number).or_default();
        if observation.accepted_at >= observation.troubled_at {
            observation.troubled_at = now;
        }
    }

    /// An instance goes: its death is known. Returns since when it is silent if it stands still.
    pub fn note_exit(&self, number: usize) -> Moment {
        let mut state = self.state.lock();
        let observation = state.instances.entry(number).or_default();
        observation.has_exited = true;
        observation.silent_since()
    }

    /// Instances that were declared dead while they lived, and since when they were silent.
    pub fn deaths(&self) -> Vec<InstanceExit> {
        self.state.lock().deaths.clone()
    }

    /// Stores a session.
    pub fn begin_session(&self, person: Person) -> Result<(), Unavailable> {
        self.refuse_if_full()?;
        self.state.lock().sessions.insert(person.session.clone(), person);
        Ok(())
    }

    /// Deletes a session.
    pub fn delete_session(&self, session: &SessionTag) {
        self.state.lock().sessions.remove(session);
    }

    /// Whether a session exists.
    pub fn has_session(&self, session: &SessionTag) -> bool {
        self.state.lock().sessions.contains_key(session)
    }

    /// Fails while memory is full.
    pub fn refuse_if_full(&self) -> Result<(), Unavailable> {
        if self.state.lock().is_full { Err(Unavailable) } else { Ok(()) }
    }

    /// See [`Backplane::publish`].
    pub async fn publish(&self, mut post: Post) -> Result<Id, PublishError> {
        self.refuse_if_full()?;
        if self.world.breaks(Rule::Once) {
            let was_stored = {
                let mut state = self.state.lock();
                state.note_stored();
                state.journal.iter().any(|(message, _)| message.nonce == post.nonce.as_str())
            };
            if was_stored {
                post.nonce = format!("{}{AGAIN}", post.nonce.as_str()).parse().unwrap();
            }
        }
        if self.world.breaks(Rule::Stored) && post.text.as_str().ends_with('7') {
            let head = self.room.read(None).await?.position.head;
            return Ok(Id::new(head.epoch, head.n + 1));
        }
        let published = self.room.publish(post).await;
        self.state.lock().note_stored();
        published
    }

    /// See [`Backplane::change`].
    pub async fn change(&self, request: ChangeRequest) -> Result<Id, PublishError> {
        self.refuse_if_full()?;
        if self.world.breaks(Rule::ChangeStored) {
            return Ok(request.id);
        }
        let changed = self.room.change(request).await;
        self.state.lock().note_stored();
        changed
    }

    /// See [`Backplane::heartbeat`].
    pub async fn heartbeat(&self, number: usize, mut heartbeat: Heartbeat) -> Result<HeartbeatReply, HeartbeatError> {
        self.refuse_if_full()?;
        if self.world.breaks(Rule::FormerLease) {
            heartbeat.epoch = None;
        }
        if self.world.breaks(Rule::LastHolder) {
            for person in &heartbeat.dels {
                self.room.end(&person.session, &person.name_key).await?;
            }
        }
        let reply = self.room.heartbeat(heartbeat).await;
        let mut state = self.state.lock();
        state.note_stored();
        if reply.is_ok() {
            state.note_accepted(number, self.world.now());
        }
        reply
    }

    /// See [`Backplane::reap`].
    pub async fn reap(&self, incarnation: &IncarnationId, heartbeat_seq: u64) -> Result<ReapOutcome, Unavailable> {
        self.refuse_if_full()?;
        if self.world.breaks(Rule::Reaped) {
            return Ok(ReapOutcome::Done);
        }
        let reaped = self.room.reap(incarnation, heartbeat_seq).await;
        if reaped == Ok(ReapOutcome::Done) {
            self.state.lock().note_death(incarnation);
        }
        reaped
    }

    /// See [`Backplane::end`].
    pub async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable> {
        self.refuse_if_full()?;
        if self.world.breaks(Rule::EndedSession) {
            return Ok(());
        }
        self.room.end(session, name_key).await
    }

    fn replace(&self, state: &mut State, replica: Lagging, epoch: u64) -> usize {
        let Lagging { room, sessions, journal, changes } = replica;
        let now = self.world.now();
        self.room.fail_over(room, epoch);
        state.epochs += 1;
        state.epochs_began.push(now);
        if sessions != state.sessions {
            state.sessions_lost_at = Some(now);
        }
        state.sessions = sessions;
        self.world.has_lost.store(true, Ordering::Relaxed);
        for (place, before, message) in state.changes.drain(changes..).rev() {
            // A message that is lost itself is lost as it was.
            if place < journal {
                state.journal[place].0 = before;
                state.undone.push(UndoneChange { message, at: now });
            }
        }
        let lost = state.journal[journal..].iter_mut().filter(|(_, lost_at)| lost_at.is_none());
        lost.map(|(_, lost_at)| *lost_at = Some(now)).count()
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.now().as_micros()).unwrap()
    }
}

impl State {
    /// A heartbeat is accepted.
    fn note_accepted(&mut self, number: usize, now: Moment) {
        let observation = self.instances.entry(number).or_default();
        observation.accepted_at = now;
        observation.epochs.get_or_insert(self.epochs);
        let Some((place, epoch)) = observation.died.take() else { return };
        // Within an epoch it finds out that it was declared dead, and closes its connections.
        if let Some(from) = usize::try_from(epoch).ok().and_then(|epoch| self.epochs_began.get(epoch)) {
            self.deaths[place].returned = Some(Return { from: *from, by: now });
        }
    }

    /// An incarnation is dead.
    fn note_death(&mut self, incarnation: &IncarnationId) {
        let is_it = |observation: &Observation| observation.incarnation.as_ref() == Some(incarnation);
        let Some((number, observation)) = self.instances.iter_mut().find(|(_, observation)| is_it(observation)) else {
            return;
        };
        observation.incarnation = None;
        if let Some(death) = observation.death(*number) {
            observation.died = Some((self.deaths.len(), self.epochs));
            self.deaths.push(death);
        }
    }

    /// Adds new messages to the journal.
    fn note_stored(&mut self) {
        while let Ok(event) = self.stored.try_recv() {
            match event {
                Event::Message { message, .. } => self.journal.push((chat_message(&plain(&message)), None)),
                Event::Moderated { removed, edited, .. } => {
                    for id in removed {
                        self.note_change(&id.to_string(), |message| ChatMessage {
                            nonce: String::new(),
                            text: String::new(),
                            reply_to: None,
                            edited_at: None,
                            ..message.clone()
                        });
                    }
                    for message in edited {
                        self.note_change(&message.id.to_string(), |_| chat_message(&message));
                    }
                }
                _ => {}
            }
        }
    }

    fn note_change(&mut self, id: &str, change: impl FnOnce(&ChatMessage) -> ChatMessage) {
        let mut rows = self.journal.iter_mut().enumerate().rev();
        let Some((place, (message, _))) = rows.find(|(_, (message, _))| message.id == id) else { return };
        let after = change(message);
        let before = std::mem::replace(message, after.clone());
        self.changes.push((place, before, after));
    }
}

impl Observation {
    /// When its last heartbeat was accepted, or something went wrong after that.
    fn silent_since(&self) -> Moment {
        self.accepted_at.max(self.troubled_at)
    }

    /// The end of its connections, unless it has gone by itself: it was silent from then on.
    fn death(&self, number: usize) -> Option<InstanceExit> {
        let at = self.silent_since();
        (!self.has_exited).then(|| InstanceExit { base: format!("i{number}"), at, announced: false, returned: None })
    }
}

impl Clock {
    fn now(&self) -> Duration {
        let offset = self.offset_ms.load(Ordering::Relaxed);
        let now = EPOCH + self.began.elapsed();
        let by = Duration::from_millis(offset.unsigned_abs());
        if offset < 0 { now - by } else { now + by }
    }
}

/// A message as it is delivered: without what marks one that was stored again.
pub fn plain(message: &Arc<Message>) -> Arc<Message> {
    match message.nonce.as_str().strip_suffix(AGAIN) {
        None => Arc::clone(message),
        Some(nonce) => Arc::new(Message { nonce: nonce.parse().unwrap(), ..Message::clone(message) }),
    }
}

fn chat_message(message: &Message) -> ChatMessage {
    ChatMessage {
        id: message.id.to_string(),
        nonce: message.nonce.as_str().to_owned(),
        from: message.from.clone(),
        text: message.text.clone(),
        at: message.at,
        reply_to: message.reply_to.map(|id| id.to_string()),
        edited_at: message.edited_at,
    }
}
