//! Spans: of HTTP requests, and of a message from the sender through the script that stores it to each instance that
//! delivers it. Names and attributes follow OpenTelemetry's semantic conventions. They contain no text of people.
//!
//! Their level is debug, so that the log omits them by default.

use std::{collections::HashMap, fmt::Display};

use http::Method;
use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use serde::{Deserialize, Serialize};
use tracing::{Span, debug_span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

const HEADER: &str = "traceparent";

/// A sampled span of any process, as W3C Trace Context writes it: `00-<trace id>-<span id>-01`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceParent(String);

impl TraceParent {
    /// The current span, if it is sampled.
    pub fn current() -> Option<Self> {
        let context = Context::current();
        if !context.span().span_context().is_sampled() {
            return None;
        }
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(&context, &mut carrier);
        carrier.remove(HEADER).map(Self)
    }

    /// Returns the context of OpenTelemetry, if the text is well-formed.
    fn context(&self) -> Option<Context> {
        let carrier = HashMap::from([(HEADER.to_owned(), self.0.clone())]);
        let context = TraceContextPropagator::new().extract(&carrier);
        let is_valid = context.span().span_context().is_valid();
        is_valid.then_some(context)
    }
}

impl From<&str> for TraceParent {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Starts a trace: the span of a message from its arrival until it is stored.
pub fn publish() -> Span {
    debug_span!(
        "say",
        otel.name = "send room",
        otel.kind = "producer",
        otel.status_code = Empty,
        messaging.system = "ruang",
        messaging.destination.name = "room",
        messaging.operation.name = "send",
        messaging.operation.type = "send",
        messaging.message.id = Empty,
        error.type = Empty,
    )
}

/// Records the outcome of a message in the current span.
pub fn record_publish(id: Result<impl Display, &'static str>) {
    let span = Span::current();
    match id {
        Ok(id) => {
            span.record("messaging.message.id", id.to_string());
        }
        Err(error) => {
            span.record("otel.status_code", "ERROR").record("error.type", error);
        }
    }
}

/// The span of a script in Redis, inside a traced operation.
pub fn script(name: &'static str) -> Span {
    // Periodic calls of the instance itself are not traced.
    if Span::current().is_disabled() {
        return Span::none();
    }
    debug_span!(
        "script",
        otel.name = format_args!("script {name}"),
        otel.kind = "client",
        db.system.name = "redis",
        db.operation.name = "EVALSHA",
        db.stored_procedure.name = name,
    )
}

/// The span of a message's delivery to this instance's connections, until its last clone is dropped. Only if the
/// sender's instance traces the message.
pub fn delivery(of: Option<&TraceParent>, id: impl Display, connections: usize) -> Span {
    let Some(parent) = of.and_then(TraceParent::context) else { return Span::none() };
    let span = debug_span!(
        parent: None,
        "deliver",
        otel.name = "deliver room",
        otel.kind = "consumer",
        messaging.system = "ruang",
        messaging.destination.name = "room",
        messaging.operation.name = "deliver",
        messaging.operation.type = "process",
        messaging.message.id = %id,
        ruang.connections = connections,
    );
    // Fails if traces are off.
    let _ = span.set_parent(parent);
    span
}

/// Starts a trace: the span of an HTTP request. `route` is the router's pattern. Trace headers of clients are ignored.
pub fn request(method: &Method, route: &str) -> Span {
    debug_span!(
        parent: None,
        "request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = Empty,
        url.scheme = "http",
        error.type = Empty,
    )
}

/// Records the status of a response in the span of its request.
pub fn answered(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR").record("error.type", status.to_string());
    }
}

/// Returns the current trace and span, for the log.
pub(super) fn current() -> Option<SpanContext> {
    let context = Context::map_current(|context| context.span().span_context().clone());
    context.is_valid().then_some(context)
}
