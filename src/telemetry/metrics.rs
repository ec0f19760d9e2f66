//! Metrics as OpenTelemetry instruments, sent to a collector or served in Prometheus' text format. Names follow
//! OpenTelemetry's semantic conventions.
//!
//! A delivered message is counted once for all clients of the instance, not once per client.

mod gauges;
mod process;

use std::{
    sync::{LazyLock, OnceLock},
    time::Duration,
};

use http::Method;
use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram, Meter},
};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

pub use self::gauges::{InstanceStats, observe};
use super::{Collector, export};

/// Bucket bounds of histograms of durations, in seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The destinations of metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// They are served in Prometheus' text format.
    pub served: bool,
    /// The collector that they are sent to.
    pub collector: Option<Collector>,
}

impl Metrics {
    /// Whether there is any destination.
    pub fn is_enabled(&self) -> bool {
        self.served || self.collector.is_some()
    }
}

/// Counters and histograms. Without a destination they do nothing.
#[derive(Debug)]
pub struct Instruments {
    joins: Counter<u64>,
    published: Counter<u64>,
    deduplicated: Counter<u64>,
    delivered: Counter<u64>,
    refused: Counter<u64>,
    sign_ins: Counter<u64>,
    operator_attempts: Counter<u64>,
    page_errors: Counter<u64>,
    closed: Counter<u64>,
    gaps_found: Counter<u64>,
    gaps_filled: Counter<u64>,
    delivery: Histogram<f64>,
    redis: Histogram<f64>,
    requests: Histogram<f64>,
}

static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// The instruments of this process.
pub fn instruments() -> &'static Instruments {
    static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(|| Instruments::new(&global::meter("ruang")));
    &INSTRUMENTS
}

/// Returns all metrics in Prometheus' text format, if they are served.
pub fn exposition() -> Option<String> {
    TextEncoder::new().encode_to_string(&REGISTRY.get()?.gather()).ok()
}

/// Builds the provider of the instruments, if there is a destination.
pub(super) fn provider(metrics: &Metrics) -> Result<Option<SdkMeterProvider>, ExporterBuildError> {
    if !metrics.is_enabled() {
        return Ok(None);
    }
    let mut builder = SdkMeterProvider::builder().with_resource(export::resource());
    if metrics.served {
        let registry = REGISTRY.get_or_init(Registry::new);
        let reader = opentelemetry_prometheus::exporter().with_registry(registry.clone());
        match reader.build() {
            Ok(reader) => builder = builder.with_reader(reader),
            Err(error) => tracing::warn!(%error, "cannot serve metrics for Prometheus"),
        }
    }
    if let Some(collector) = &metrics.collector {
        builder = builder.with_periodic_exporter(export::metrics(collector)?);
    }
    let provider = builder.build();
    global::set_meter_provider(provider.clone());
    Ok(Some(provider))
}

