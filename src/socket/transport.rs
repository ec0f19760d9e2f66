//! The TCP stream of one connection, read and written; frames that the socket does not take at once wait in a bounded queue.

use std::{collections::VecDeque, io, net::Shutdown, time::Duration};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use socket2::SockRef;
use tokio::{
    net::TcpStream,
    sync::Notify,
    time::{Instant, timeout, timeout_at},
};

use super::queue_memory::Reservation;
use crate::{
    protocol::Bye,
    room::{Farewell, Recipient},
    websocket::frame_length,
};

/// Most bytes of frames that may wait for one connection, its first welcome not counted: what a burst of a full room is.
/// Whether a client is too slow is decided by age; this bounds memory.
const WAITING_BYTES: usize = 1024 * 1024;
/// How long a client may leave everything unread that is written to it, and how old what waits for it may get.
const BEHIND: Duration = Duration::from_secs(10);
/// Bytes that may wait for one connection even when too many wait for all.
const FAIR_BYTES: usize = 16 * 1024;
/// How long all that waits may take at the end, and then the frame that has begun and the last word.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes of a client that are read and thrown away so that it gets to see our close frame.
const LINGER_BYTES: usize = 256 * 1024;

/// A socket, and what waits for it. Anybody may write; the connection's own task sees to what is left over.
pub(super) struct Transport {
    socket: TcpStream,
    state: Mutex<State>,
    attention: Notify,
}

struct State {
    waiting: VecDeque<Waiting>,
    /// All bytes that wait.
    reservation: Reservation,
    /// Bytes that wait and count.
    bytes: usize,
    /// Since when nothing could be written, while something waits.
    stuck: Option<Instant>,
    /// No more is taken: the goodbye is being said, or there is nobody to say it to.
    closed: bool,
    broken: bool,
    farewell: Option<Farewell>,
    recheck: Option<Duration>,
}

struct Waiting {
    /// Whole frames, one or several.
    whole: Bytes,
    /// Those of their bytes that are not written yet.
    frames: Bytes,
    counted: bool,
    since: Instant,
}

/// What the connection's task is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransportEvent {
    /// The room ends the connection.
    Farewell(Farewell),
    /// The session may have ended: it must be looked up within this time.
    Recheck(Duration),
    /// The connection broke.
    Broken,
    /// The client has read nothing for too long.
    Stalled,
}

