//! The TCP stream of one connection, for reading and writing. Frames that the socket does not take at once wait in a bounded
//! queue.

use std::{collections::VecDeque, io, net::Shutdown, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{
    net::TcpStream,
    sync::Notify,
    time::{Instant, timeout, timeout_at},
};

use super::STANDSTILL;
use crate::{
    protocol::Bye,
    queue_memory::Reservation,
    room::{Farewell, Recipient},
    websocket::frame_length,
};

/// The largest number of bytes that may wait for one connection, its first welcome not counted: a burst of a full room.
/// This bounds memory; whether a client is too slow is decided by age.
const QUEUE_BYTES: usize = 1024 * 1024;
/// How long a client may read nothing of its frames, and the largest age of a waiting frame.
const STALL: Duration = Duration::from_secs(10);
/// Bytes that may wait for one connection even if too many wait for all.
const FAIR_BYTES: usize = 16 * 1024;
/// The time for all that waits at the end, and then again for the frame that has begun and the last frames.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes of a client that are read and discarded so that it receives the close frame.
const LINGER_BYTES: usize = 256 * 1024;

/// A socket, and the frames that wait for it. Any task may send; the connection's own task writes what waits.
pub(super) struct Transport {
    socket: TcpStream,
    state: Mutex<State>,
    /// Wakes the connection's task.
    attention: Notify,
}

struct State {
    waiting: VecDeque<Waiting>,
    /// All bytes that wait.
    reservation: Reservation,
    /// Bytes that wait and count towards [`QUEUE_BYTES`].
    counted_bytes: usize,
    /// The time of the last write, while something waits.
    stalled_since: Option<Instant>,
    /// No more frames are accepted: the connection is closing or lost.
    closed: bool,
    broken: bool,
    farewell: Option<Farewell>,
    recheck: Option<Duration>,
}

/// Frames that wait, one or several.
struct Waiting {
    frames: Bytes,
    /// How many of their bytes are written.
    written: usize,
    counted: bool,
    since: Instant,
}

/// Why the connection's task is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransportEvent {
    /// The room ends the connection.
    Farewell(Farewell),
    /// The session may have ended: it must be looked up within this time.
    Recheck(Duration),
    /// The connection broke.
    Broken,
    /// The client reads too slowly.
    Stalled,
}

impl Transport {
    /// Nothing waits yet.
    pub(super) fn new(socket: TcpStream, reservation: Reservation) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            reservation,
            counted_bytes: 0,
            stalled_since: None,
            closed: false,
            broken: false,
            farewell: None,
            recheck: None,
        };
        Self { socket, state: Mutex::new(state), attention: Notify::new() }
    }

    /// Waits until there is input, or the end of it.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Reads available input into `buffer`. Returns the number of bytes, 0 at the end of the stream, and the error
    /// `WouldBlock` if there is no input yet: it never waits.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.try_read(buffer)
    }

    /// Writes what waits whenever the socket has room, until the connection's task is needed. Cancel-safe.
    pub(super) async fn next_event(&self) -> TransportEvent {
        loop {
            let deadline = {
                let mut state = self.state.lock();
                if let Some(event) = state.take_event() {
                    return event;
                }
                state.stall_deadline()
            };
            let Some(deadline) = deadline else {
                self.attention.notified().await;
                continue;
            };
            tokio::select! {
                writable = timeout_at(deadline, self.socket.writable()) => match writable {
                    Ok(Ok(())) => self.state.lock().drain(&self.socket),
                    Ok(Err(_)) => return TransportEvent::Broken,
                    Err(_) if deadline.elapsed() >= STANDSTILL => self.state.lock().restart_ages(),
                    Err(_) => return TransportEvent::Stalled,
                },
                () = self.attention.notified() => {}
            }
        }
    }

    /// Sends the last frames and closes, all within a few seconds. If the client does not read all that waits, it gets the
    /// rest of the frame that has begun and the last frames. If it does not read these either, the connection is reset: a
    /// frame is never followed by another before its end.
    pub(super) async fn finish(&self, last: Bytes) {
        {
            let mut state = self.state.lock();
            state.push(&self.socket, last.clone(), false);
            state.closed = true;
        }
        if timeout(LINGER, self.drained()).await.is_err() {
            self.state.lock().keep_only(last);
            if timeout(LINGER, self.drained()).await.is_err() {
                let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
                return self.abandon();
            }
        }
        self.shut_down().await;
    }

    /// Discards what waits: the client is gone.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.clear();
    }

    async fn drained(&self) {
        while self.state.lock().stalled_since.is_some() {
            if self.socket.writable().await.is_err() {
                return;
            }
            self.state.lock().drain(&self.socket);
        }
    }

    /// Closes the writing side first, then discards input for a moment: closing a TCP connection with unread input resets it,
    /// and the client could lose the last frames.
    async fn shut_down(&self) {
        let _ = SockRef::from(&self.socket).shutdown(Shutdown::Write);
        let discard = async {
            let mut left = LINGER_BYTES;
            while left > 0 && self.socket.readable().await.is_ok() {
                match self.socket.try_read(&mut [0; 1024]) {
                    Ok(read @ 1..) => left = left.saturating_sub(read),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => return,
                }
            }
        };
        let _ = timeout(LINGER, discard).await;
        self.abandon();
    }

    fn change(&self, change: impl FnOnce(&mut State, &TcpStream)) {
        let mut state = self.state.lock();
        if !state.closed && state.farewell.is_none() {
            let was_idle = !state.wants_attention();
            change(&mut state, &self.socket);
            let wakes = was_idle && state.wants_attention();
            drop(state);
            if wakes {
                self.attention.notify_one();
            }
        }
    }
}

