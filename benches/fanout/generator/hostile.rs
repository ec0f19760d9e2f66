//! Clients that mean harm: many on one thread, each with a vice of its own, at a bounded rate.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::{
    dialect::Dialect,
    order::{Open, Opened, Own},
    sign_in::sign_in,
    websocket::{Opcode, masked},
};

/// Beyond the numbers of all other clients.
const NUMBER: usize = 2_000_000;
/// How often each does harm.
const EVERY: Duration = Duration::from_millis(200);
/// How many may come back in one round, so that it stays bounded.
const BACK_AT_ONCE: usize = 20;

struct Hostile {
    vice: usize,
    target: SocketAddr,
    cookie: String,
    stream: Option<TcpStream>,
}

/// Opens them, evenly over the targets, on a thread of their own that goes on until the process ends.
pub(super) fn begin(open: &Open) -> io::Result<Opened> {
    let cookies = sign_in(&open.targets, NUMBER, open.count)?;
    let cookie = cookies.first().cloned().unwrap_or_default();
    let make = |(i, cookie)| {
        let target = open.targets[i % open.targets.len()];
        Hostile { vice: i / open.targets.len(), target, cookie, stream: None }
    };
    let mut all: Vec<Hostile> = cookies.into_iter().enumerate().map(make).collect();
    for hostile in &mut all {
        hostile.connect()?;
    }
    thread::spawn(move || {
        loop {
            let began = Instant::now();
            let mut back = BACK_AT_ONCE;
            for hostile in &mut all {
                if hostile.stream.is_none() && back > 0 {
                    back -= 1;
                    // It is tried again in the next round.
                    let _refused = hostile.connect();
                } else if hostile.harm().is_err() {
                    hostile.stream = None;
                }
            }
            thread::park_timeout(EVERY.saturating_sub(began.elapsed()));
        }
    });
    Ok(Opened { seconds: 0.0, bytes: 0, presence_bytes: 0, own: Own::default(), cookie })
}

impl Hostile {
    /// Upgrades and joins; what is answered is not waited for.
    fn connect(&mut self) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.target)?;
        stream.set_nodelay(true)?;
        stream.write_all(&Dialect::Ruang.greeting(&self.target.to_string(), &self.cookie))?;
        stream.write_all(&Dialect::Ruang.joining(None))?;
        stream.set_nonblocking(true)?;
        self.stream = Some(stream);
        Ok(())
    }

    fn harm(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        match self.vice % 5 {
            // Pings, twenty at once.
            0 => {
                write(stream, &masked(Opcode::Ping, b"ping").repeat(20))?;
                drain(stream)
            }
            // Frames that are not of the protocol.
            1 => {
                write(stream, &masked(Opcode::Data, b"{\"type\":\"shout\"}"))?;
                drain(stream)
            }
            // A new join every time, most of which are refused.
            2 => {
                write(stream, &Dialect::Ruang.joining(None))?;
                drain(stream)
            }
            // A byte of a frame at a time.
            3 => write(stream, &[0x81]),
            // Nothing is ever read.
            _ => write(stream, &masked(Opcode::Data, b"{\"type\":\"ping\"}")),
        }
    }
}

fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    match stream.write(bytes) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

/// Throws away what has come; an error at the end of the stream.
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
