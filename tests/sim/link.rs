//! The link of one instance to Redis: every call and every event passes through it, late, twice, or not at all.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rand::{Rng, rngs::StdRng};
use ruang::{
    backplane::{
        Backplane, ChangeRequest, Claim, Cursor, EVENTS_WAITING, Event, Heartbeat, HeartbeatError, HeartbeatReply,
        IncarnationId, ModerationLog, ModerationOutcome, ModerationRequest, Page, PeoplePortion, Person, Position,
        Post, PublishError, ReapOutcome, RecordPage, ReportOutcome, ReportQueue, ReportRequest, SessionTag, Snapshot,
        Typing, Unavailable,
    },
    name::NameKey,
    protocol::{Id, Message, Row},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    observed::Observed,
    random::millis,
    redis::{Redis, plain},
    rule::Rule,
    world::World,
};

/// Deadline of a command, as that of the real client.
const COMMAND: Duration = Duration::from_secs(2);
/// More calls than any run has: an instance that repeats a call without end fails its run.
const CALLS: u32 = 2_000_000;

/// The present faults of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Nothing passes, and calls fail at once.
    pub is_cut: bool,
    /// Calls and replies are late by up to so many milliseconds.
    pub late_ms: u64,
    /// Of a hundred calls so many are lost on the way, and as many replies.
    pub lost_percent: u32,
    /// Events are late by up to so many milliseconds.
    pub events_late_ms: u64,
    /// Of a hundred events so many are lost, and nothing shows it.
    pub events_lost_percent: u32,
    /// Of a hundred events so many come twice.
    pub events_twice_percent: u32,
    /// The subscription seems to work, and nothing comes any more: its number.
    pub deaf: u64,
    /// Subscriptions are ended: their number.
    pub ended: u64,
}

/// See the [module](self).
pub struct Link {
    redis: Arc<Redis>,
    world: Arc<World>,
    number: usize,
    weather: Arc<Observed<Weather>>,
    state: Mutex<State>,
}

struct State {
    rng: StdRng,
    /// When the newest call arrives, and its reply: they keep their order.
    call_at: Instant,
    reply_at: Instant,
    calls: u32,
}

impl Link {
    /// A link in good weather.
    pub fn new(redis: &Arc<Redis>, world: &Arc<World>, number: usize) -> Arc<Self> {
        let now = Instant::now();
        let state = State { rng: world.generator("link", number), call_at: now, reply_at: now, calls: 0 };
        Arc::new(Self {
            redis: Arc::clone(redis),
            world: Arc::clone(world),
            number,
            weather: Arc::new(Observed::new(Weather::default())),
            state: Mutex::new(state),
        })
    }

    /// Changes the weather.
    pub fn set_weather(&self, change: impl FnOnce(&mut Weather)) {
        let mut weather = self.weather.get();
        change(&mut weather);
        self.weather.replace(weather);
    }

    /// Whether anything is wrong with it.
    pub fn is_troubled(&self) -> bool {
        let weather = self.weather.get();
        let Weather { deaf, ended, .. } = weather;
        weather != Weather { deaf, ended, ..Weather::default() }
    }

    /// Whether nothing gets through.
    pub fn is_cut(&self) -> bool {
        self.weather.get().is_cut
    }

    /// Its faults, one bit each.
    pub fn faults(&self) -> u8 {
        let weather = self.weather.get();
        let faults = [
            weather.is_cut,
            weather.late_ms > 0,
            weather.lost_percent > 0,
            weather.events_late_ms > 0,
            weather.events_lost_percent > 0,
            weather.events_twice_percent > 0,
        ];
        faults.into_iter().fold(0, |bits, fault| (bits << 1) | u8::from(fault))
    }

    /// Stores a session.
    pub async fn begin_session(&self, person: Person) -> Result<(), Unavailable> {
        self.call(|redis| Box::pin(async move { redis.begin_session(person) })).await
    }

