//! Both engines, side by side, by one clock that stands still during a call.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ruang::{
    backplane::{
        Backplane, Event, Heartbeat, RetentionPolicy,
        memory::{MemoryBackplane, Replica},
        redis::RedisBackplane,
    },
    protocol::Id,
    rate::Rate,
    redis::{Options, RedisConnector},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    time::{advance, timeout},
};

use super::{
    call::{Call, STEP},
    side::Side,
};
use crate::world::EPOCH;

/// No message waits for its turn, but in slow mode.
const UNLIMITED: RetentionPolicy = RetentionPolicy {
    history: 10_000,
    history_age: None,
    name_hold: Duration::from_secs(600),
    messages: Rate::UNLIMITED,
    bot_messages: Rate::UNLIMITED,
    lease: Duration::from_secs(60),
    edit_window: Duration::from_secs(900),
};
/// Every limit is met. All times are multiples of [`STEP`].
const LIMITED: RetentionPolicy = RetentionPolicy {
    messages: Rate { per_second: 0.1, burst: 3.0 },
    bot_messages: Rate { per_second: 0.1, burst: 5.0 },
    edit_window: Duration::from_secs(60),
    ..UNLIMITED
};
const POLICIES: [(&str, RetentionPolicy); 2] = [("tak_terbatas", UNLIMITED), ("terbatas", LIMITED)];
/// The incarnation whose heartbeat ends a sequence.
const LAST: &str = "last";
/// How long an event may take.
const EVENT: Duration = Duration::from_secs(2);
/// The time that the scripts read, as Redis gives its own.
const CLOCK: &str = "clock";
/// Makes all keys older by so many milliseconds.
const AGE: &str = "for _, key in ipairs(redis.call('KEYS', '*')) do \
    local left = redis.call('PTTL', key) \
    if left > 0 and left - ARGV[1] < 1000 then redis.call('DEL', key) \
    elseif left > 0 then redis.call('PEXPIRE', key, left - ARGV[1]) end \
    end return 1";

/// The first reply or event that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub at: String,
    pub memory: String,
    pub redis: String,
}

/// The engine in Redis by each policy, and a connection beside it.
pub struct Pair<'a> {
    port: u16,
    /// Passes on the source of a script.
    edit: Box<dyn Fn(&str) -> String + 'a>,
    engines: [Option<Engine>; POLICIES.len()],
    control: TcpStream,
    /// The time of the memory engine, which is paused.
    simulated: Runtime,
    /// That of Redis.
    real: Runtime,
    /// Microseconds since 1970.
    clock: Arc<AtomicU64>,
}

struct Engine {
    redis: RedisBackplane,
    events: mpsc::Receiver<Event>,
    meta: String,
    policy: RetentionPolicy,
}

impl<'a> Pair<'a> {
    /// The scripts, passed through `edit`, in the Redis at a port.
    pub fn on(port: u16, edit: impl Fn(&str) -> String + 'a) -> Self {
        let runtime = |builder: &mut Builder| builder.enable_all().build().expect("a runtime");
        let real = runtime(&mut Builder::new_current_thread());
        let simulated = runtime(Builder::new_current_thread().start_paused(true));
        let control = TcpStream::connect(("127.0.0.1", port)).expect("Redis");
        let clock = Arc::new(AtomicU64::new(u64::try_from(EPOCH.as_micros()).unwrap()));
        let time = format!("{{ redis.call('GET', '{CLOCK}'):match('(%d+) (%d+)') }}");
        let edit = Box::new(move |script: &str| edit(script).replace("redis.call('TIME')", &time));
        let mut pair = Self { port, edit, engines: [const { None }; POLICIES.len()], control, simulated, real, clock };
        pair.command(&["SCRIPT", "FLUSH"]);
        pair.set_clock();
        pair
    }

    /// Carries out calls on both engines by the policy of a seed, from empty rooms.
    ///
    /// # Errors
    /// The first difference.
    pub fn run(&mut self, seed: u64, calls: &[Call]) -> Result<(), Difference> {
        let policy = usize::try_from(seed).unwrap() % POLICIES.len();
        let mut engine = self.engines[policy].take().unwrap_or_else(|| {
            let (namespace, policy) = POLICIES[policy];
            self.real.block_on(Engine::new(self.port, namespace, policy, &self.edit))
        });
        let result = self.run_on(&mut engine, calls);
        self.engines[policy] = Some(engine);
        result
    }

