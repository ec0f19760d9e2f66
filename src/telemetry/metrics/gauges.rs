//! Gauges of the instance, read whenever metrics are collected.

use std::time::Duration;

use opentelemetry::{global, metrics::AsyncInstrument};

use super::process;

/// The state of an instance at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct InstanceStats {
    /// Open WebSockets.
    pub connections: usize,
    /// The limit of open WebSockets.
    pub connections_limit: usize,
    /// The most open WebSockets of one client address.
    pub connections_of_one_address: u32,
    /// Open WebSockets whose client's address is a trusted proxy's.
    pub connections_of_proxies: u32,
    /// People in the room, on all instances.
    pub people: usize,
    /// Messages in the history cache.
    pub recent: usize,
    /// Bytes that wait for slow clients.
    pub waiting_bytes: usize,
    /// Commands that wait for the room's hub.
    pub queued_hub: usize,
    /// Commands that wait for the connection to the backplane.
    pub queued_backplane: usize,
    /// The time since the backplane last answered; `None` if it never did.
    pub lease_age: Option<Duration>,
    /// Whether the backplane answers.
    pub link_up: bool,
    /// How far the clock of Redis is ahead of this machine's, in seconds.
    pub clock_ahead: f64,
    /// Memory used by Redis, in bytes.
    pub redis_used: Option<u64>,
    /// The `maxmemory` of Redis, in bytes.
    pub redis_limit: Option<u64>,
    /// Whether the instance has all events up to now.
    pub synced: bool,
    /// Whether the instance accepts new people.
    pub ready: bool,
    /// Whether the instance is shutting down.
    pub draining: bool,
}

/// One field of the state as a metric.
struct GaugeSpec {
    kind: Kind,
    name: &'static str,
    unit: &'static str,
    about: &'static str,
    of: fn(&InstanceStats) -> Option<f64>,
}

/// Whether a sum over instances is meaningful.
enum Kind {
    Sum,
    Gauge,
}

#[rustfmt::skip]
const OBSERVED: [GaugeSpec; 17] = [
    GaugeSpec { kind: Kind::Sum, name: "ruang.connection.open", unit: "{connection}", about: "Open WebSockets.", of: |now| Some(now.connections as f64) },
    GaugeSpec { kind: Kind::Sum, name: "ruang.connection.limit", unit: "{connection}", about: "The limit of open WebSockets.", of: |now| Some(now.connections_limit as f64) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.connection.of_one_address", unit: "{connection}", about: "The most open WebSockets of one client address.", of: |now| Some(f64::from(now.connections_of_one_address)) },
    GaugeSpec { kind: Kind::Sum, name: "ruang.connection.of_proxies", unit: "{connection}", about: "Open WebSockets whose client's address is a trusted proxy's.", of: |now| Some(f64::from(now.connections_of_proxies)) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.people", unit: "{person}", about: "People in the room, on all instances.", of: |now| Some(now.people as f64) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.message.recent", unit: "{message}", about: "Messages in the history cache, for reconnects.", of: |now| Some(now.recent as f64) },
    GaugeSpec { kind: Kind::Sum, name: "ruang.outbox.size", unit: "By", about: "Bytes that wait for slow clients.", of: |now| Some(now.waiting_bytes as f64) },
    GaugeSpec { kind: Kind::Sum, name: "ruang.queue.hub", unit: "{command}", about: "Commands that wait for the room's hub.", of: |now| Some(now.queued_hub as f64) },
    GaugeSpec { kind: Kind::Sum, name: "ruang.queue.redis", unit: "{command}", about: "Commands that wait for the connection to Redis.", of: |now| Some(now.queued_backplane as f64) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.lease.age", unit: "s", about: "Time since the backplane last answered a heartbeat.", of: |now| now.lease_age.map(|age| age.as_secs_f64()) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.clock.offset", unit: "s", about: "How far the clock of Redis is ahead of this machine's.", of: |now| Some(now.clock_ahead) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.redis.up", unit: "", about: "Whether the backplane answers.", of: |now| flag(now.link_up) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.redis.memory.usage", unit: "By", about: "Memory used by Redis.", of: |now| now.redis_used.map(|used| used as f64) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.redis.memory.limit", unit: "By", about: "The maxmemory of Redis, if it is set.", of: |now| now.redis_limit.map(|limit| limit as f64) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.synced", unit: "", about: "Whether the instance has all events up to now.", of: |now| flag(now.synced) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.ready", unit: "", about: "Whether the instance accepts new people.", of: |now| flag(now.ready) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.draining", unit: "", about: "Whether the instance is shutting down.", of: |now| flag(now.draining) },
];

/// Registers the gauges, with `read` called whenever metrics are collected.
pub fn observe(read: impl Fn() -> InstanceStats + Clone + Send + Sync + 'static) {
    let meter = global::meter("ruang");
    for GaugeSpec { kind, name, unit, about, of } in &OBSERVED {
        let read = read.clone();
        let callback = move |observer: &dyn AsyncInstrument<f64>| {
            of(&read()).into_iter().for_each(|value| observer.observe(value, &[]));
        };
        match kind {
            Kind::Sum => {
                let sum = meter.f64_observable_up_down_counter(*name).with_unit(*unit).with_description(*about);
                sum.with_callback(callback).build();
            }
            Kind::Gauge => {
                let gauge = meter.f64_observable_gauge(*name).with_unit(*unit).with_description(*about);
                gauge.with_callback(callback).build();
            }
        }
    }
    process::observe(&meter);
}

fn flag(is: bool) -> Option<f64> {
    Some(f64::from(u8::from(is)))
}
