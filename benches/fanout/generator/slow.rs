//! A client that reads one byte per second.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use super::{
    request::{GeneratorStats, Open, OpenResult},
    sign_in::sign_in,
};

/// Requests the smallest receive buffer.
const RECEIVE_BUFFER: usize = 1;
/// Segment size of Ethernet. With loopback's 64 KiB the server's kernel buffers megabytes for one socket.
const SEGMENT: u32 = 1460;
/// The number of its name, beyond those of all other clients.
const NUMBER: usize = 1_000_000;

/// Joins at the first target and reads one byte per second on a separate thread.
pub(super) fn begin(open: &Open) -> io::Result<OpenResult> {
    let cookie = sign_in(&open.targets, NUMBER, 1)?.remove(0);
    let target = open.targets[0];
    let mut stream = connect(target)?;
    stream.write_all(&open.dialect.opening(&target.to_string(), &cookie))?;
    skip_response(&mut stream)?;
    stream.write_all(&open.dialect.join(None))?;
    thread::spawn(move || {
        while matches!(stream.read(&mut [0]), Ok(1..)) {
            thread::park_timeout(Duration::from_secs(1));
        }
    });
    Ok(OpenResult { seconds: 0.0, bytes: 0, presence_bytes: 0, stats: GeneratorStats::default(), cookie })
}

/// Reads the head of the response to an upgrade.
pub fn skip_response(stream: &mut TcpStream) -> io::Result<()> {
    let mut reply = Vec::new();
    while !reply.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        reply.extend(byte);
    }
    if reply.starts_with(b"HTTP/1.1 101") { Ok(()) } else { Err(io::Error::other("a client was refused")) }
}

fn connect(target: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
    // Before the connect, which negotiates the window.
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_tcp_mss(SEGMENT)?;
    socket.connect(&target.into())?;
    Ok(socket.into())
}
