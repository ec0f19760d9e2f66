//! The end of a connection: the client gets some time to read the rest, then the connection is reset.

use std::time::Duration;

use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Handle,
    sync::OwnedSemaphorePermit,
    time::timeout,
};

/// Bytes that a client may still send, like the rest of a request that was refused.
const DISCARDED_BYTES: u64 = 1024 * 1024;

/// A socket with its permit. When dropped, it is closed in order and the permit is released after that.
///
/// The kernel keeps what a client has not read after a socket is closed. So the end of what was sent is marked, and the
/// client has a limited time to read up to it and close its side; then a reset frees the kernel's memory.
#[derive(Debug)]
pub(super) struct LingeringSocket {
    parts: Option<(TcpStream, OwnedSemaphorePermit)>,
    limit: Duration,
}

impl LingeringSocket {
    pub(super) fn new(socket: TcpStream, permit: OwnedSemaphorePermit, limit: Duration) -> Self {
        Self { parts: Some((socket, permit)), limit }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        let (socket, _) = self.parts.as_ref().expect("it is there until it is dropped");
        socket
    }

    pub(super) fn socket_mut(&mut self) -> &mut TcpStream {
        let (socket, _) = self.parts.as_mut().expect("it is there until it is dropped");
        socket
    }

    /// Returns the socket and the permit: then the caller closes it.
    pub(super) fn into_parts(mut self) -> (TcpStream, OwnedSemaphorePermit) {
        self.parts.take().expect("it is there until it is dropped")
    }

    /// The client has had its time: the connection is reset when dropped.
    pub(super) fn expire(&mut self) {
        self.limit = Duration::ZERO;
    }
}

impl Drop for LingeringSocket {
    fn drop(&mut self) {
        // Without a runtime nothing can wait for the client.
        if let (Some((socket, permit)), Ok(runtime)) = (self.parts.take(), Handle::try_current()) {
            runtime.spawn(close(socket, permit, self.limit));
        }
    }
}

async fn close(mut socket: TcpStream, permit: OwnedSemaphorePermit, limit: Duration) {
    let read_to_end = async {
        socket.shutdown().await?;
        let mut rest = (&mut socket).take(DISCARDED_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    let ended = timeout(limit, read_to_end).await;
    if !matches!(ended, Ok(Ok(read)) if read < DISCARDED_BYTES) {
        reset(socket);
    }
    drop(permit);
}

fn reset(socket: TcpStream) {
    // It fails for a connection that has ended already.
    let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
}
