//! What clients of each kind of server say and hear.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    resp,
    websocket::{self, Opcode},
};

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// Protocol 1 of ruang, signed in.
    Ruang,
    /// The same frames without a session: the floor, and peers that pass on what they are given.
    Plain,
    /// The event `message` of socket.io's default namespace, on a bare WebSocket.
    SocketIo,
    /// Publish and subscribe of Redis itself.
    Redis,
}

/// What a server said.
#[derive(Debug)]
pub enum Heard<'a> {
    /// A message to the room.
    Message(&'a [u8]),
    /// The client is in the room now, or again.
    Joined(&'a [u8]),
    /// Who came and went.
    Presence(&'a [u8]),
    /// Something that wants these bytes as its answer.
    Ask(Vec<u8>),
    /// The server is done with this client.
    Ended,
    /// Anything else.
    Other,
}

impl Dialect {
    /// Whether a connection begins as HTTP.
    pub fn upgrades(self) -> bool {
        self != Self::Redis
    }

    /// The first bytes on a new connection.
    pub fn greeting(self, host: &str, cookie: &str) -> Vec<u8> {
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

    /// What enters the room once the WebSocket is open; empty where the server speaks first.
    pub fn joining(self, since: Option<&str>) -> Vec<u8> {
        let join = match (self, since) {
            (Self::SocketIo | Self::Redis, _) => return Vec::new(),
            (Self::Ruang | Self::Plain, Some(since)) => format!(r#"{{"type":"join","since":"{since}"}}"#),
            (Self::Ruang | Self::Plain, None) => r#"{"type":"join"}"#.to_owned(),
        };
        websocket::masked(Opcode::Data, join.as_bytes())
    }

    /// A message to the room.
    pub fn saying(self, nonce: u64, text: &str) -> Vec<u8> {
        let said = match self {
            Self::Redis => return format!("PUBLISH bench {text}\r\n").into_bytes(),
            Self::SocketIo => format!(r#"42["message","{text}"]"#),
            Self::Ruang | Self::Plain => format!(r#"{{"type":"message","nonce":"{nonce}","text":"{text}"}}"#),
        };
        websocket::masked(Opcode::Data, said.as_bytes())
    }

    /// The first thing said in these bytes and their length, if it is there to its end.
    pub fn heard(self, bytes: &[u8]) -> Option<(Heard<'_>, usize)> {
        if self == Self::Redis {
            let end = resp::first_value(bytes)?;
            return Some((redis_heard(&bytes[..end]), end));
        }
        let (opcode, begin, end) = websocket::first_frame(bytes)?;
        let payload = &bytes[begin..end];
        let heard = match opcode {
            Opcode::Data if self == Self::SocketIo => socket_io_heard(payload),
            Opcode::Data => room_heard(payload),
            Opcode::Ping => Heard::Ask(websocket::masked(Opcode::Pong, payload)),
            Opcode::Close => Heard::Ended,
            Opcode::Pong => Heard::Other,
        };
        Some((heard, end))
    }
}

fn room_heard(payload: &[u8]) -> Heard<'_> {
    match payload.get(9) {
        Some(b'm') if payload.starts_with(br#"{"type":"message""#) => Heard::Message(payload),
        Some(b'w') if payload.starts_with(br#"{"type":"welcome""#) => Heard::Joined(payload),
        Some(b'p') if payload.starts_with(br#"{"type":"presence""#) => Heard::Presence(payload),
        _ => Heard::Other,
    }
}

fn socket_io_heard(payload: &[u8]) -> Heard<'_> {
    match payload {
        [b'4', b'2', ..] => Heard::Message(payload),
        [b'4', b'0', ..] => Heard::Joined(payload),
        [b'0', ..] => Heard::Ask(websocket::masked(Opcode::Data, b"40")),
        [b'2', ..] => Heard::Ask(websocket::masked(Opcode::Data, b"3")),
        _ => Heard::Other,
    }
}

fn redis_heard(value: &[u8]) -> Heard<'_> {
    if value.starts_with(b">3\r\n$7\r\nmessage") {
        Heard::Message(value)
    } else if value.starts_with(b">3\r\n$9\r\nsubscribe") {
        Heard::Joined(value)
    } else {
        Heard::Other
    }
}
