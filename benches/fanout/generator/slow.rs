//! A client that hardly reads.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use super::{
    order::{Open, Opened, Own},
    sign_in::sign_in,
};

/// As little as the system lets a socket take in ahead of its reader.
const RECEIVE_BUFFER: usize = 1;
/// As on Ethernet. With loopback's own of 64 KiB the server's system keeps megabytes for one socket.
const SEGMENT: u32 = 1460;
/// Beyond the numbers of all other clients.
const NUMBER: usize = 1_000_000;

/// Joins as one more client of the first target and reads a byte a second from then on, on a thread of its own.
pub(super) fn begin(open: &Open) -> io::Result<Opened> {
    let cookie = sign_in(&open.targets, NUMBER, 1)?.remove(0);
    let target = open.targets[0];
    let mut stream = connect(target)?;
    stream.write_all(&open.dialect.greeting(&target.to_string(), &cookie))?;
    skip_answer(&mut stream)?;
    stream.write_all(&open.dialect.joining(None))?;
    thread::spawn(move || {
        while matches!(stream.read(&mut [0]), Ok(1..)) {
            thread::park_timeout(Duration::from_secs(1));
        }
    });
    Ok(Opened { seconds: 0.0, bytes: 0, presence_bytes: 0, own: Own::default(), cookie })
}

fn skip_answer(stream: &mut TcpStream) -> io::Result<()> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.extend(byte);
    }
    if answer.starts_with(b"HTTP/1.1 101") { Ok(()) } else { Err(io::Error::other("the slow client was not let in")) }
}

fn connect(target: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
    // Before it connects: the window is agreed on then.
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_tcp_mss(SEGMENT)?;
    socket.connect(&target.into())?;
    Ok(socket.into())
}
