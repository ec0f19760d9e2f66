//! The floor: the kernel's cost of passing one message to very many sockets and nothing else: one thread, one poll; a frame is
//! built once and written once per client and loop. No Redis, no sessions, no limits.

use std::{
    io::{self, BufRead, ErrorKind, Read, Write},
    net::Ipv4Addr,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use mio::{
    Events, Interest, Poll, Registry, Token,
    net::{TcpListener, TcpStream},
};
use sha1_smol::Sha1;

use crate::{
    generator::websocket::{Opcode, first_frame, unmasked},
    process,
};

const LISTENER: Token = Token(usize::MAX);
/// Appended to the client's key before hashing (RFC 6455, section 1.3).
const HANDSHAKE_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

struct Floor {
    listener: TcpListener,
    clients: Vec<Client>,
    /// Frames to write to all clients in this loop.
    frames: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    state: ConnectionState,
    unread: Vec<u8>,
    /// Bytes that the socket did not accept.
    unsent: Vec<u8>,
}

#[derive(PartialEq)]
enum ConnectionState {
    Upgrading,
    Open,
    Present,
    Closed,
}

/// Serves on a free port, printed as the first line of standard output, until it is killed.
pub fn run() -> Result<(), process::Failure> {
    process::raise_descriptors();
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("{}", listener.local_addr()?);
    let mut floor = Floor { listener, clients: Vec::new(), frames: Vec::new() };
    let (mut events, mut scratch) = (Events::with_capacity(1024), vec![0; 64 * 1024]);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            match event.token() {
                LISTENER => floor.accept(poll.registry())?,
                Token(at) => floor.on_event(at, event.is_readable(), event.is_writable(), &mut scratch),
            }
        }
        floor.write_all();
    }
}

/// Reads the address from a floor's first line.
pub fn address(output: &mut impl BufRead) -> Result<std::net::SocketAddr, process::Failure> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    Ok(line.trim().parse()?)
}

impl Floor {
    fn accept(&mut self, registry: &Registry) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            registry.register(&mut stream, Token(self.clients.len()), Interest::READABLE | Interest::WRITABLE)?;
            self.clients.push(Client {
                stream,
                state: ConnectionState::Upgrading,
                unread: Vec::new(),
                unsent: Vec::new(),
            });
        }
    }

    fn on_event(&mut self, at: usize, readable: bool, writable: bool, scratch: &mut [u8]) {
        let client = &mut self.clients[at];
        if writable && !client.unsent.is_empty() {
            let unsent = std::mem::take(&mut client.unsent);
            client.write(&unsent);
        }
        if readable && client.state != ConnectionState::Closed && client.read(scratch, &mut self.frames).is_err() {
            client.state = ConnectionState::Closed;
        }
    }

    fn write_all(&mut self) {
        if self.frames.is_empty() {
            return;
        }
        for client in self.clients.iter_mut().filter(|client| client.state == ConnectionState::Present) {
            client.write(&self.frames);
        }
        self.frames.clear();
    }
}

impl Client {
    fn write(&mut self, bytes: &[u8]) {
        if !self.unsent.is_empty() {
            return self.unsent.extend(bytes);
        }
        match self.stream.write(bytes) {
            Ok(sent) => self.unsent.extend(&bytes[sent..]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.unsent.extend(bytes),
            Err(_) => self.state = ConnectionState::Closed,
        }
    }

    fn read(&mut self, scratch: &mut [u8], frames: &mut Vec<u8>) -> io::Result<()> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.unread.extend(&scratch[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            if self.state == ConnectionState::Upgrading {
                self.upgrade();
            }
            while self.state != ConnectionState::Upgrading && self.take_frame(frames)? {}
        }
    }

    fn upgrade(&mut self) {
        let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") else { return };
        let head = String::from_utf8_lossy(&self.unread[..end]).into_owned();
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
        let accept = STANDARD.encode(Sha1::from(format!("{key}{HANDSHAKE_GUID}")).digest().bytes());
        let reply = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.unread.drain(..end + 4);
        self.state = ConnectionState::Open;
        self.write(reply.as_bytes());
    }

    /// Removes one frame from the input: a join gets a welcome, a message is sent to all clients unchanged.
    fn take_frame(&mut self, frames: &mut Vec<u8>) -> io::Result<bool> {
        // The mask's key precedes the payload.
        let Some((opcode, begin, end)) = first_frame(&self.unread) else { return Ok(false) };
        if self.unread.len() < end + 4 {
            return Ok(false);
        }
        let key: [u8; 4] = std::array::from_fn(|at| self.unread[begin + at]);
        let mut payload = self.unread[begin + 4..end + 4].to_vec();
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        self.unread.drain(..end + 4);
        match opcode {
            Opcode::Close => return Err(ErrorKind::ConnectionReset.into()),
            Opcode::Data if payload.starts_with(br#"{"type":"join""#) => {
                self.state = ConnectionState::Present;
                self.write(&unmasked(br#"{"type":"welcome"}"#));
            }
            Opcode::Data => frames.extend(unmasked(&payload)),
            Opcode::Ping | Opcode::Pong => {}
        }
        Ok(true)
    }
}
