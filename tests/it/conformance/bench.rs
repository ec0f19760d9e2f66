//! An engine on the workbench: a backplane, incarnations that use it, and ears that hear all it says.

use std::{sync::Arc, time::Duration};

use ruang::{
    backplane::{
        Backplane, Event, Heartbeat, HeartbeatError, HeartbeatReply, IncarnationId, Person, Post, PublishError,
        RetentionPolicy, SessionTag, memory::Memory, redis::Redis as RedisEngine,
    },
    protocol::{Id, Message, Nonce, Text},
    rate::Rate,
    redis::{Options, RedisConnector},
};
use tokio::sync::mpsc;

use crate::kit::{Engine, Redis, SOON, wait::within};

/// What the benches keep, unless a test says otherwise.
pub const KEEPING: RetentionPolicy = RetentionPolicy {
    history: 10_000,
    history_age: None,
    name_hold: Duration::from_secs(60),
    messages: Rate::UNLIMITED,
};

/// A backplane, and the Redis behind it if there is one.
pub struct Bench {
    pub backplane: Arc<dyn Backplane>,
    pub redis: Option<Redis>,
}

impl Bench {
    pub async fn of(engine: Engine) -> Self {
        Self::keeping(engine, KEEPING).await
    }

    pub async fn keeping(engine: Engine, keeping: RetentionPolicy) -> Self {
        match engine {
            Engine::Memory => Self { backplane: Arc::new(Memory::new(keeping)), redis: None },
            Engine::Redis => {
                let redis = Redis::start().await;
                let backplane = on(&redis, keeping);
                Self { backplane, redis: Some(redis) }
            }
        }
    }

    /// Another instance of the same room.
    pub fn other(&self) -> Arc<dyn Backplane> {
        match &self.redis {
            Some(redis) => on(redis, KEEPING),
            None => Arc::clone(&self.backplane),
        }
    }

    /// An incarnation that has beaten once, holding nobody.
    pub async fn living(&self) -> IncarnationId {
        let incarnation = IncarnationId::random();
        heartbeat(&*self.backplane, &incarnation, 1, &[], &[]).await.expect("a first beat");
        incarnation
    }

    /// Somebody hears everything from now on.
    pub async fn ears(&self) -> Ears {
        Ears::on(&*self.backplane).await
    }
}

/// The engine on a Redis.
pub fn on(redis: &Redis, keeping: RetentionPolicy) -> Arc<dyn Backplane> {
    let link = RedisConnector::new(&Options { url: redis.url(), password: None, ca_file: None }).expect("a URL");
    Arc::new(RedisEngine::new(link, "ruang", keeping).expect("an engine"))
}

/// A subscription, with waits that have a deadline.
pub struct Ears(mpsc::Receiver<Event>);

impl Ears {
    pub async fn on(backplane: &dyn Backplane) -> Self {
        let mut ears = Self(backplane.subscribe());
        assert_eq!(ears.next().await, Event::Gap, "a subscription begins with a gap");
        ears
    }

    pub async fn next(&mut self) -> Event {
        within(SOON, "an event", self.0.recv()).await.expect("the subscription goes on")
    }

    /// Takes everything that waits, and answers how much that was.
    pub fn hear_what_waits(&mut self) -> usize {
        std::iter::from_fn(|| self.0.try_recv().ok()).count()
    }

    /// The next that is not a beat.
    pub async fn next_news(&mut self) -> Event {
        loop {
            let event = self.next().await;
            if !matches!(event, Event::Heartbeat { .. }) {
                return event;
            }
        }
    }

    /// The next message; nothing but beats may come before.
    pub async fn message(&mut self) -> Arc<Message> {
        match self.next_news().await {
            Event::Message { message, .. } => message,
            other => panic!("a message was due, not {other:?}"),
        }
    }

    /// Who came and who went next.
    pub async fn moves(&mut self) -> (Vec<String>, Vec<String>) {
        match self.next_news().await {
            Event::Presence { delta, .. } | Event::Ended { delta, .. } => {
                let names =
                    |people: Vec<ruang::backplane::Member>| people.into_iter().map(|person| person.name).collect();
                (names(delta.joined), names(delta.left))
            }
            other => panic!("a change of presence was due, not {other:?}"),
        }
    }

    /// Fails unless the next thing heard is this beat: nothing came before it.
    pub async fn hears_only_beat(&mut self, incarnation: &IncarnationId, heartbeat_seq: u64) {
        loop {
            match self.next().await {
                Event::Heartbeat { incarnation: other, heartbeat_seq: counter, .. }
                    if other == *incarnation && counter == heartbeat_seq =>
                {
                    return;
                }
                Event::Heartbeat { .. } => {}
                other => panic!("only beats were due, not {other:?}"),
            }
        }
    }
}

/// A post by `name_key`, whose session is named after them.
pub fn post(incarnation: &IncarnationId, name_key: &str, nonce: &str, text: &str) -> Post {
    let nonce: Nonce = nonce.parse().expect("a nonce");
    let text = Text::parse(text).expect("a text");
    Post {
        incarnation: incarnation.clone(),
        session: session(name_key),
        name_key: name_key.into(),
        from: name_key.to_uppercase(),
        nonce,
        text,
        trace: None,
    }
}

pub async fn say(backplane: &dyn Backplane, incarnation: &IncarnationId, nonce: &str) -> Result<Id, PublishError> {
    backplane.publish(post(incarnation, "sari", nonce, "halo")).await
}

pub fn session(name_key: &str) -> SessionTag {
    format!("session-of-{name_key}").as_str().into()
}

pub fn hold(name_key: &str) -> Person {
    Person { name_key: name_key.into(), name: name_key.to_uppercase(), session: session(name_key) }
}

pub async fn heartbeat(
    backplane: &dyn Backplane,
    incarnation: &IncarnationId,
    heartbeat_seq: u64,
    adds: &[&str],
    dels: &[&str],
) -> Result<HeartbeatReply, HeartbeatError> {
    let holds = |whos: &[&str]| whos.iter().map(|name_key| hold(name_key)).collect();
    backplane
        .heartbeat(Heartbeat {
            incarnation: incarnation.clone(),
            heartbeat_seq,
            draining: false,
            adds: holds(adds),
            dels: holds(dels),
        })
        .await
}

/// Runs each named case (an async function of a [`Bench`]) once on each engine.
macro_rules! on_each_engine {
    ($($case:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::conformance::bench::Bench::of($crate::kit::Engine::Memory).await).await;
            })+
        }
        mod redis {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::conformance::bench::Bench::of($crate::kit::Engine::Redis).await).await;
            })+
        }
    };
}
pub(crate) use on_each_engine;
