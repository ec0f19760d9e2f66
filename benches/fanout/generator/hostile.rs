//! Hostile clients: many on one thread, each with one attack at a bounded rate.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::{
    dialect::Dialect,
    request::{GeneratorStats, Open, OpenResult},
    sign_in::sign_in,
    websocket::{Opcode, masked},
};

/// The first number of their names, beyond those of all other clients.
const NUMBER: usize = 2_000_000;
/// Interval of each client's attack.
const INTERVAL: Duration = Duration::from_millis(200);
/// Highest number of reconnects in one round.
const RECONNECTS_PER_ROUND: usize = 20;

/// Attacks, one per client.
#[derive(Clone, Copy)]
enum Attack {
    /// WebSocket pings, twenty at once.
    Pings,
    /// Frames that are not of the protocol.
    Errors,
    /// A new join every time; most are refused.
    Joins,
    /// A frame byte by byte.
    Bytes,
    /// Pings of the protocol, without ever reading.
    Unread,
    /// Empty continuations of a message that never ends, twenty at once.
    Continuations,
    /// Typing on and off.
    Typing,
    /// Pings of the protocol before any join.
    Outside,
    /// Pages of history, compressed.
    History,
    /// A page of history that is read a byte at a time.
    SlowRead,
}

const ATTACKS: [Attack; 10] = [
    Attack::Pings,
    Attack::Errors,
    Attack::Joins,
    Attack::Bytes,
    Attack::Unread,
    Attack::Continuations,
    Attack::Typing,
    Attack::Outside,
    Attack::History,
    Attack::SlowRead,
];

struct Hostile {
    attack: Attack,
    target: SocketAddr,
    cookie: String,
    stream: Option<TcpStream>,
}

/// Opens the clients, evenly over the targets, on a thread that runs until the process ends.
pub(super) fn begin(open: &Open) -> io::Result<OpenResult> {
    let cookies = sign_in(&open.targets, NUMBER, open.count)?;
    let cookie = cookies.first().cloned().unwrap_or_default();
    let make = |(i, cookie)| {
        let target = open.targets[i % open.targets.len()];
        Hostile { attack: ATTACKS[i / open.targets.len() % ATTACKS.len()], target, cookie, stream: None }
    };
    let mut all: Vec<Hostile> = cookies.into_iter().enumerate().map(make).collect();
    for hostile in &mut all {
        hostile.connect()?;
    }
    thread::spawn(move || {
        loop {
            let began = Instant::now();
            let mut back = RECONNECTS_PER_ROUND;
            for hostile in &mut all {
                if hostile.stream.is_none() && back > 0 {
                    back -= 1;
                    // The next round tries again.
                    let _refused = hostile.connect();
                } else if hostile.attack().is_err() {
                    hostile.stream = None;
                }
            }
            thread::park_timeout(INTERVAL.saturating_sub(began.elapsed()));
        }
    });
    Ok(OpenResult { seconds: 0.0, bytes: 0, presence_bytes: 0, stats: GeneratorStats::default(), cookie })
}

impl Hostile {
    /// Upgrades and joins, or asks for a page, without waiting for responses.
    fn connect(&mut self) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.target)?;
        stream.set_nodelay(true)?;
        match self.attack {
            Attack::History | Attack::SlowRead => stream.write_all(&self.history())?,
            Attack::Outside => stream.write_all(&self.opening())?,
            Attack::Continuations => stream.write_all(&[self.opening(), first_of_many()].concat())?,
            _ => stream.write_all(&[self.opening(), Dialect::Ruang.join(None)].concat())?,
        }
        stream.set_nonblocking(true)?;
        self.stream = Some(stream);
        Ok(())
    }

    fn opening(&self) -> Vec<u8> {
        Dialect::Ruang.opening(&self.target.to_string(), &self.cookie)
    }

    fn history(&self) -> Vec<u8> {
        let Self { target, cookie, .. } = self;
        let request = format!(
            "GET /api/messages?limit=200 HTTP/1.1\r\nHost: {target}\r\nAccept-Encoding: gzip\r\nCookie: {cookie}\r\n\r\n"
        );
        request.into_bytes()
    }

    fn attack(&mut self) -> io::Result<()> {
        let history = self.history();
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let data = |text: &str| masked(Opcode::Data, text.as_bytes());
        match self.attack {
            Attack::Bytes => return write(stream, &[0x81]),
            Attack::Unread => return write(stream, &data(r#"{"type":"ping"}"#)),
            Attack::SlowRead => return skip_byte(stream),
            Attack::Pings => write(stream, &masked(Opcode::Ping, b"ping").repeat(20))?,
            Attack::Errors => write(stream, &data(r#"{"type":"shout"}"#))?,
            Attack::Joins => write(stream, &Dialect::Ruang.join(None))?,
            Attack::Continuations => write(stream, &CONTINUATION.repeat(20))?,
            Attack::Typing => write(stream, &[true, false].map(|active| data(&typing(active))).concat())?,
            Attack::Outside => write(stream, &data(r#"{"type":"ping"}"#).repeat(20))?,
            Attack::History => write(stream, &history)?,
        }
        drain(stream)
    }
}

/// An empty frame that continues a message, masked with zeros.
const CONTINUATION: [u8; 6] = [0x00, 0x80, 0, 0, 0, 0];

/// The first frame of a message in many.
fn first_of_many() -> Vec<u8> {
    let mut frame = CONTINUATION.to_vec();
    frame[0] = 0x01;
    frame
}

fn typing(active: bool) -> String {
    format!(r#"{{"type":"typing","active":{active}}}"#)
}

/// Discards one received byte.
fn skip_byte(stream: &mut TcpStream) -> io::Result<()> {
    match stream.read(&mut [0]) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    match stream.write(bytes) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

/// Discards received data; an error at the end of the stream.
fn drain(stream: &mut TcpStream) -> io::Result<()> {
    let mut scratch = [0; 16 * 1024];
    loop {
        match stream.read(&mut scratch) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) if read < scratch.len() => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