impl Instruments {
    fn new(meter: &Meter) -> Self {
        let counter = |name: &'static str, unit: &'static str, about: &'static str| {
            meter.u64_counter(name).with_unit(unit).with_description(about).build()
        };
        let duration = |name: &'static str, about: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(about);
            histogram.with_boundaries(SECONDS.to_vec()).build()
        };
        let instruments = Self {
            joins: counter("ruang.joins", "{join}", "Connections that entered the room."),
            published: counter("ruang.message.published", "{message}", "Messages stored that came through here."),
            deduplicated: counter("ruang.message.deduplicated", "{message}", "Repeats of a message already stored."),
            delivered: counter("ruang.message.delivered", "{delivery}", "Messages handed to connections."),
            refused: counter("ruang.refusals", "{refusal}", "Refused connections, reads and frames, by reason."),
            sign_ins: counter("ruang.sign_ins", "{attempt}", "Attempts to sign in, by outcome."),
            operator_attempts: counter(
                "ruang.operator.attempts",
                "{attempt}",
                "Operator's tokens and cookies, by outcome.",
            ),
            page_errors: counter("ruang.page.errors", "{error}", "Uncaught errors of the page's script."),
            closed: counter("ruang.connection.closed", "{connection}", "WebSockets that ended, by reason."),
            gaps_found: counter("ruang.gap.found", "{gap}", "Gaps found in the events of the room."),
            gaps_filled: counter("ruang.gap.filled", "{gap}", "Gaps filled from the log."),
            delivery: duration("ruang.message.delivery.duration", "From storing a message to handing it to clients."),
            redis: duration("db.client.operation.duration", "Redis commands, by command and script."),
            requests: duration("http.server.request.duration", "HTTP requests."),
        };
        instruments.start_at_zero();
        instruments
    }

    /// Exports all counters from the start, so that a rate includes the first event.
    fn start_at_zero(&self) {
        let Self { joins, published, deduplicated, delivered, page_errors, gaps_found, gaps_filled, .. } = self;
        for counter in [joins, published, deduplicated, delivered, page_errors, gaps_found, gaps_filled] {
            counter.add(0, &[]);
        }
        for reason in [
            "full",
            "overloaded",
            "draining",
            "too_many_connections",
            "too_many_reads",
            "rate_limited",
            "muted",
            "unavailable",
            "bad_frame",
        ] {
            self.refused.add(0, &[KeyValue::new("reason", reason)]);
        }
        for reason in
            ["client", "lost", "restart", "session_ended", "policy", "silent", "too_slow", "overloaded", "protocol"]
        {
            self.closed.add(0, &[KeyValue::new("reason", reason)]);
        }
        for outcome in ["accepted", "wrong", "too_many"] {
            self.operator_attempts.add(0, &[KeyValue::new("outcome", outcome)]);
        }
        for outcome in ["entered", "held", "no_cookies", "banned", "bad_name", "too_many", "full", "unavailable"] {
            self.sign_ins.add(0, &[KeyValue::new("outcome", outcome)]);
        }
    }

    /// Counts a connection that joined the room.
    pub fn joined(&self) {
        self.joins.add(1, &[]);
    }

    /// Counts a stored message, or (`fresh` false) a repeat of one.
    pub fn kept(&self, fresh: bool) {
        if fresh { &self.published } else { &self.deduplicated }.add(1, &[]);
    }

    /// Counts a message handed to `connections`, and its age then.
    pub fn delivered(&self, connections: usize, after: Duration) {
        self.delivered.add(connections as u64, &[]);
        self.delivery.record(after.as_secs_f64(), &[]);
    }

    /// Counts a refused connection or frame.
    pub fn refused(&self, reason: &'static str) {
        self.refused.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// Counts an attempt to sign in.
    pub fn signed_in(&self, outcome: &'static str) {
        self.sign_ins.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    /// Counts a token or cookie of the operator that a client presented.
    pub fn operator_attempted(&self, outcome: &'static str) {
        self.operator_attempts.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    /// Counts an uncaught error of the page's script.
    pub fn page_failed(&self) {
        self.page_errors.add(1, &[]);
    }

    /// Counts a closed WebSocket.
    pub fn closed(&self, reason: &'static str) {
        self.closed.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// Counts a gap found.
    pub fn gap_found(&self) {
        self.gaps_found.add(1, &[]);
    }

    /// Counts a gap filled.
    pub fn gap_filled(&self) {
        self.gaps_filled.add(1, &[]);
    }

    /// Records a script run in Redis, or its failure.
    pub fn asked_redis(&self, script: &'static str, took: Duration, error: Option<&'static str>) {
        let mut attributes = operation_attributes("EVALSHA", error);
        attributes.push(KeyValue::new("db.stored_procedure.name", script));
        self.redis.record(took.as_secs_f64(), &attributes);
    }

    /// Records a Redis command, or its failure.
    pub fn commanded_redis(&self, command: &'static str, took: Duration, error: Option<&'static str>) {
        self.redis.record(took.as_secs_f64(), &operation_attributes(command, error));
    }

    /// Records an HTTP request. `route` is the router's pattern, not the path.
    pub fn answered(&self, method: &Method, route: &str, status: u16, took: Duration) {
        // Unknown methods share one series: a client could invent any number.
        let known = [Method::GET, Method::POST, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS];
        let method = if known.contains(method) { method.as_str().to_owned() } else { "_OTHER".to_owned() };
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(status)),
            // TLS ends at the balancer.
            KeyValue::new("url.scheme", "http"),
        ];
        if status >= 500 {
            attributes.push(KeyValue::new("error.type", status.to_string()));
        }
        self.requests.record(took.as_secs_f64(), &attributes);
    }
}

/// The attributes of a Redis operation.
fn operation_attributes(operation: &'static str, error: Option<&'static str>) -> Vec<KeyValue> {
    let what = [KeyValue::new("db.system.name", "redis"), KeyValue::new("db.operation.name", operation)];
    what.into_iter().chain(error.map(|error| KeyValue::new("error.type", error))).collect()
}
