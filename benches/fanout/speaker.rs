//! A client that sends at a fixed rate and measures how long each message takes to be acknowledged.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    generator::{
        dialect::Dialect,
        slow::skip_response,
        websocket::{Opcode, first_frame, masked},
    },
    process::Failure,
    wait,
};

/// Interval of the messages of most rows.
pub const OFTEN: Duration = Duration::from_millis(50);
/// How long the last messages may take.
const LAST: Duration = Duration::from_secs(3);

/// A joined client that sends.
pub struct Speaker {
    ended: Arc<AtomicBool>,
    sending: JoinHandle<io::Result<Spoken>>,
}

/// The outcomes of a speaker's messages.
#[derive(Default)]
pub struct Spoken {
    /// Milliseconds until each ack.
    pub acks: Vec<f64>,
    /// Messages that were refused, or not acknowledged in time.
    pub failed: usize,
}

impl Speaker {
    /// Joins with a session and begins to send at this interval.
    pub fn start(target: SocketAddr, cookie: &str, interval: Duration) -> Result<Self, Failure> {
        let mut stream = TcpStream::connect(target)?;
        stream.set_nodelay(true)?;
        stream.write_all(&Dialect::Ruang.opening(&target.to_string(), cookie))?;
        skip_response(&mut stream)?;
        stream.write_all(&Dialect::Ruang.join(None))?;
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        Ok(Self { ended, sending: thread::spawn(move || speak(&stream, &stop, interval)) })
    }

    /// Sends for this time, and fails if a message was not acknowledged.
    pub fn finish_after(self, speaking: Duration) -> Result<(), Failure> {
        let end = Instant::now() + speaking;
        wait::within(speaking * 2, "a speaker speaks", || (Instant::now() >= end).then_some(()))?;
        match self.finish()?.failed {
            0 => Ok(()),
            failed => Err(format!("{failed} messages were not acknowledged").into()),
        }
    }

    /// Stops to send, and waits for the last acks.
    pub fn finish(self) -> Result<Spoken, Failure> {
        self.ended.store(true, Ordering::Relaxed);
        Ok(self.sending.join().map_err(|_| "a speaker panicked")??)
    }
}

fn speak(mut stream: &TcpStream, ended: &AtomicBool, interval: Duration) -> io::Result<Spoken> {
    let (mut sent, mut acks, mut unread) = (Vec::<Instant>::new(), Vec::new(), Vec::new());
    let (mut buffer, mut next, mut last) = (vec![0; 64 * 1024], Instant::now(), None);
    loop {
        let now = Instant::now();
        if ended.load(Ordering::Relaxed) {
            let until = *last.get_or_insert(now + LAST);
            if acks.len() == sent.len() || now >= until {
                let failed = sent.len() - acks.len();
                return Ok(Spoken { acks, failed });
            }
        } else if now >= next {
            stream.write_all(&Dialect::Ruang.message(sent.len() as u64, &format!("pesan {}", sent.len())))?;
            sent.push(now);
            next += interval;
        }
        let wait = next.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), interval);
        stream.set_read_timeout(Some(wait))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Err(io::Error::other("a speaker was disconnected")),
            Ok(read) => unread.extend_from_slice(&buffer[..read]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        while let Some((opcode, begin, end)) = first_frame(&unread) {
            if opcode == Opcode::Ping {
                stream.write_all(&masked(Opcode::Pong, &unread[begin..end]))?;
            }
            if let Some(at) = acknowledged(&unread[begin..end]).and_then(|nonce| sent.get(nonce)) {
                acks.push(at.elapsed().as_secs_f64() * 1e3);
            }
            unread.drain(..end);
        }
    }
}

/// The nonce of an ack.
fn acknowledged(payload: &[u8]) -> Option<usize> {
    let frame: serde_json::Value =
        serde_json::from_slice(payload).ok().filter(|_| payload.starts_with(b"{\"type\":\"ack\""))?;
    frame["nonce"].as_str()?.parse().ok()
}
