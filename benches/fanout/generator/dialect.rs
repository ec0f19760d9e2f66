//! The protocols of the measured servers, as far as clients need them.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    resp,
    websocket::{self, Opcode},
};

/// The protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// Protocol 1 of ruang, signed in.
    Ruang,
    /// The same frames without a session: the floor and peers.
    Plain,
    /// The event `message` of socket.io's default namespace, on a bare WebSocket.
    SocketIo,
    /// Publish and subscribe of Redis itself.
    Redis,
}

/// Data received from a server.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// A message to the room.
    Message(&'a [u8]),
    /// The client is in the room.
    Joined(&'a [u8]),
    /// Joins and leaves.
    Presence(&'a [u8]),
    /// A frame to reply to with these bytes.
    Reply(Vec<u8>),
    /// The server closes the connection.
    Ended,
    /// Anything else.
    Other,
}

impl Dialect {
    /// Returns whether a connection starts with an HTTP upgrade.
    pub fn upgrades(self) -> bool {
        self != Self::Redis
    }

    /// Returns the first bytes of a new connection.
    pub fn opening(self, host: &str, cookie: &str) -> Vec<u8> {
        let path = match self {
            Self::Redis => return b"HELLO 3\r\nSUBSCRIBE bench\r\n".to_vec(),
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket",
            Self::Ruang | Self::Plain => "/ws",
        };
        let key = STANDARD.encode(rand::random::<[u8; 16]>());
        let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{cookie}\r\n"
        )
        .into_bytes()
    }

    /// Returns the join after the upgrade; empty if the server starts.
    pub fn join(self, since: Option<&str>) -> Vec<u8> {
        let join = match (self, since) {
            (Self::SocketIo | Self::Redis, _) => return Vec::new(),
            (Self::Ruang | Self::Plain, Some(since)) => format!(r#"{{"type":"join","since":"{since}"}}"#),
            (Self::Ruang | Self::Plain, None) => r#"{"type":"join"}"#.to_owned(),
        };
        websocket::masked(Opcode::Data, join.as_bytes())
    }

    /// A message to the room.
    pub fn message(self, nonce: u64, text: &str) -> Vec<u8> {
        let message = match self {
            Self::Redis => return format!("PUBLISH bench {text}\r\n").into_bytes(),
            Self::SocketIo => format!(r#"42["message","{text}"]"#),
            Self::Ruang | Self::Plain => format!(r#"{{"type":"message","nonce":"{nonce}","text":"{text}"}}"#),
        };
        websocket::masked(Opcode::Data, message.as_bytes())
    }

    /// Returns an `attention` frame.
    pub fn attention(visible: bool) -> Vec<u8> {
        websocket::masked(Opcode::Data, format!(r#"{{"type":"attention","visible":{visible}}}"#).as_bytes())
    }

    /// Parses the first complete frame; returns it and its length.
    pub fn incoming(self, bytes: &[u8]) -> Option<(Incoming<'_>, usize)> {
        if self == Self::Redis {
            let end = resp::first_value(bytes)?;
            return Some((redis_heard(&bytes[..end]), end));
        }
        let (opcode, begin, end) = websocket::first_frame(bytes)?;
        let payload = &bytes[begin..end];
        let incoming = match opcode {
            Opcode::Data if self == Self::SocketIo => socket_io_heard(payload),
            Opcode::Data => room_heard(payload),
            Opcode::Ping => Incoming::Reply(websocket::masked(Opcode::Pong, payload)),
            Opcode::Close => Incoming::Ended,
            Opcode::Pong => Incoming::Other,
        };
        Some((incoming, end))
    }
}

fn room_heard(payload: &[u8]) -> Incoming<'_> {
    match payload.get(9) {
        Some(b'm') if payload.starts_with(br#"{"type":"message""#) => Incoming::Message(payload),
        Some(b'w') if payload.starts_with(br#"{"type":"welcome""#) => Incoming::Joined(payload),
        Some(b'p') if payload.starts_with(br#"{"type":"presence""#) => Incoming::Presence(payload),
        _ => Incoming::Other,
    }
}

fn socket_io_heard(payload: &[u8]) -> Incoming<'_> {
    match payload {
        [b'4', b'2', ..] => Incoming::Message(payload),
        [b'4', b'0', ..] => Incoming::Joined(payload),
        [b'0', ..] => Incoming::Reply(websocket::masked(Opcode::Data, b"40")),
        [b'2', ..] => Incoming::Reply(websocket::masked(Opcode::Data, b"3")),
        _ => Incoming::Other,
    }
}

fn redis_heard(value: &[u8]) -> Incoming<'_> {
    if value.starts_with(b">3\r\n$7\r\nmessage") {
        Incoming::Message(value)
    } else if value.starts_with(b">3\r\n$9\r\nsubscribe") {
        Incoming::Joined(value)
    } else {
        Incoming::Other
    }
}
