//! Accepts connections, up to the limit.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use super::Stream;

/// The pause when the system has no file descriptor or memory for another connection.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Bytes that the kernel keeps unsent for one connection before writes block. By default it keeps megabytes.
const UNSENT_BYTES: u32 = 64 * 1024;
/// TCP keepalive: idle time, interval and number of probes. A silent peer is dead after two minutes.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(60), Duration::from_secs(15), 4);

/// Accepts connections of a listener.
pub(super) struct Acceptor {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    write_timeout: Duration,
    /// Whether the last attempt failed: a series of failures is logged once.
    failing: bool,
    /// Whether the last connection had to wait for a permit: also logged once.
    full: bool,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener, permits: Arc<Semaphore>, write_timeout: Duration) -> Self {
        Self { listener, permits, write_timeout, failing: false, full: false }
    }

    /// Returns the next connection. Accepts none while there is no permit; retries after errors.
    pub(super) async fn next(&mut self) -> (Stream, SocketAddr) {
        let permit = self.permit().await;
        loop {
            match self.listener.accept().await {
                Ok((socket, peer)) => {
                    self.failing = false;
                    tune(&socket);
                    return (Stream::new(socket, permit, self.write_timeout), peer);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if !self.failing {
                        tracing::error!(%error, "cannot accept connections, retrying");
                    }
                    self.failing = true;
                    sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    async fn permit(&mut self) -> OwnedSemaphorePermit {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            self.full = false;
            return permit;
        }
        if !self.full {
            tracing::warn!("connection limit reached: new connections wait");
        }
        self.full = true;
        self.permits.clone().acquire_owned().await.expect("the semaphore is never closed")
    }
}

/// Whether the error concerns one client only, which has disconnected.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Sends small frames at once (no Nagle), detects vanished peers, and bounds the kernel's memory. The connection works
/// without any of these.
fn tune(socket: &TcpStream) {
    let (time, interval, retries) = KEEPALIVE;
    let keepalive = TcpKeepalive::new().with_time(time).with_interval(interval).with_retries(retries);
    let options = SockRef::from(socket);
    let tuned = socket.set_nodelay(true).and_then(|()| options.set_tcp_keepalive(&keepalive));
    let tuned = tuned.and_then(|()| options.set_tcp_notsent_lowat(UNSENT_BYTES));
    if let Err(error) = tuned {
        tracing::debug!(%error, "socket options refused");
    }
}
