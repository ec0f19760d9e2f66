//! Accepting connections, as many as there are places for.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use super::Stream;

/// How long to wait when the system has no descriptor or memory for another connection.
const PAUSE: Duration = Duration::from_millis(100);
/// When a silent connection is probed, how often, and how many probes may be lost: dead after two minutes.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(60), Duration::from_secs(15), 4);

/// Takes connections off a listener.
pub(super) struct Acceptor {
    listener: TcpListener,
    places: Arc<Semaphore>,
    write_timeout: Duration,
    /// Whether the last attempt failed: a burst of failures is told once.
    failing: bool,
    /// Whether the last connection had to wait for a place: told once, too.
    full: bool,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener, places: Arc<Semaphore>, write_timeout: Duration) -> Self {
        Self { listener, places, write_timeout, failing: false, full: false }
    }

    /// The next connection. While there is no place, nothing is accepted; what fails is tried again.
    pub(super) async fn next(&mut self) -> (Stream, SocketAddr) {
        let place = self.place().await;
        loop {
            match self.listener.accept().await {
                Ok((socket, peer)) => {
                    self.failing = false;
                    tune(&socket);
                    return (Stream::new(socket, place, self.write_timeout), peer);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if !self.failing {
                        tracing::error!(%error, "cannot accept connections, trying on");
                    }
                    self.failing = true;
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn place(&mut self) -> OwnedSemaphorePermit {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            self.full = false;
            return place;
        }
        if !self.full {
            tracing::warn!("as many connections as are allowed: new ones wait");
        }
        self.full = true;
        self.places.clone().acquire_owned().await.expect("the semaphore is never closed")
    }
}

/// Whether accepting failed for one client only, who went away meanwhile.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Frames are small and wanted at once; and a peer that vanished is found out. Neither is worth a connection.
fn tune(socket: &TcpStream) {
    let (time, interval, retries) = KEEPALIVE;
    let keepalive = TcpKeepalive::new().with_time(time).with_interval(interval).with_retries(retries);
    let tuned = socket.set_nodelay(true).and_then(|()| SockRef::from(socket).set_tcp_keepalive(&keepalive));
    if let Err(error) = tuned {
        tracing::debug!(%error, "socket options refused");
    }
}
