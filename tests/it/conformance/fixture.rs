//! A backplane under test, incarnations that use it, and subscribers that receive its events.

use std::{sync::Arc, time::Duration};

use ruang::{
    automod::SharedChecks,
    backplane::{
        Backplane, CHANGES_AT_ONCE, Event, Heartbeat, HeartbeatError, HeartbeatReply, IncarnationId, Person, Position,
        Post, Present, PublishError, RetentionPolicy, SessionTag, SnapshotPeople, memory::MemoryBackplane,
        redis::RedisBackplane,
    },
    protocol::{Id, Message, Nonce, Text},
    rate::Rate,
    redis::{Options, RedisConnector},
};
use tokio::sync::mpsc;

use crate::kit::{Engine, Redis, SOON, wait::within};

/// The policy of a fixture, unless a test passes another.
pub const POLICY: RetentionPolicy = RetentionPolicy {
    history: 10_000,
    history_age: None,
    name_hold: Duration::from_secs(60),
    messages: Rate::UNLIMITED,
    bot_messages: Rate::UNLIMITED,
    lease: Duration::from_secs(5),
    edit_window: Duration::from_secs(900),
};

/// A backplane, and the Redis behind it if there is one.
pub struct Fixture {
    pub backplane: Arc<dyn Backplane>,
    pub redis: Option<Redis>,
}

impl Fixture {
    pub async fn of(engine: Engine) -> Self {
        Self::with(engine, POLICY).await
    }

    pub async fn with(engine: Engine, policy: RetentionPolicy) -> Self {
        match engine {
            Engine::Memory => Self { backplane: Arc::new(MemoryBackplane::new(policy)), redis: None },
            Engine::Redis => {
                let redis = Redis::start().await;
                let backplane = on(&redis, policy);
                Self { backplane, redis: Some(redis) }
            }
        }
    }

    /// Another instance of the same room.
    pub fn other(&self) -> Arc<dyn Backplane> {
        match &self.redis {
            Some(redis) => on(redis, POLICY),
            None => Arc::clone(&self.backplane),
        }
    }

    /// An incarnation with a lease, holding no one.
    pub async fn incarnation(&self) -> IncarnationId {
        let incarnation = IncarnationId::random();
        heartbeat(&*self.backplane, &incarnation, 1, &[], &[]).await.expect("a first heartbeat");
        incarnation
    }

    /// An incarnation with a lease, holding no one, and some sessions that own their names: it can publish for them.
    pub async fn sender(&self) -> IncarnationId {
        for name_key in ["sari", "budi", "sari budi", "p0", "p1", "p2", "p3"] {
            self.backplane.claim(&person(name_key)).await.expect("a claim");
        }
        self.incarnation().await
    }

    /// Everybody in the room.
    pub async fn people(&self) -> Vec<Present> {
        match self.backplane.read(None).await.expect("a snapshot").people {
            SnapshotPeople::All(people) => people,
            SnapshotPeople::Many(_) => self.portions().await.concat(),
            other => panic!("expected all people, not {other:?}"),
        }
    }

    /// Everybody in a large room, as they are read.
    pub async fn portions(&self) -> Vec<Vec<Present>> {
        let (mut portions, mut cursor) = (vec![], None);
        loop {
            let portion = self.backplane.people(cursor).await.expect("a portion");
            portions.push(portion.people);
            cursor = portion.next;
            if cursor.is_none() {
                return portions;
            }
        }
    }

    /// Adds people by heartbeats after the first one. Returns the counter of the last.
    pub async fn add_many(&self, incarnation: &IncarnationId, count: usize) -> u64 {
        let names: Vec<String> = (0..count).map(|n| format!("p{n}")).collect();
        let mut last = 1;
        for portion in names.chunks(CHANGES_AT_ONCE) {
            last += 1;
            let portion: Vec<&str> = portion.iter().map(String::as_str).collect();
            heartbeat(&*self.backplane, incarnation, last, &portion, &[]).await.expect("a heartbeat");
        }
        last
    }

    /// A subscriber that receives every event from now on.
    pub async fn subscriber(&self) -> Subscriber {
        Subscriber::on(&*self.backplane).await
    }
}

