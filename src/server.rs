//! The listening socket: accepts connections, speaks HTTP/1.1 on them, and lets them go in time.
//!
//! What a client may do to the process before any route is reached is bounded here: how many connections there
//! are, how long and how large a request's head may be, how long a response may lie unread.

mod accept;
mod stream;

#[cfg(test)]
mod tests;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

pub use stream::Stream;

/// What the server lets clients do, and how patient it is.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections open at a time, those upgraded to WebSockets included. Further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// How long a request's head may take; and how long a connection may idle between requests.
    pub header_timeout: Duration,
    /// Bytes a request's head may have; at least 8192.
    pub header_bytes: usize,
    /// How long a client may leave everything unread that is written to it, before the connection is cut.
    pub write_timeout: Duration,
    /// How long running requests may take to finish after the shutdown began.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 900,
            header_timeout: Duration::from_secs(5),
            header_bytes: 16 * 1024,
            write_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(25),
        }
    }
}

/// Who is at the other end of the connection: in the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// How the serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Connections cut because their request had not finished within [`Options::drain`].
    pub unfinished: usize,
}

/// Serves `router` on every connection that `listener` accepts, until `shutdown`.
///
/// Then nothing more is accepted, idle connections are closed, running requests may finish; and after
/// [`Options::drain`] at the latest it returns, with no HTTP connection left open. Upgraded connections are not
/// waited for: whoever took one over closes it.
///
/// ```
/// use axum::{Router, routing::get};
/// use ruang::server::{Options, Served, serve};
/// use tokio::net::TcpListener;
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let shutdown = CancellationToken::new();
/// let router = Router::new().route("/", get(|| async { "halo" }));
/// let serving = tokio::spawn(serve(listener, router, Options::default(), shutdown.clone()));
/// shutdown.cancel();
/// assert_eq!(serving.await?, Served { unfinished: 0 });
/// # Ok(())
/// # }
/// ```
pub async fn serve(listener: TcpListener, router: Router, options: Options, shutdown: CancellationToken) -> Served {
    let server = Server::new(router, &options, shutdown);
    server.accept_all(listener).await;
    server.drained(options.drain).await
}

struct Server {
    router: Router,
    http: http1::Builder,
    places: Arc<Semaphore>,
    write_timeout: Duration,
    connections: TaskTracker,
    /// No new requests.
    shutdown: CancellationToken,
    /// No requests at all any more.
    cut: CancellationToken,
}

impl Server {
    fn new(router: Router, options: &Options, shutdown: CancellationToken) -> Self {
        let mut http = http1::Builder::new();
        // The number of headers is bounded too: hyper's own 100.
        http.timer(TokioTimer::new()).header_read_timeout(options.header_timeout).max_buf_size(options.header_bytes);
        let places = Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS)));
        let write_timeout = options.write_timeout;
        let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
        Self { router, http, places, write_timeout, connections, shutdown, cut }
    }

    async fn accept_all(&self, listener: TcpListener) {
        let mut acceptor = accept::Acceptor::new(listener, self.places.clone(), self.write_timeout);
        while let Some((stream, peer)) = self.shutdown.run_until_cancelled(acceptor.next()).await {
            self.connections.spawn(self.connection(stream, peer));
        }
    }

    fn connection(&self, stream: Stream, peer: SocketAddr) -> impl Future<Output = ()> + use<> {
        let router = self.router.clone();
        let service = service_fn(move |request| answer(router.clone(), request, Peer(peer)));
        let connection = self.http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let (shutdown, cut) = (self.shutdown.clone(), self.cut.clone());
        async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    cut.run_until_cancelled(connection).await.unwrap_or(Ok(()))
                }
            };
            if let Err(error) = ended {
                // Clients go away, are slow or speak nonsense: worth a line only to who looks for it.
                tracing::debug!(%peer, %error, "connection failed");
            }
        }
    }

    async fn drained(self, patience: Duration) -> Served {
        self.connections.close();
        let in_time = timeout_at(Instant::now() + patience, self.connections.wait()).await;
        let unfinished = if in_time.is_ok() { 0 } else { self.connections.len() };
        self.cut.cancel();
        self.connections.wait().await;
        Served { unfinished }
    }
}

async fn answer(router: Router, mut request: Request<Incoming>, peer: Peer) -> Result<Response<Body>, Infallible> {
    request.extensions_mut().insert(peer);
    router.oneshot(request).await
}
