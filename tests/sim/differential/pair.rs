//! Both engines, side by side.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use ruang::{
    backplane::{
        Backplane, Event, Heartbeat, RetentionPolicy,
        memory::{MemoryBackplane, Replica},
        redis::RedisBackplane,
    },
    rate::Rate,
    redis::{Options, RedisConnector},
};
use tokio::{sync::mpsc, time::timeout};

use super::{call::Call, side::Side};
use crate::kit::redis::Redis;

/// Nothing expires during a sequence.
const POLICY: RetentionPolicy = RetentionPolicy {
    history: 10_000,
    history_age: None,
    name_hold: Duration::from_secs(600),
    messages: Rate::UNLIMITED,
    bot_messages: Rate::UNLIMITED,
    lease: Duration::from_secs(60),
    edit_window: Duration::from_secs(900),
};
const META: &str = "ruang:{ruang_chat_utama}:meta";
/// The incarnation whose heartbeat ends a sequence.
const LAST: &str = "last";
/// How long an event may take.
const EVENT: Duration = Duration::from_secs(2);

/// The first reply or event that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub at: String,
    pub memory: String,
    pub redis: String,
}

/// The engine in Redis, and a connection beside it.
pub struct Pair {
    redis: RedisBackplane,
    events: mpsc::Receiver<Event>,
    control: TcpStream,
}

impl Pair {
    /// The scripts, passed through `edit`, on this Redis.
    pub async fn on(redis: &Redis, edit: impl Fn(&str) -> String) -> Self {
        let connector =
            RedisConnector::new(&Options { url: redis.url(), password: None, ca_file: None }).expect("a URL");
        let control = TcpStream::connect(("127.0.0.1", redis.port())).expect("Redis");
        let redis = RedisBackplane::new(connector, "ruang", POLICY).expect("an engine").with_edited_scripts(edit);
        let events = redis.subscribe();
        let mut pair = Self { redis, events, control };
        timeout(EVENT * 5, pair.events.recv()).await.expect("a subscription");
        // The first call waits for the connection.
        let _ = timeout(EVENT, pair.redis.locate(ruang::protocol::Id::new(1, 1))).await;
        pair
    }

    /// Carries out calls on both engines, from empty rooms.
    ///
    /// # Errors
    /// The first difference.
    pub async fn run(&mut self, calls: &[Call]) -> Result<(), Difference> {
        self.flush().await;
        let memory = MemoryBackplane::new(POLICY);
        let mut memory_events = memory.subscribe();
        let (mut one, mut other) = (Side::default(), Side::default());
        while self.events.try_recv().is_ok() {}
        for (number, call) in calls.iter().enumerate() {
            match call {
                Call::Failover => {
                    let replica = memory.replica();
                    let epoch = replica.epoch() + 1;
                    memory.fail_over(replica, epoch);
                    self.command(&format!("HSET {META} line another"));
                }
                Call::Flush => {
                    let epoch = memory.replica().epoch() + 1;
                    memory.fail_over(Replica::empty(POLICY, epoch), epoch);
                    self.flush().await;
                }
                _ => {}
            }
            let (memory, redis) = (one.carry_out(call, &memory).await, other.carry_out(call, &self.redis).await);
            if memory != redis {
                return Err(Difference { at: format!("call {number}: {call:?}"), memory, redis });
            }
        }
        for engine in [&memory as &dyn Backplane, &self.redis] {
            let _ = engine.heartbeat(Heartbeat::new(LAST.into(), 1)).await;
        }
        let memory = events_of(&mut memory_events, &mut one).await;
        let redis = events_of(&mut self.events, &mut other).await;
        let differs = |number: &usize| memory.get(*number) != redis.get(*number);
        let Some(number) = (0..memory.len().max(redis.len())).find(differs) else { return Ok(()) };
        let event = |events: &[String]| events.get(number).cloned().unwrap_or_else(|| "(none)".to_owned());
        Err(Difference { at: format!("event {number}"), memory: event(&memory), redis: event(&redis) })
    }

    /// Loses everything. An epoch begins with the next script.
    async fn flush(&mut self) {
        self.command("FLUSHALL");
        let _ = self.redis.read(None).await;
    }

    /// Sends a command, and waits for its reply.
    fn command(&mut self, command: &str) {
        self.control.write_all(format!("{command}\r\n").as_bytes()).expect("Redis");
        let mut reply = [0; 64];
        while self.control.read(&mut reply).expect("a reply") == reply.len() {}
    }
}

/// The events up to the last heartbeat.
async fn events_of(events: &mut mpsc::Receiver<Event>, side: &mut Side) -> Vec<String> {
    let mut texts = vec![];
    while let Ok(Some(event)) = timeout(EVENT, events.recv()).await {
        if matches!(&event, Event::Heartbeat { incarnation, .. } if incarnation.as_str() == LAST) {
            break;
        }
        if event != Event::Gap {
            texts.push(side.event(event));
        }
    }
    texts
}
