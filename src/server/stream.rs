//! An accepted connection with its permit, and a deadline for the client to read a response.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};

use super::linger::LingeringSocket;

/// A connection as the server accepted it. It holds one of [`Options::max_connections`](super::Options) permits as long
/// as it exists; an upgrade that is downcast to `TokioIo<Stream>` keeps it.
///
/// A client that has not read a response within the write timeout is reset: closing would leave the rest of it in the
/// kernel's memory, for as long as the client likes.
#[derive(Debug)]
pub struct Stream {
    socket: LingeringSocket,
    write_timeout: Duration,
    /// Runs from a blocked write until all that was written has been taken, however slowly.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, permit: OwnedSemaphorePermit, write_timeout: Duration) -> Self {
        Self { socket: LingeringSocket::new(socket, permit, write_timeout), write_timeout, deadline: None }
    }

    /// Returns the socket and the permit, which is released when dropped.
    pub fn into_parts(self) -> (TcpStream, OwnedSemaphorePermit) {
        let (socket, permit) = self.socket.into_parts();
        // The new owner of the socket bounds the kernel's memory in its own way.
        let _ = SockRef::from(&socket).set_tcp_notsent_lowat(0);
        (socket, permit)
    }

    fn socket(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(self.get_mut().socket.socket_mut())
    }

    /// Returns the result of a write, or an error if the client takes too long to read.
    fn bounded<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            return written;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(self.write_timeout)));
        ready!(deadline.as_mut().poll(cx));
        self.socket.expire();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.as_mut().socket().poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.as_mut().socket().poll_write(cx, bytes);
        self.bounded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().socket().poll_write_vectored(cx, slices);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.socket().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Called whenever all that was to be written has been taken.
        self.deadline = None;
        self.as_mut().socket().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_mut().socket().poll_shutdown(cx)
    }
}
