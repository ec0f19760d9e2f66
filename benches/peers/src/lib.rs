//! What all peers have in common: where they listen, and where their Redis is.

use std::error::Error;

use axum::{Router, serve::ListenerExt};
use tokio::net::TcpListener;

/// Why a peer ends.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The Redis that instances share.
pub fn redis_url() -> Result<String, Failure> {
    Ok(std::env::var("REDIS_URL")?)
}

/// Serves where the benchmark says.
pub async fn serve(router: Router) -> Result<(), Failure> {
    let listener = TcpListener::bind(std::env::var("RUANG_LISTEN")?).await?;
    // As any chat would: else the kernel holds small frames back.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}