    /// Deletes a session.
    pub async fn delete_session(&self, session: SessionTag) -> Result<(), Unavailable> {
        self.call(|redis| {
            Box::pin(async move {
                redis.refuse_if_full()?;
                redis.delete_session(&session);
                Ok(())
            })
        })
        .await
    }

    /// Whether a session exists.
    pub async fn has_session(&self, session: SessionTag) -> Result<bool, Unavailable> {
        self.call(|redis| Box::pin(async move { Ok(redis.has_session(&session)) })).await
    }

    /// Decides how the next call travels; none if it is lost on the way.
    fn route(&self, weather: Weather) -> Option<Route> {
        let mut state = self.state.lock();
        let State { rng, call_at, calls, .. } = &mut *state;
        *calls += 1;
        assert!(*calls < CALLS, "an instance calls Redis without end");
        *call_at = (*call_at).max(Instant::now() + millis(rng, 0, 1 + weather.late_ms));
        let (lost, late) = (rng.random_range(0..100), millis(rng, 0, 1 + weather.late_ms));
        let is_reply_lost = lost < 2 * weather.lost_percent;
        (lost >= weather.lost_percent).then_some(Route { call_at: *call_at, late, is_reply_lost })
    }

    /// When the reply that is known now arrives.
    fn reply_at(&self, late: Duration) -> Instant {
        let mut state = self.state.lock();
        state.reply_at = state.reply_at.max(Instant::now() + late);
        state.reply_at
    }

    /// Passes a call on. It is carried out even if its caller no longer waits.
    async fn call<T: Send + 'static, E: From<Unavailable> + Send + 'static>(
        &self,
        carry_out: impl FnOnce(Arc<Redis>) -> BoxFuture<'static, Result<T, E>>,
    ) -> Result<T, E> {
        let weather = self.weather.get();
        if weather.is_cut {
            sleep(Duration::from_millis(1)).await;
            return Err(Unavailable.into());
        }
        let Some(Route { call_at, late, is_reply_lost }) = self.route(weather) else {
            sleep(COMMAND).await;
            return Err(Unavailable.into());
        };
        let (reply, replied) = oneshot::channel();
        let call = carry_out(Arc::clone(&self.redis));
        let redis = Arc::clone(&self.redis);
        tokio::spawn(async move {
            sleep_until(call_at).await;
            redis.reply().await;
            let result = call.await;
            if !is_reply_lost {
                let _ = reply.send(result);
            }
        });
        match timeout(COMMAND, replied).await {
            Ok(Ok(result)) => {
                sleep_until(self.reply_at(late)).await;
                result
            }
            // The outcome is unknown.
            Ok(Err(_)) => {
                sleep(COMMAND).await;
                Err(Unavailable.into())
            }
            Err(_) => Err(Unavailable.into()),
        }
    }
}

/// How one call travels.
struct Route {
    call_at: Instant,
    late: Duration,
    is_reply_lost: bool,
}

/// The events of one subscription.
struct Pump {
    redis: Arc<Redis>,
    world: Arc<World>,
    weather: Arc<Observed<Weather>>,
    rng: StdRng,
    events: mpsc::Sender<Event>,
    /// When the newest event arrives: they keep their order.
    arrives_at: Instant,
    owes_gap: bool,
    /// A message that is held back, to break a rule.
    held: Option<(Id, Arc<Message>)>,
}

impl Pump {
    /// Runs until the subscriber is gone.
    async fn run(mut self) {
        let deaf = self.weather.get().deaf;
        loop {
            self.weather.wait_for(|weather| !weather.is_cut).await;
            self.redis.reply().await;
            let ended = self.weather.get().ended;
            let mut source = self.redis.room.subscribe();
            loop {
                tokio::select! {
                    biased;
                    () = self.events.closed() => return,
                    () = self.weather.wait_for(|weather| weather.is_cut || weather.ended != ended) => break,
                    event = source.recv() => {
                        let Some(event) = event else { return };
                        if self.weather.get().deaf == deaf {
                            self.pass(event).await;
                        }
                    }
                }
            }
            let pause = millis(&mut self.rng, 20, 150);
            sleep(pause).await;
        }
    }

