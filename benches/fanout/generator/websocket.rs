//! Enough of RFC 6455 for a client that counts frames.

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Text or binary.
    Data,
    /// A close frame.
    Close,
    /// A ping, which needs a pong.
    Ping,
    /// A pong.
    Pong,
}

/// Returns opcode, start and end of the first frame's payload, if complete.
pub fn first_frame(bytes: &[u8]) -> Option<(Opcode, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (begin, long) = match second & 0x7f {
        126 => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    let end = begin + usize::try_from(long).ok()?;
    let opcode = match first & 0x0f {
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => Opcode::Data,
    };
    (bytes.len() >= end).then_some((opcode, begin, end))
}

/// Builds a client's frame. The mask is zero, which costs the server the same as any other.
pub fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let code = match opcode {
        Opcode::Data => 0x81,
        Opcode::Close => 0x88,
        Opcode::Ping => 0x89,
        Opcode::Pong => 0x8a,
    };
    let mut frame = header(code, payload.len());
    frame[1] |= 0x80;
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Builds a server's text frame.
pub fn unmasked(payload: &[u8]) -> Vec<u8> {
    let mut frame = header(0x81, payload.len());
    frame.extend(payload);
    frame
}

fn header(code: u8, payload: usize) -> Vec<u8> {
    match payload {
        0..=125 => vec![code, payload as u8],
        126..=0xffff => vec![code, 126, (payload >> 8) as u8, payload as u8],
        _ => [&[code, 127][..], &(payload as u64).to_be_bytes()].concat(),
    }
}
