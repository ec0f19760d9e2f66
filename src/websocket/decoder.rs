//! Decodes a client's frames: strict, incremental, with bounded memory.

use super::frame::{FIN, SHORT, opcode};

/// The reserved bits; no extension is ever negotiated.
const RESERVED: u8 = 0x70;
/// A client's frames are masked.
const MASKED: u8 = 0x80;
const MASK_BYTES: usize = 4;
/// Most fragments of a message.
pub const FRAGMENTS: usize = 256;

/// A message or control frame of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A whole text message, however many fragments it came in.
    Text(String),
    /// A binary message began. Its bytes are thrown away: this is for servers that take none, and close.
    Binary,
    /// To be answered by a pong with the same payload, at most 125 bytes.
    Ping(Vec<u8>),
    /// A sign of life.
    Pong,
    /// To be answered in kind, with the same code; what follows is not to be read.
    Close(Option<u16>),
}

/// A violation of the WebSocket protocol: close the connection with [`code`](Self::code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The framing itself.
    #[error("the framing breaks RFC 6455")]
    Framing,
    /// Text, or the reason of a close, that is not UTF-8.
    #[error("text that is not UTF-8")]
    Utf8,
    /// A message of more bytes than are taken, noticed by its announced length before it is read; or in more than
    /// 256 fragments.
    #[error("a message that is too big")]
    TooBig,
}

impl Violation {
    /// The code of the close frame that answers it (RFC 6455, section 7.4.1).
    pub const fn code(self) -> u16 {
        match self {
            Self::Framing => 1002,
            Self::Utf8 => 1007,
            Self::TooBig => 1009,
        }
    }
}

/// Reads a client's side of one connection. Keeps only what is unfinished: at most one message of `most` bytes and one
/// frame; nothing while the client is silent between messages.
///
/// ```
/// use ruang::websocket::{Decoder, Received, Violation};
///
/// // "Hello", masked: the example of RFC 6455, section 5.7; it comes in two pieces.
/// let bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// let (mut decoder, mut received) = (Decoder::new(1024), Vec::new());
/// for piece in bytes.chunks(7) {
///     decoder.feed(piece, |what| {
///         received.push(what);
///         true
///     })?;
/// }
/// assert_eq!(received, [Received::Text("Hello".to_owned())]);
/// // An unmasked frame is refused.
/// assert_eq!(decoder.feed(&[0x81, 0x05], |_| true), Err(Violation::Framing));
/// # Ok::<(), Violation>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    most: usize,
    /// The beginning of a frame that is not yet whole.
    partial: Vec<u8>,
    /// The fragments so far of a message that is not yet whole, and how many they are.
    message: Option<(Vec<u8>, usize)>,
}

/// A frame's first bytes, understood.
struct Head {
    last: bool,
    opcode: u8,
    payload: usize,
    /// Bytes before the payload, the mask included.
    bytes: usize,
}

impl Decoder {
    /// For messages of up to `most` bytes.
    pub const fn new(most: usize) -> Self {
        Self { most, partial: Vec::new(), message: None }
    }

    /// Decodes the bytes read, and hands on each message that is complete, until one is not taken: then, and after a
    /// violation, nothing more may be fed. Returns how many frames were whole, fragments among them.
    ///
    /// # Errors
    /// The first [`Violation`]. The frames before it have been handed on.
    pub fn feed(&mut self, read: &[u8], mut take: impl FnMut(Received) -> bool) -> Result<usize, Violation> {
        let mut joined = std::mem::take(&mut self.partial);
        let continues = !joined.is_empty();
        if continues {
            joined.extend_from_slice(read);
        }
        let bytes = if continues { &joined } else { read };
        let (mut at, mut frames) = (0, 0);
        while let Some(head) = self.head(&bytes[at..])? {
            let Some(frame) = bytes[at..].get(..head.bytes + head.payload) else { break };
            at += frame.len();
            frames += 1;
            let received = self.frame(&head, &frame[head.bytes - MASK_BYTES..])?;
            if received.is_some_and(|received| !take(received)) {
                return Ok(frames);
            }
        }
        if at < bytes.len() {
            self.partial = if continues { joined.split_off(at) } else { bytes[at..].to_vec() };
        }
        Ok(frames)
    }

