//! The address where Prometheus asks: apart from the public one.

use std::{io, net::SocketAddr};

use axum::{Router, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    redis::MemoryMonitor,
    server,
    socket::Sockets,
    telemetry::{self, InstanceStats},
};

/// Prometheus' text exposition format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Who asks for metrics are few.
const ASKING_AT_ONCE: usize = 16;

/// Serves `/metrics` until it is told to stop.
///
/// # Errors
/// The address is not to be had.
pub(super) async fn serve(listen: SocketAddr, closing: CancellationToken) -> io::Result<JoinHandle<server::Served>> {
    let listener = TcpListener::bind(listen).await?;
    tracing::info!("metrics are at http://{}/metrics", listener.local_addr()?);
    let router = Router::new().route("/metrics", get(exposition));
    let options = server::Options { max_connections: ASKING_AT_ONCE, ..server::Options::default() };
    Ok(tokio::spawn(server::serve(listener, router, options, closing)))
}

/// Has the instance's standing, and its Redis', collected with the metrics.
pub(super) fn observe(sockets: &Sockets, redis: MemoryMonitor) {
    telemetry::instruments();
    let sockets = sockets.clone();
    telemetry::observe(move || {
        let memory = redis.latest();
        InstanceStats {
            redis_used: memory.map(|memory| memory.used),
            redis_limit: memory.and_then(|memory| memory.limit),
            ..sockets.stats()
        }
    });
}

async fn exposition() -> impl IntoResponse {
    ([(CONTENT_TYPE, FORMAT)], telemetry::exposition().unwrap_or_default())
}
