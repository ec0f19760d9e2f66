//! One connection of the generator.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    time::Instant,
};

use mio::{Interest, Registry, Token, event::Event, net::TcpStream};

use super::{
    dialect::{Dialect, Incoming},
    tally::Tally,
};

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    Connecting,
    Upgrading,
    Joining,
    Present,
    Closed,
}

/// A client of a server.
pub struct Client {
    pub state: ConnectionState,
    pub dialect: Dialect,
    /// The server's address, and its index among the targets.
    pub address: SocketAddr,
    pub target: u64,
    pub cookie: String,
    /// It has reported that it is hidden.
    pub hidden: bool,
    /// The number of its newest message plus one, and that message's id for a reconnect.
    pub next: u64,
    pub since: Option<String>,
    /// When it first started to connect, as a browser or a client.
    pub began: Instant,
    stream: TcpStream,
    /// The start of an incomplete frame.
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

impl Client {
    /// Starts to connect.
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
            state: ConnectionState::Connecting,
            dialect,
            address,
            target,
            cookie,
            hidden: false,
            next: 0,
            since: None,
            began: Instant::now(),
            stream,
            unread,
            unsent,
        })
    }

    /// Starts a new connection and drops the old one.
    pub fn reconnect(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.stream = register(TcpStream::connect(self.address)?, registry, token)?;
        self.unread = Vec::new();
        self.unsent = Vec::new();
        self.state = ConnectionState::Connecting;
        Ok(())
    }

    /// Closes the connection at once.
    pub fn cut(&mut self) {
        let _gone = self.stream.shutdown(std::net::Shutdown::Both);
        self.state = ConnectionState::Closed;
    }

    /// Handles an event; returns whether the state has changed.
    pub fn on_event(&mut self, event: &Event, scratch: &mut [u8], tally: &mut Tally) -> bool {
        let before = self.state;
        if let Err(error) = self.step(event, scratch, tally) {
            if before != ConnectionState::Present {
                tally.refuse(&error.to_string());
            }
            self.state = ConnectionState::Closed;
        }
        self.state != before
    }

    /// Sends these bytes; queues those that the socket does not accept.
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
        if self.state == ConnectionState::Closed {
            return Ok(());
        }
        if self.state == ConnectionState::Connecting && event.is_writable() {
            self.open_connection()?;
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

    fn open_connection(&mut self) -> io::Result<()> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        self.state = if self.dialect.upgrades() { ConnectionState::Upgrading } else { ConnectionState::Joining };
        let opening = self.dialect.opening(&self.address.to_string(), &self.cookie);
        self.send(&opening)
    }

    /// Reads until a read does not fill the buffer, which has then emptied the socket.
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
                // An empty buffer is freed: there are ten thousand of them.
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
        if self.state == ConnectionState::Upgrading {
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(0) };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                return Err(io::Error::other(String::from_utf8_lossy(&bytes[..end]).into_owned()));
            }
            used = end + 4;
            self.state = ConnectionState::Joining;
            let join = self.dialect.join(self.since.as_deref());
            self.send(&join)?;
        }
        while let Some((incoming, length)) = self.dialect.incoming(&bytes[used..]) {
            used += length;
            match incoming {
                Incoming::Message(payload) => tally.message(payload, self.target, self.hidden, &mut self.next),
                Incoming::Presence(payload) => tally.presence_bytes += payload.len() as u64,
                Incoming::Joined(payload) => {
                    self.state = ConnectionState::Present;
                    tally.joined(self.began.elapsed());
                    tally.welcome(payload, &mut self.next);
                }
                Incoming::Reply(reply) => self.send(&reply)?,
                Incoming::Ended => return Err(ErrorKind::ConnectionReset.into()),
                Incoming::Other => {}
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
