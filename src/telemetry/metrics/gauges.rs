//! How an instance stands, looked up whenever metrics are collected.

use std::time::Duration;

use opentelemetry::{global, metrics::AsyncInstrument};

use super::process;

/// How an instance stands at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct InstanceStats {
    /// Open WebSockets.
    pub connections: usize,
    /// WebSockets that may be open.
    pub connections_limit: usize,
    /// People in the room, on all instances.
    pub people: usize,
    /// Messages at hand.
    pub recent: usize,
    /// Bytes that wait for slow clients.
    pub waiting_bytes: usize,
    /// What waits for the room's hub: joins, leaves, questions.
    pub queued_hub: usize,
    /// Commands that wait for the connection to the backplane.
    pub queued_backplane: usize,
    /// How long ago the backplane last answered; none if it never did.
    pub lease_age: Option<Duration>,
    /// Whether the backplane answers.
    pub link_up: bool,
    /// How far the clock of Redis is ahead of this machine's, in seconds.
    pub clock_ahead: f64,
    /// Bytes that Redis takes.
    pub redis_used: Option<u64>,
    /// Bytes that Redis may take.
    pub redis_limit: Option<u64>,
    /// Whether everything up to now is known.
    pub synced: bool,
    /// Whether it is fit for new people.
    pub ready: bool,
    /// Whether it hands its people over.
    pub draining: bool,
}

/// Something of the standing, as a metric.
struct GaugeSpec {
    kind: Kind,
    name: &'static str,
    unit: &'static str,
    about: &'static str,
    of: fn(&InstanceStats) -> Option<f64>,
}

/// Whether the sum over instances makes sense.
enum Kind {
    Sum,
    Gauge,
}

#[rustfmt::skip]
const OBSERVED: [GaugeSpec; 15] = [
    GaugeSpec { kind: Kind::Sum, name: "ruang.connection.open", unit: "{connection}", about: "Open WebSockets.", of: |now| Some(now.connections as f64) },
    GaugeSpec { kind: Kind::Sum, name: "ruang.connection.limit", unit: "{connection}", about: "WebSockets that may be open.", of: |now| Some(now.connections_limit as f64) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.people", unit: "{person}", about: "People in the room, on all instances.", of: |now| Some(now.people as f64) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.message.recent", unit: "{message}", about: "Messages at hand, for who comes back.", of: |now| Some(now.recent as f64) },
    GaugeSpec { kind: Kind::Sum, name: "ruang.outbox.size", unit: "By", about: "Bytes that wait for slow clients.", of: |now| Some(now.waiting_bytes as f64) },
    GaugeSpec { kind: Kind::Sum, name: "ruang.queue.hub", unit: "{command}", about: "Joins, leaves and questions that wait for the room's hub.", of: |now| Some(now.queued_hub as f64) },
    GaugeSpec { kind: Kind::Sum, name: "ruang.queue.redis", unit: "{command}", about: "Commands that wait for the connection to Redis.", of: |now| Some(now.queued_backplane as f64) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.lease.age", unit: "s", about: "Since the backplane last answered a beat.", of: |now| now.lease_age.map(|age| age.as_secs_f64()) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.clock.offset", unit: "s", about: "How far the clock of Redis is ahead of this machine's.", of: |now| Some(now.clock_ahead) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.redis.up", unit: "", about: "Whether the backplane answers.", of: |now| yes_or_no(now.link_up) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.redis.memory.usage", unit: "By", about: "Memory that Redis takes.", of: |now| now.redis_used.map(|used| used as f64) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.redis.memory.limit", unit: "By", about: "Memory that Redis may take, where its maxmemory says.", of: |now| now.redis_limit.map(|limit| limit as f64) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.synced", unit: "", about: "Whether everything up to now is known.", of: |now| yes_or_no(now.synced) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.ready", unit: "", about: "Whether the instance is fit for new people.", of: |now| yes_or_no(now.ready) },
    GaugeSpec { kind: Kind::Gauge, name: "ruang.draining", unit: "", about: "Whether the instance hands its people over.", of: |now| yes_or_no(now.draining) },
];

/// Has `look` asked whenever metrics are collected.
pub fn observe(look: impl Fn() -> InstanceStats + Clone + Send + Sync + 'static) {
    let meter = global::meter("ruang");
    for GaugeSpec { kind, name, unit, about, of } in &OBSERVED {
        let look = look.clone();
        let tell = move |observer: &dyn AsyncInstrument<f64>| {
            of(&look()).into_iter().for_each(|value| observer.observe(value, &[]));
        };
        match kind {
            Kind::Sum => {
                let sum = meter.f64_observable_up_down_counter(*name).with_unit(*unit).with_description(*about);
                sum.with_callback(tell).build();
            }
            Kind::Gauge => {
                let gauge = meter.f64_observable_gauge(*name).with_unit(*unit).with_description(*about);
                gauge.with_callback(tell).build();
            }
        }
    }
    process::observe(&meter);
}

fn yes_or_no(is: bool) -> Option<f64> {
    Some(f64::from(u8::from(is)))
}