    /// Understands the first bytes of a frame, and refuses it as early as it can be; none while they are not all there.
    fn head(&self, bytes: &[u8]) -> Result<Option<Head>, Violation> {
        let [first, rest @ ..] = bytes else { return Ok(None) };
        let (last, opcode) = (first & FIN != 0, first & 0x0f);
        let control = opcode & 0x8 != 0;
        if first & RESERVED != 0 || (control && !last) || !self.may_come(opcode) {
            return Err(Violation::Framing);
        }
        let [second, rest @ ..] = rest else { return Ok(None) };
        if second & MASKED == 0 {
            return Err(Violation::Framing);
        }
        let Some((payload, width)) = payload_length(second & !MASKED, rest)? else { return Ok(None) };
        if control && payload > SHORT as u64 {
            return Err(Violation::Framing);
        }
        let before = if control { 0 } else { self.message.as_ref().map_or(0, |(text, _)| text.len()) };
        let payload = usize::try_from(payload).ok().filter(|payload| *payload <= self.most - before);
        let payload = payload.ok_or(Violation::TooBig)?;
        Ok(Some(Head { last, opcode, payload, bytes: 2 + width + MASK_BYTES }))
    }

    /// A message in fragments may be interrupted by control frames only.
    const fn may_come(&self, opcode: u8) -> bool {
        match opcode {
            opcode::CONTINUATION => self.message.is_some(),
            opcode::TEXT | opcode::BINARY => self.message.is_none(),
            opcode::CLOSE | opcode::PING | opcode::PONG => true,
            _ => false,
        }
    }

    /// A whole frame: its mask and masked payload.
    fn frame(&mut self, head: &Head, masked: &[u8]) -> Result<Option<Received>, Violation> {
        match head.opcode {
            opcode::BINARY => Ok(Some(Received::Binary)),
            opcode::PING => Ok(Some(Received::Ping(unmasked(masked)))),
            opcode::PONG => Ok(Some(Received::Pong)),
            opcode::CLOSE => close(&unmasked(masked)).map(Some),
            _ => self.text(head.last, unmasked(masked)),
        }
    }

    fn text(&mut self, last: bool, payload: Vec<u8>) -> Result<Option<Received>, Violation> {
        let (mut text, fragments) = self.message.take().unwrap_or_default();
        if text.is_empty() {
            text = payload;
        } else {
            text.extend(payload);
        }
        if last {
            return String::from_utf8(text).map(|text| Some(Received::Text(text))).map_err(|_| Violation::Utf8);
        }
        if fragments == FRAGMENTS {
            return Err(Violation::TooBig);
        }
        self.message = Some((text, fragments + 1));
        Ok(None)
    }
}

/// The announced length and how many bytes beyond the second it took; none while they are not all there. It must be
/// written as short as possible, and its highest bit be 0.
fn payload_length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, Violation> {
    let (length, width, least) = match short {
        126 => (rest.first_chunk().map(|bytes| u64::from(u16::from_be_bytes(*bytes))), 2, 126),
        127 => (rest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)), 8, 1 << 16),
        short => return Ok(Some((u64::from(short), 0))),
    };
    match length {
        Some(length) if length < least || length > i64::MAX as u64 => Err(Violation::Framing),
        Some(length) => Ok(Some((length, width))),
        None => Ok(None),
    }
}

fn unmasked(masked: &[u8]) -> Vec<u8> {
    let (mask, payload) = masked.split_at(MASK_BYTES);
    payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

/// A close frame's payload: nothing, or a code that may be sent and a reason (RFC 6455, sections 5.5.1 and 7.4).
fn close(payload: &[u8]) -> Result<Received, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(Received::Close(None)) } else { Err(Violation::Framing) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Framing);
    }
    std::str::from_utf8(reason).map_err(|_| Violation::Utf8)?;
    Ok(Received::Close(Some(code)))
}

#[cfg(test)]
mod tests;
