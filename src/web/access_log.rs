//! One log line and one metric per request. Neither contains anything a person wrote: of the path only the route.

use std::time::{Duration, Instant};

use axum::{
    extract::{MatchedPath, Request},
    http::Method,
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, Span};

use crate::telemetry::{instruments, spans};

/// Logs and traces each request: server errors as warnings, probes and static files at debug level and untraced.
pub async fn log(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let span = if is_routine(route) { Span::none() } else { spans::request(&method, route) };
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    spans::answered(&span, status);
    span.in_scope(|| record(&method, route, status, begun.elapsed()));
    response
}

fn record(method: &Method, route: &str, status: u16, took: Duration) {
    instruments().answered(method, route, status, took);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if is_routine(route) {
        tracing::debug!(%method, route, status, ms, "request");
    } else if status >= 500 {
        tracing::warn!(%method, route, status, ms, "request");
    } else {
        tracing::info!(%method, route, status, ms, "request");
    }
}

fn is_routine(route: &str) -> bool {
    matches!(route, "/healthz" | "/readyz") || route.starts_with("/static/")
}
