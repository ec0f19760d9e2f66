//! The spans of a trace: a request; and a message's way, from being said through the script that keeps it to each
//! instance that delivers it. Names and attributes follow OpenTelemetry's semantic conventions where these have one.
//! Nothing that people wrote is in them.
//!
//! They are of the level debug, so that the log does not speak of them unless it is asked to.

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

/// A sampled span, here or elsewhere, as W3C's Trace Context writes it: `00-<trace id>-<span id>-01`.
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

    /// The same in OpenTelemetry's terms, if it is well-formed.
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

/// A message is being said: from here until it is kept. The trace begins.
pub fn saying() -> Span {
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

/// Says of the current span what became of the message.
pub fn said(id: Result<impl Display, &'static str>) {
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

/// A script is asked of Redis, as a part of something that is traced.
pub fn script(name: &'static str) -> Span {
    // What the instance does of its own accord, every second, would be noise.
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

/// A message is delivered to this instance's connections: until the last clone of it is dropped. Only where whoever
/// said it has begun a trace.
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
    // It fails where spans are not traced.
    let _ = span.set_parent(parent);
    span
}

/// A request is answered; `route` is that of the router. A trace begins here: what a stranger's headers say of one is
/// not believed.
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

/// Says of a span how its request was answered.
pub fn answered(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR").record("error.type", status.to_string());
    }
}

/// The trace and the span that a line of the log belongs to.
pub(super) fn current() -> Option<SpanContext> {
    let context = Context::map_current(|context| context.span().span_context().clone());
    context.is_valid().then_some(context)
}