impl Transport {
    /// Nothing waits yet.
    pub(super) fn new(socket: TcpStream, reservation: Reservation) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            reservation,
            bytes: 0,
            stuck: None,
            closed: false,
            broken: false,
            farewell: None,
            recheck: None,
        };
        Self { socket, state: Mutex::new(state), attention: Notify::new() }
    }

    /// Waits until there is something to read, or the end.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Reads what there is into `into`, without waiting. 0 at the end.
    pub(super) fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.try_read(into)
    }

    /// Waits until the connection's task is needed, and writes what waits whenever there is room. Cancel-safe.
    pub(super) async fn next_event(&self) -> TransportEvent {
        loop {
            let until = match self.lock().need() {
                Ok(need) => return need,
                Err(until) => until,
            };
            let Some(until) = until else {
                self.attention.notified().await;
                continue;
            };
            tokio::select! {
                writable = timeout_at(until, self.socket.writable()) => match writable {
                    Ok(Ok(())) => self.lock().drain(&self.socket),
                    Ok(Err(_)) => return TransportEvent::Broken,
                    Err(_) => return TransportEvent::Stalled,
                },
                () = self.attention.notified() => {}
            }
        }
    }

    /// Sends the last frames and closes, all within a few seconds. If the client does not take all that waits, it gets the
    /// rest of the frame that has begun and the last frames; if it does not take these either, the connection is reset: no
    /// frame ever ends in the middle.
    pub(super) async fn finish(&self, last: Bytes) {
        {
            let mut state = self.lock();
            state.push(&self.socket, last.clone(), false);
            state.closed = true;
        }
        if timeout(LINGER, self.drained()).await.is_err() {
            self.lock().keep_only(last);
            if timeout(LINGER, self.drained()).await.is_err() {
                let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
                return self.abandon();
            }
        }
        self.let_go().await;
    }

    /// Forgets what waits: there is nobody to send it to.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.clear();
    }

    async fn drained(&self) {
        while self.lock().stuck.is_some() {
            if self.socket.writable().await.is_err() {
                return;
            }
            self.lock().drain(&self.socket);
        }
    }

    /// Closing a TCP connection with input unread resets it, and the client may lose what we said last: so our side is
    /// closed first, and input is thrown away for a moment.
    async fn let_go(&self) {
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn change(&self, change: impl FnOnce(&mut State, &TcpStream)) {
        let mut state = self.lock();
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
        // One may wait uncounted: who asks for more and reads none of it keeps no more for that.
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
    /// Writes what fits now; the rest waits.
    fn push(&mut self, socket: &TcpStream, frames: Bytes, counted: bool) {
        let whole = frames.clone();
        let frames = if self.waiting.is_empty() { self.write(socket, frames) } else { frames };
        if frames.is_empty() || self.broken {
            return;
        }
        if counted && self.bytes + frames.len() > WAITING_BYTES {
            // What waits is still sent if the client takes it: it ends with the goodbye, not with a hole.
            self.farewell.get_or_insert(Farewell { reason: Bye::TooSlow, retry_after_ms: None });
            return;
        }
        if self.reservation.is_exceeded() && self.reservation.bytes() + frames.len() > FAIR_BYTES {
            self.farewell.get_or_insert(Farewell { reason: Bye::Overloaded, retry_after_ms: None });
            return;
        }
        let now = Instant::now();
        self.stuck.get_or_insert(now);
        self.bytes += if counted { frames.len() } else { 0 };
        self.reservation.add(frames.len());
        self.waiting.push_back(Waiting { whole, frames, counted, since: now });
    }

    /// Writes what waits, as much as fits now.
    fn drain(&mut self, socket: &TcpStream) {
        while let Some(Waiting { whole, frames, counted, since }) = self.waiting.pop_front() {
            let before = frames.len();
            let rest = self.write(socket, frames);
            if self.broken {
                return;
            }
            if rest.len() < before {
                self.stuck = Some(Instant::now());
                self.reservation.take(before - rest.len());
                self.bytes -= if counted { before - rest.len() } else { 0 };
            }
            if !rest.is_empty() {
                self.waiting.push_front(Waiting { whole, frames: rest, counted, since });
                return;
            }
        }
        self.clear();
    }

    /// Answers what did not fit.
    fn write(&mut self, socket: &TcpStream, mut frames: Bytes) -> Bytes {
        match socket.try_write(&frames) {
            Ok(written) => frames.split_off(written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => frames,
            Err(_) => {
                self.broken = true;
                self.clear();
                frames
            }
        }
    }

    /// Drops what waits, but for the rest of a frame that has begun, and adds the last frames.
    fn keep_only(&mut self, last: Bytes) {
        let begun = self.waiting.front().map_or(Bytes::new(), Waiting::rest_of_begun_frame);
        self.clear();
        let now = Instant::now();
        for frames in [begun, last].into_iter().filter(|frames| !frames.is_empty()) {
            self.reservation.add(frames.len());
            self.waiting.push_back(Waiting { whole: frames.clone(), frames, counted: false, since: now });
        }
        self.stuck = Some(now);
    }

    fn clear(&mut self) {
        self.waiting = VecDeque::new();
        self.reservation.take(self.reservation.bytes());
        (self.bytes, self.stuck) = (0, None);
    }

    fn wants_attention(&self) -> bool {
        self.broken || self.stuck.is_some() || self.farewell.is_some()
    }

    /// What the task is needed for; else until when what waits must be on its way, if anything does.
    fn need(&mut self) -> Result<TransportEvent, Option<Instant>> {
        if self.broken {
            Ok(TransportEvent::Broken)
        } else if let Some(farewell) = self.farewell {
            Ok(TransportEvent::Farewell(farewell))
        } else if let Some(spread) = self.recheck.take() {
            Ok(TransportEvent::Recheck(spread))
        } else {
            Err(self.behind_at())
        }
    }

    /// When the client is behind: it takes nothing, or takes so little that what waits grows old. A welcome may be long
    /// for a slow line, and only has to go on.
    fn behind_at(&self) -> Option<Instant> {
        let oldest = self.waiting.front().filter(|waiting| waiting.counted).map(|waiting| waiting.since);
        let since = self.stuck.map(|stuck| oldest.map_or(stuck, |oldest| oldest.min(stuck)));
        since.map(|since| since + BEHIND)
    }
}

impl Waiting {
    fn rest_of_begun_frame(&self) -> Bytes {
        let written = self.whole.len() - self.frames.len();
        let mut end = 0;
        while end < written {
            end += frame_length(&self.whole[end..]);
        }
        self.whole.slice(written..end.min(self.whole.len()))
    }
}

#[cfg(test)]
mod tests;