/// The engine on a Redis.
pub fn on(redis: &Redis, policy: RetentionPolicy) -> Arc<dyn Backplane> {
    let connector = RedisConnector::new(&Options { url: redis.url(), password: None, ca_file: None }).expect("a URL");
    Arc::new(RedisBackplane::new(connector, "ruang", policy).expect("an engine"))
}

/// A subscription, with waits that have a deadline.
pub struct Subscriber(mpsc::Receiver<Event>);

impl Subscriber {
    pub async fn on(backplane: &dyn Backplane) -> Self {
        let mut subscriber = Self(backplane.subscribe());
        assert_eq!(subscriber.next().await, Event::Gap, "a subscription begins with a gap");
        subscriber
    }

    pub async fn next(&mut self) -> Event {
        within(SOON, "an event", self.0.recv()).await.expect("the subscription goes on")
    }

    /// Takes all waiting events, and returns their number.
    pub fn drain(&mut self) -> usize {
        std::iter::from_fn(|| self.0.try_recv().ok()).count()
    }

    /// The next event that is not a heartbeat.
    pub async fn next_event(&mut self) -> Event {
        loop {
            let event = self.next().await;
            if !matches!(event, Event::Heartbeat { .. }) {
                return event;
            }
        }
    }

    /// The next message; fails on any other event but heartbeats.
    pub async fn message(&mut self) -> Arc<Message> {
        match self.next_event().await {
            Event::Message { message, .. } => message,
            other => panic!("expected a message, not {other:?}"),
        }
    }

    /// The names that joined and left next.
    pub async fn presence(&mut self) -> (Vec<String>, Vec<String>) {
        match self.next_event().await {
            Event::Presence { delta, .. } | Event::Ended { delta, .. } => {
                let names =
                    |people: Vec<ruang::backplane::Member>| people.into_iter().map(|person| person.name).collect();
                (names(delta.joined), names(delta.left))
            }
            other => panic!("expected a change of presence, not {other:?}"),
        }
    }

    /// Fails if any event but heartbeats comes before this heartbeat.
    pub async fn expect_only_heartbeat(&mut self, incarnation: &IncarnationId, heartbeat_seq: u64) {
        loop {
            match self.next().await {
                Event::Heartbeat { incarnation: other, heartbeat_seq: counter, .. }
                    if other == *incarnation && counter == heartbeat_seq =>
                {
                    return;
                }
                Event::Heartbeat { .. } => {}
                other => panic!("expected only heartbeats, not {other:?}"),
            }
        }
    }
}

/// A position at this id, with people that are never the current ones.
pub fn at(id: Id) -> Option<Position> {
    Some(Position { epoch: 0, head: id, version: 0 })
}

/// A post by `name_key`, whose session is named after the key.
pub fn post(incarnation: &IncarnationId, name_key: &str, nonce: &str, text: &str) -> Post {
    let nonce: Nonce = nonce.parse().expect("a nonce");
    let text = Text::parse(text).expect("a text");
    let (incarnation, person) = (incarnation.clone(), person(name_key));
    let checks = SharedChecks::default();
    Post { incarnation, person, nonce, text, reply_to: None, alias: None, trace: None, checks }
}

pub async fn publish(backplane: &dyn Backplane, incarnation: &IncarnationId, nonce: &str) -> Result<Id, PublishError> {
    backplane.publish(post(incarnation, "sari", nonce, "halo")).await
}

pub fn session(name_key: &str) -> SessionTag {
    format!("session-of-{name_key}").as_str().into()
}

/// A person with this session.
pub fn owner(name_key: &str, session: SessionTag) -> Person {
    Person::new(name_key.into(), name_key.to_uppercase(), session)
}

pub fn person(name_key: &str) -> Person {
    owner(name_key, session(name_key))
}

pub async fn heartbeat(
    backplane: &dyn Backplane,
    incarnation: &IncarnationId,
    heartbeat_seq: u64,
    adds: &[&str],
    dels: &[&str],
) -> Result<HeartbeatReply, HeartbeatError> {
    let people = |names: &[&str]| names.iter().map(|name_key| person(name_key)).collect();
    backplane
        .heartbeat(Heartbeat {
            adds: people(adds),
            dels: people(dels),
            ..Heartbeat::new(incarnation.clone(), heartbeat_seq)
        })
        .await
}