    fn run_on(&mut self, engine: &mut Engine, calls: &[Call]) -> Result<(), Difference> {
        let policy = engine.policy;
        let clock = Arc::clone(&self.clock);
        let wall = move || Duration::from_micros(clock.load(Ordering::Relaxed));
        let memory = self.simulated.block_on(async { MemoryBackplane::with_clock(policy, wall) });
        let mut memory_events = memory.subscribe();
        let began_ms = self.clock.load(Ordering::Relaxed) / 1000;
        let (mut one, mut other) = (Side::new(began_ms), Side::new(began_ms));
        self.flush(engine);
        while engine.events.try_recv().is_ok() {}
        for (number, call) in calls.iter().enumerate() {
            self.inject(engine, call, &memory);
            if let Call::Wait { steps } = call {
                self.wait(STEP * *steps);
                one.wait(STEP * *steps);
                other.wait(STEP * *steps);
            }
            let in_memory = self.simulated.block_on(one.carry_out(call, &memory));
            let in_redis = self.real.block_on(other.carry_out(call, &engine.redis));
            if in_memory != in_redis {
                return Err(Difference { at: format!("call {number}: {call:?}"), memory: in_memory, redis: in_redis });
            }
        }
        let last = || Heartbeat::new(LAST.into(), 1);
        let _ = self.simulated.block_on(memory.heartbeat(last()));
        let _ = self.real.block_on(engine.redis.heartbeat(last()));
        let memory = self.simulated.block_on(events_of(&mut memory_events, &mut one));
        let redis = self.real.block_on(events_of(&mut engine.events, &mut other));
        let differs = |number: &usize| memory.get(*number) != redis.get(*number);
        let Some(number) = (0..memory.len().max(redis.len())).find(differs) else { return Ok(()) };
        let event = |events: &[String]| events.get(number).cloned().unwrap_or_else(|| "(none)".to_owned());
        Err(Difference { at: format!("event {number}"), memory: event(&memory), redis: event(&redis) })
    }

    /// Carries out a fault.
    fn inject(&mut self, engine: &Engine, call: &Call, memory: &MemoryBackplane) {
        match call {
            Call::Failover => {
                let replica = memory.replica();
                let epoch = replica.epoch() + 1;
                memory.fail_over(replica, epoch);
                self.command(&["HSET", &engine.meta, "line", "another"]);
            }
            Call::Flush => {
                let (policy, epoch) = (engine.policy, memory.replica().epoch() + 1);
                let empty = self.simulated.block_on(async { Replica::empty(policy, epoch) });
                memory.fail_over(empty, epoch);
                self.flush(engine);
            }
            _ => {}
        }
    }

    fn wait(&mut self, time: Duration) {
        self.simulated.block_on(advance(time));
        self.clock.fetch_add(u64::try_from(time.as_micros()).unwrap(), Ordering::Relaxed);
        self.set_clock();
        self.command(&["EVAL", AGE, "0", &time.as_millis().to_string()]);
    }

    /// Loses everything. An epoch begins with the next script.
    fn flush(&mut self, engine: &Engine) {
        self.command(&["FLUSHALL"]);
        self.set_clock();
        let _ = self.real.block_on(engine.redis.read(None));
    }

    fn set_clock(&mut self) {
        let micros = self.clock.load(Ordering::Relaxed);
        self.command(&["SET", CLOCK, &format!("{} {}", micros / 1_000_000, micros % 1_000_000)]);
    }

    /// Sends a command, and waits for its reply.
    fn command(&mut self, parts: &[&str]) {
        let parts: String = parts.iter().map(|part| format!("${}\r\n{part}\r\n", part.len())).collect();
        let count = parts.matches("\r\n").count() / 2;
        self.control.write_all(format!("*{count}\r\n{parts}").as_bytes()).expect("Redis");
        let mut reply = [0; 256];
        let length = self.control.read(&mut reply).expect("a reply");
        assert!(length > 0 && reply[0] != b'-', "{}", String::from_utf8_lossy(&reply[..length]));
    }
}

impl Engine {
    async fn new(port: u16, namespace: &str, policy: RetentionPolicy, edit: &dyn Fn(&str) -> String) -> Self {
        let options = Options { url: format!("redis://127.0.0.1:{port}"), password: None, ca_file: None };
        let connector = RedisConnector::new(&options).expect("a URL");
        let redis = RedisBackplane::new(connector, namespace, policy).expect("an engine").with_edited_scripts(edit);
        let mut events = redis.subscribe();
        timeout(EVENT * 5, events.recv()).await.expect("a subscription");
        // The first call waits for the connection.
        let _ = timeout(EVENT, redis.locate(Id::new(1, 1))).await;
        Self { redis, events, meta: format!("{namespace}:{{ruang_chat_utama}}:meta"), policy }
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