    async fn pass(&mut self, event: Event) {
        let weather = self.weather.get();
        if weather.events_lost_percent > 0 && self.rng.random_range(0..100) < weather.events_lost_percent {
            return;
        }
        if weather.events_late_ms > 0 {
            let late = millis(&mut self.rng, 0, weather.events_late_ms);
            self.arrives_at = self.arrives_at.max(Instant::now() + late);
            sleep_until(self.arrives_at).await;
        }
        self.redis.reply().await;
        let twice = weather.events_twice_percent > 0 && self.rng.random_range(0..100) < weather.events_twice_percent;
        for event in self.broken(event) {
            if twice {
                self.send(event.clone());
            }
            self.send(event);
        }
    }

    fn send(&mut self, event: Event) {
        if self.owes_gap {
            self.owes_gap = self.events.try_send(Event::Gap).is_err();
        }
        if !self.owes_gap && self.events.try_send(event).is_err() {
            self.owes_gap = true;
        }
    }

    /// The events that arrive instead of this one, where a rule is broken.
    fn broken(&mut self, event: Event) -> Vec<Event> {
        if let Event::Moderated { position, rules, .. } = &event
            && self.world.breaks(Rule::ChangeDelivered)
        {
            return vec![Event::Moderated {
                position: *position,
                removed: vec![],
                edited: vec![],
                rules: rules.clone(),
                auto: None,
            }];
        }
        let Event::Message { prev, version, message, trace } = event else {
            let held = self.held.is_some() && matches!(event, Event::Heartbeat { .. });
            return if held { vec![] } else { vec![event] };
        };
        let message = plain(&message);
        if self.world.breaks(Rule::SameText) && message.id.n % 20 == 7 {
            let message = Arc::new(Message { text: "lain".to_owned(), ..Message::clone(&message) });
            return vec![Event::Message { prev, version, message, trace }];
        }
        let holds = self.world.breaks(Rule::NoSilentHole) || self.world.breaks(Rule::Order);
        match self.held.take() {
            None if holds && message.id.n % 20 == 7 => {
                self.held = Some((prev, message));
                vec![]
            }
            None => vec![Event::Message { prev, version, message, trace }],
            Some((before, held)) => {
                let second = Event::Message { prev: before, version, message: Arc::clone(&message), trace: None };
                if self.world.breaks(Rule::NoSilentHole) {
                    return vec![second];
                }
                let first = Event::Message { prev: message.id, version, message: held, trace: None };
                vec![second, first]
            }
        }
    }
}

/// Rows as they are delivered.
fn plain_rows(rows: &mut [Row]) {
    for row in rows {
        if let Row::Message(message) = row {
            *message = plain(message);
        }
    }
}

#[async_trait]
impl Backplane for Link {
    async fn publish(&self, post: Post) -> Result<Id, PublishError> {
        self.call(|redis| Box::pin(async move { redis.publish(post).await })).await
    }

    async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<HeartbeatReply, HeartbeatError> {
        self.redis.note_incarnation(self.number, &heartbeat.incarnation);
        let number = self.number;
        self.call(|redis| Box::pin(async move { redis.heartbeat(number, heartbeat).await })).await
    }

    async fn reap(&self, incarnation: &IncarnationId, heartbeat_seq: u64) -> Result<ReapOutcome, Unavailable> {
        let incarnation = incarnation.clone();
        self.call(|redis| Box::pin(async move { redis.reap(&incarnation, heartbeat_seq).await })).await
    }

    async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable> {
        let (session, name_key) = (session.clone(), name_key.clone());
        self.call(|redis| Box::pin(async move { redis.end(&session, &name_key).await })).await
    }