impl Recipient for Transport {
    fn send(&self, frames: Bytes) {
        self.change(|state, socket| state.push(socket, frames, true));
    }

    fn welcome(&self, frame: Bytes) {
        // One welcome may wait uncounted: a client that asks for more and reads none holds no more memory than that.
        self.change(|state, socket| {
            let counted = state.waiting.iter().any(|waiting| !waiting.counted);
            state.push(socket, frame, counted);
        });
    }

    fn close(&self, farewell: Farewell) {
        self.change(|state, _| state.farewell = Some(farewell));
        self.attention.notify_one();
    }

    fn recheck(&self, spread: Duration) {
        self.change(|state, _| state.recheck = Some(spread));
        self.attention.notify_one();
    }
}

impl State {
    /// Writes as many bytes as the socket takes now; the rest waits, or ends the connection.
    fn push(&mut self, socket: &TcpStream, frames: Bytes, counted: bool) {
        let written = if self.waiting.is_empty() { self.write(socket, &frames) } else { 0 };
        let left = frames.len() - written;
        if left == 0 || self.broken {
            return;
        }
        let waiting = Waiting { frames, written, counted, since: Instant::now() };
        match self.refusal(left, counted) {
            None => self.queue(waiting),
            Some(reason) => {
                // Waiting frames are still sent, and the frame that has begun is finished: the stream ends between two frames.
                self.farewell.get_or_insert(Farewell { reason, retry_after_ms: None });
                if let Some(begun) = waiting.begun_frame() {
                    self.queue(begun);
                }
            }
        }
    }

    /// Why this many more bytes cannot be queued, if so.
    fn refusal(&self, bytes: usize, counted: bool) -> Option<Bye> {
        if counted && self.counted_bytes + bytes > QUEUE_BYTES {
            return Some(Bye::TooSlow);
        }
        let is_unfair = self.reservation.is_exceeded() && self.reservation.bytes() + bytes > FAIR_BYTES;
        is_unfair.then_some(Bye::Overloaded)
    }

    fn queue(&mut self, waiting: Waiting) {
        let bytes = waiting.left().len();
        self.stalled_since.get_or_insert(waiting.since);
        self.counted_bytes += if waiting.counted { bytes } else { 0 };
        self.reservation.add(bytes);
        self.waiting.push_back(waiting);
    }

    /// Writes what waits, as much as the socket takes now.
    fn drain(&mut self, socket: &TcpStream) {
        while let Some(mut first) = self.waiting.pop_front() {
            let written = self.write(socket, first.left());
            if self.broken {
                return;
            }
            if written > 0 {
                self.stalled_since = Some(Instant::now());
                self.reservation.release(written);
                self.counted_bytes -= if first.counted { written } else { 0 };
                first.written += written;
            }
            if !first.left().is_empty() {
                self.waiting.push_front(first);
                return;
            }
        }
        self.clear();
    }

    /// Returns the number of bytes that the socket took.
    fn write(&mut self, socket: &TcpStream, bytes: &[u8]) -> usize {
        match socket.try_write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => {
                self.broken = true;
                self.clear();
                0
            }
        }
    }

    /// Drops what waits, except for the rest of a frame that has begun, and adds the last frames.
    fn keep_only(&mut self, last: Bytes) {
        let begun = self.waiting.front().and_then(Waiting::begun_frame);
        self.clear();
        let last = Waiting { frames: last, written: 0, counted: false, since: Instant::now() };
        for waiting in begun.into_iter().chain([last]) {
            self.queue(waiting);
        }
    }

    fn clear(&mut self) {
        self.waiting = VecDeque::new();
        self.reservation.release(self.reservation.bytes());
        (self.counted_bytes, self.stalled_since) = (0, None);
    }

    fn wants_attention(&self) -> bool {
        self.broken || self.stalled_since.is_some() || self.farewell.is_some()
    }

    fn take_event(&mut self) -> Option<TransportEvent> {
        if self.broken {
            return Some(TransportEvent::Broken);
        }
        let farewell = self.farewell.map(TransportEvent::Farewell);
        farewell.or_else(|| self.recheck.take().map(TransportEvent::Recheck))
    }

    /// When the client is too slow, if something waits: it reads nothing, or so little that frames grow old. A welcome may
    /// be long for a slow line: it only has to make progress.
    fn stall_deadline(&self) -> Option<Instant> {
        let oldest = self.waiting.front().filter(|waiting| waiting.counted).map(|waiting| waiting.since);
        let since = self.stalled_since.map(|stalled| oldest.map_or(stalled, |oldest| oldest.min(stalled)));
        since.map(|since| since + STALL)
    }

    /// Gives the client its time again: this process stood still, and the client may have read meanwhile.
    fn restart_ages(&mut self) {
        let now = Instant::now();
        self.stalled_since = self.stalled_since.map(|_| now);
        self.waiting.iter_mut().for_each(|waiting| waiting.since = now);
    }
}

impl Waiting {
    /// The bytes that are not written yet.
    fn left(&self) -> &[u8] {
        &self.frames[self.written..]
    }

    /// The frames up to the end of the one that is written in part, if there is one.
    fn begun_frame(&self) -> Option<Self> {
        let mut end = 0;
        while end < self.written {
            end += frame_length(&self.frames[end..]);
        }
        let frames = self.frames.slice(..end.min(self.frames.len()));
        (frames.len() > self.written).then_some(Self { frames, ..*self })
    }
}

#[cfg(test)]
mod tests;
