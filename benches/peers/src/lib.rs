//! Shared by all peers: listen address and Redis.

use std::error::Error;

use axum::{Router, serve::ListenerExt};
use tokio::net::TcpListener;

/// The error of a peer.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Returns the URL of the shared Redis.
pub fn redis_url() -> Result<String, Failure> {
    Ok(std::env::var("REDIS_URL")?)
}

/// Serves at the benchmark's address.
pub async fn serve(router: Router) -> Result<(), Failure> {
    let listener = TcpListener::bind(std::env::var("RUANG_LISTEN")?).await?;
    // As any chat: otherwise the kernel delays small frames.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}
