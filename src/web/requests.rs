//! One log line a request. It says nothing that people wrote: no query, no body, no path but the route's.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};

use crate::telemetry::instruments;

/// Logs each request once it is answered: errors of ours as warnings, what machines ask all the time at debug.
pub async fn log(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let status = response.status().as_u16();
    let took = begun.elapsed();
    instruments().answered(&method, route, status, took);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if is_routine(route) {
        tracing::debug!(%method, route, status, ms, "request");
    } else if status >= 500 {
        tracing::warn!(%method, route, status, ms, "request");
    } else {
        tracing::info!(%method, route, status, ms, "request");
    }
    response
}

fn is_routine(route: &str) -> bool {
    matches!(route, "/healthz" | "/readyz") || route.starts_with("/static/")
}
