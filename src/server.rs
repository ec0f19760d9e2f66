//! The listening socket: accepts connections, serves HTTP/1.1 on them, and closes them at shutdown.
//!
//! Limits before any route: the number of connections, the time and size of a request's head, and the time that a
//! response may stay unread.

mod accept;
mod linger;
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

/// Limits and deadlines of the server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Open connections, including those upgraded to WebSockets. Further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// How long a request's head may take, and how long a connection may be idle between requests.
    pub header_timeout: Duration,
    /// The largest head of a request in bytes, at least 8192.
    pub header_bytes: usize,
    /// How long a client may take to read a response, and its unread rest when the connection ends, before the connection
    /// is reset.
    pub write_timeout: Duration,
    /// How long requests may run after the shutdown began.
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

/// The address at the other end of the connection, in the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The result of [`serve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Connections that were cut because their request took longer than [`Options::drain`].
    pub unfinished: usize,
}

/// Serves `router` on every connection that `listener` accepts, until `shutdown`.
///
/// At shutdown it accepts no more connections, closes idle ones, and lets requests finish. It returns after
/// [`Options::drain`] at the latest, when no HTTP connection is open. It does not wait for upgraded connections, which
/// their new owner closes.
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
    server.drain(options.drain).await
}

struct Server {
    router: Router,
    http: http1::Builder,
    permits: Arc<Semaphore>,
    write_timeout: Duration,
    connections: TaskTracker,
    /// Ends the acceptance of requests.
    shutdown: CancellationToken,
    /// Cuts requests that still run.
    cut: CancellationToken,
}

impl Server {
    fn new(router: Router, options: &Options, shutdown: CancellationToken) -> Self {
        let mut http = http1::Builder::new();
        // hyper itself bounds the number of headers by 100.
        http.timer(TokioTimer::new()).header_read_timeout(options.header_timeout).max_buf_size(options.header_bytes);
        let permits = Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS)));
        let write_timeout = options.write_timeout;
        let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
        Self { router, http, permits, write_timeout, connections, shutdown, cut }
    }

    async fn accept_all(&self, listener: TcpListener) {
        let mut acceptor = accept::Acceptor::new(listener, self.permits.clone(), self.write_timeout);
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
                // Clients disconnect, are slow or violate HTTP: no news for an operator.
                tracing::debug!(%peer, %error, "connection failed");
            }
        }
    }

    async fn drain(self, limit: Duration) -> Served {
        self.connections.close();
        let in_time = timeout_at(Instant::now() + limit, self.connections.wait()).await;
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
