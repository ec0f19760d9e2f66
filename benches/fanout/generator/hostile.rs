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

struct Hostile {
    attack: usize,
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
        Hostile { attack: i / open.targets.len(), target, cookie, stream: None }
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
    /// Upgrades and joins without waiting for responses.
    fn connect(&mut self) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.target)?;
        stream.set_nodelay(true)?;
        stream.write_all(&Dialect::Ruang.opening(&self.target.to_string(), &self.cookie))?;
        stream.write_all(&Dialect::Ruang.join(None))?;
        stream.set_nonblocking(true)?;
        self.stream = Some(stream);
        Ok(())
    }

    fn attack(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        match self.attack % 5 {
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
            // A new join every time; most are refused.
            2 => {
                write(stream, &Dialect::Ruang.join(None))?;
                drain(stream)
            }
            // A frame byte by byte.
            3 => write(stream, &[0x81]),
            // Pings, without ever reading.
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
