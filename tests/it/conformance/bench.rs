//! An engine on the workbench: a backplane, incarnations that use it, and ears that hear all it says.

use std::{sync::Arc, time::Duration};

use ruang::{
    backplane::{
        Backplane, Beat, BeatError, Beaten, Event, Hold, Inc, Keeping, Post, PublishError, SessionTag, memory::Memory,
        redis::Redis as RedisEngine,
    },
    bucket::Rate,
    protocol::{Id, Message, Nonce, Text},
    redis::{Link, Options},
};
use tokio::sync::mpsc;

use crate::kit::{Engine, Redis, SOON, wait::within};

/// What the benches keep, unless a test says otherwise.
pub const KEEPING: Keeping =
    Keeping { history: 10_000, history_age: None, name_hold: Duration::from_secs(60), messages: Rate::UNLIMITED };

/// A backplane, and the Redis behind it if there is one.
pub struct Bench {
    pub backplane: Arc<dyn Backplane>,
    pub redis: Option<Redis>,
}

impl Bench {
    pub async fn of(engine: Engine) -> Self {
        Self::keeping(engine, KEEPING).await
    }

    pub async fn keeping(engine: Engine, keeping: Keeping) -> Self {
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
    pub async fn living(&self) -> Inc {
        let inc = Inc::random();
        beat(&*self.backplane, &inc, 1, &[], &[]).await.expect("a first beat");
        inc
    }

    /// Somebody hears everything from now on.
    pub async fn ears(&self) -> Ears {
        Ears::on(&*self.backplane).await
    }
}

/// The engine on a Redis.
pub fn on(redis: &Redis, keeping: Keeping) -> Arc<dyn Backplane> {
    let link = Link::new(&Options { url: redis.url(), password: None, ca_file: None }).expect("a URL");
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
            if !matches!(event, Event::Beat { .. }) {
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
                    |people: Vec<ruang::backplane::Person>| people.into_iter().map(|person| person.name).collect();
                (names(delta.joined), names(delta.left))
            }
            other => panic!("a change of presence was due, not {other:?}"),
        }
    }

    /// Fails unless the next thing heard is this beat: nothing came before it.
    pub async fn hears_only_beat(&mut self, inc: &Inc, k: u64) {
        loop {
            match self.next().await {
                Event::Beat { inc: other, k: counter, .. } if other == *inc && counter == k => return,
                Event::Beat { .. } => {}
                other => panic!("only beats were due, not {other:?}"),
            }
        }
    }
}

/// A post by `who`, whose session is named after them.
pub fn post(inc: &Inc, who: &str, nonce: &str, text: &str) -> Post {
    let nonce: Nonce = nonce.parse().expect("a nonce");
    let text = Text::parse(text).expect("a text");
    Post {
        inc: inc.clone(),
        session: session(who),
        who: who.into(),
        from: who.to_uppercase(),
        nonce,
        text,
        trace: None,
    }
}

pub async fn say(backplane: &dyn Backplane, inc: &Inc, nonce: &str) -> Result<Id, PublishError> {
    backplane.publish(post(inc, "sari", nonce, "halo")).await
}

pub fn session(who: &str) -> SessionTag {
    format!("session-of-{who}").as_str().into()
}

pub fn hold(who: &str) -> Hold {
    Hold { who: who.into(), name: who.to_uppercase(), session: session(who) }
}

pub async fn beat(
    backplane: &dyn Backplane,
    inc: &Inc,
    k: u64,
    adds: &[&str],
    dels: &[&str],
) -> Result<Beaten, BeatError> {
    let holds = |whos: &[&str]| whos.iter().map(|who| hold(who)).collect();
    backplane.beat(Beat { inc: inc.clone(), k, draining: false, adds: holds(adds), dels: holds(dels) }).await
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
