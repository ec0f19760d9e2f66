//! One connection of the generator.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
};

use mio::{Interest, Registry, Token, event::Event, net::TcpStream};

use super::{
    dialect::{Dialect, Heard},
    tally::Tally,
};

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Connecting,
    Upgrading,
    Joining,
    Present,
    Gone,
}

/// A client of a server.
pub struct Client {
    pub stage: Stage,
    pub dialect: Dialect,
    /// Where it connects, and the index of that among the targets.
    pub address: SocketAddr,
    pub target: u64,
    pub cookie: String,
    /// The number of the newest message it has, plus one; and the server's id of it, kept only by who comes back.
    pub next: u64,
    pub since: Option<String>,
    stream: TcpStream,
    /// The beginning of a frame whose end has not come.
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

impl Client {
    /// Begins to connect.
    pub fn connect(
        address: SocketAddr,
        target: u64,
        dialect: Dialect,
        cookie: String,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let stream = register(TcpStream::connect(address)?, registry, token)?;
        let (unread, unsent) = (Vec::new(), Vec::new());
        Ok(Self {
            stage: Stage::Connecting,
            dialect,
            address,
            target,
            cookie,
            next: 0,
            since: None,
            stream,
            unread,
            unsent,
        })
    }

    /// Begins anew: the old connection is closed without a word.
    pub fn reconnect(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.stream = register(TcpStream::connect(self.address)?, registry, token)?;
        self.unread = Vec::new();
        self.unsent = Vec::new();
        self.stage = Stage::Connecting;
        Ok(())
    }

    /// Closes the connection at once.
    pub fn cut(&mut self) {
        let _gone = self.stream.shutdown(std::net::Shutdown::Both);
        self.stage = Stage::Gone;
    }

    /// Does what the event allows, and answers whether the stage is another now.
    pub fn on_event(&mut self, event: &Event, scratch: &mut [u8], tally: &mut Tally) -> bool {
        let before = self.stage;
        if self.step(event, scratch, tally).is_err() {
            self.stage = Stage::Gone;
        }
        self.stage != before
    }

    /// Sends these bytes, or keeps what does not fit.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.unsent.is_empty() {
            self.unsent.extend(bytes);
            return Ok(());
        }
        let sent = written(self.stream.write(bytes))?;
        self.unsent.extend(&bytes[sent..]);
        Ok(())
    }

    fn step(&mut self, event: &Event, scratch: &mut [u8], tally: &mut Tally) -> io::Result<()> {
        if self.stage == Stage::Gone {
            return Ok(());
        }
        if self.stage == Stage::Connecting && event.is_writable() {
            self.greet()?;
        }
        if !self.unsent.is_empty() && event.is_writable() {
            let sent = written(self.stream.write(&self.unsent))?;
            self.unsent.drain(..sent);
        }
        if event.is_readable() {
            self.read(scratch, tally)?;
        }
        Ok(())
    }

    fn greet(&mut self) -> io::Result<()> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        self.stage = if self.dialect.upgrades() { Stage::Upgrading } else { Stage::Joining };
        let greeting = self.dialect.greeting(&self.address.to_string(), &self.cookie);
        self.send(&greeting)
    }

    /// A read that does not fill the buffer has emptied the socket: no second one is needed to learn that.
    fn read(&mut self, scratch: &mut [u8], tally: &mut Tally) -> io::Result<()> {
        loop {
            let read = match self.stream.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            tally.bytes += read as u64;
            if self.unread.is_empty() {
                let used = self.consume(&scratch[..read], tally)?;
                self.unread.extend(&scratch[used..read]);
            } else {
                let mut bytes = std::mem::take(&mut self.unread);
                bytes.extend(&scratch[..read]);
                let used = self.consume(&bytes, tally)?;
                // Nothing is kept of a buffer that is empty: there are ten thousand of them.
                if used < bytes.len() {
                    bytes.drain(..used);
                    self.unread = bytes;
                }
            }
            if read < scratch.len() {
                return Ok(());
            }
        }
    }

    fn consume(&mut self, bytes: &[u8], tally: &mut Tally) -> io::Result<usize> {
        let mut used = 0;
        if self.stage == Stage::Upgrading {
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(0) };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                return Err(io::Error::other(String::from_utf8_lossy(&bytes[..end]).into_owned()));
            }
            used = end + 4;
            self.stage = Stage::Joining;
            let joining = self.dialect.joining(self.since.as_deref());
            self.send(&joining)?;
        }
        while let Some((heard, length)) = self.dialect.heard(&bytes[used..]) {
            used += length;
            match heard {
                Heard::Message(payload) => tally.message(payload, self.target, &mut self.next),
                Heard::Presence(payload) => tally.presence_bytes += payload.len() as u64,
                Heard::Joined(payload) => {
                    self.stage = Stage::Present;
                    tally.welcome(payload, &mut self.next);
                }
                Heard::Ask(answer) => self.send(&answer)?,
                Heard::Ended => return Err(ErrorKind::ConnectionReset.into()),
                Heard::Other => {}
            }
        }
        Ok(used)
    }
}

fn register(mut stream: TcpStream, registry: &Registry, token: Token) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

fn written(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
