//! The listener for Prometheus, separate from the public one.

use std::{io, net::SocketAddr};

use axum::{Router, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    redis::MemoryMonitor,
    server,
    socket::Sockets,
    telemetry::{self, InstanceStats},
    web::Readiness,
};

/// Prometheus' text exposition format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The largest number of scrapers' connections.
const MAX_SCRAPERS: usize = 16;

/// Serves `/metrics` until `closing` is cancelled.
///
/// # Errors
/// The address cannot be bound.
pub(super) async fn serve(listen: SocketAddr, closing: CancellationToken) -> io::Result<JoinHandle<server::Served>> {
    let listener = TcpListener::bind(listen).await?;
    tracing::info!("metrics are at http://{}/metrics", listener.local_addr()?);
    let router = Router::new().route("/metrics", get(exposition));
    let options = server::Options { max_connections: MAX_SCRAPERS, ..server::Options::default() };
    Ok(tokio::spawn(server::serve(listener, router, options, closing)))
}

/// Registers the gauges of this instance and of its Redis.
pub(super) fn observe(sockets: &Sockets, readiness: Readiness, redis: MemoryMonitor) {
    telemetry::instruments();
    let sockets = sockets.clone();
    telemetry::observe(move || {
        let memory = redis.latest();
        InstanceStats {
            ready: readiness.is_ready(),
            redis_used: memory.map(|memory| memory.used),
            redis_limit: memory.and_then(|memory| memory.limit),
            ..sockets.stats()
        }
    });
}

async fn exposition() -> impl IntoResponse {
    ([(CONTENT_TYPE, FORMAT)], telemetry::exposition().unwrap_or_default())
}