    async fn read(&self, from: Option<Position>) -> Result<Snapshot, Unavailable> {
        let result = self.call(|redis| Box::pin(async move { redis.room.read(from).await })).await;
        result.map(|mut snapshot: Snapshot| {
            plain_rows(&mut snapshot.rows);
            if self.world.breaks(Rule::ChangesMissed) && from.is_some() {
                snapshot.changes.clear();
            }
            if self.world.breaks(Rule::LostPosition) && from.is_some() && snapshot.missed.is_none() {
                (snapshot.continues, snapshot.missed) = (true, Some(0));
                snapshot.rows.retain(|row| row.id().epoch == snapshot.position.epoch);
            }
            snapshot
        })
    }

    async fn people(&self, cursor: Option<String>) -> Result<PeoplePortion, Unavailable> {
        self.call(|redis| Box::pin(async move { redis.room.people(cursor).await })).await
    }

    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        self.call(|redis| Box::pin(async move { redis.room.locate(id).await })).await
    }

    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        let page = self.call(|redis| Box::pin(async move { redis.room.page(cursor, limit).await })).await;
        page.map(|mut page: Page| {
            plain_rows(&mut page.rows);
            page
        })
    }

    async fn claim(&self, person: &Person) -> Result<Claim, Unavailable> {
        let person = person.clone();
        self.call(|redis| {
            Box::pin(async move {
                redis.refuse_if_full()?;
                redis.room.claim(&person).await
            })
        })
        .await
    }

    async fn change(&self, request: ChangeRequest) -> Result<Id, PublishError> {
        self.call(|redis| Box::pin(async move { redis.change(request).await })).await
    }

    async fn check_claim(&self, person: &Person) -> Result<Claim, Unavailable> {
        let person = person.clone();
        self.call(|redis| Box::pin(async move { redis.room.check_claim(&person).await })).await
    }

    async fn typing(&self, typing: Typing) -> Result<(), Unavailable> {
        self.call(|redis| Box::pin(async move { redis.room.typing(typing).await })).await
    }

    async fn moderate(&self, request: ModerationRequest) -> Result<ModerationOutcome, Unavailable> {
        self.call(|redis| Box::pin(async move { redis.room.moderate(request).await })).await
    }

    async fn neighbours(&self, name_key: &NameKey) -> Result<Option<usize>, Unavailable> {
        let name_key = name_key.clone();
        self.call(|redis| Box::pin(async move { redis.room.neighbours(&name_key).await })).await
    }

    async fn moderation_log(&self) -> Result<ModerationLog, Unavailable> {
        self.call(|redis| Box::pin(async move { redis.room.moderation_log().await })).await
    }

    async fn records(&self, after: Option<Id>, limit: usize) -> Result<RecordPage, Unavailable> {
        self.call(|redis| Box::pin(async move { redis.room.records(after, limit).await })).await
    }

    async fn report(&self, request: ReportRequest) -> Result<ReportOutcome, Unavailable> {
        self.call(|redis| Box::pin(async move { redis.room.report(request).await })).await
    }

    async fn reports(&self, limit: usize) -> Result<ReportQueue, Unavailable> {
        self.call(|redis| Box::pin(async move { redis.room.reports(limit).await })).await
    }

    fn now(&self) -> Duration {
        self.redis.now()
    }

    fn waiting(&self) -> usize {
        0
    }

    fn last_error(&self) -> Option<String> {
        None
    }

    fn subscribe(&self) -> mpsc::Receiver<Event> {
        let (events, receiver) = mpsc::channel(EVENTS_WAITING);
        let pump = Pump {
            redis: Arc::clone(&self.redis),
            world: Arc::clone(&self.world),
            weather: Arc::clone(&self.weather),
            rng: {
                let mut state = self.state.lock();
                rand::SeedableRng::from_rng(&mut state.rng)
            },
            events,
            arrives_at: Instant::now(),
            owes_gap: false,
            held: None,
        };
        tokio::spawn(pump.run());
        receiver
    }
}
