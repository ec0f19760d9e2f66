//! Frames as a server sends them: whole and unmasked (RFC 6455, section 5.2).

use bytes::{BufMut, Bytes, BytesMut};

/// The final fragment bit.
pub(super) const FIN: u8 = 0x80;
/// Longest payload of a control frame, and of any frame whose length fits into the second byte.
pub(super) const SHORT: usize = 125;

/// The opcode of a frame (RFC 6455, section 11.8).
pub(super) mod opcode {
    pub const CONTINUATION: u8 = 0x0;
    pub const TEXT: u8 = 0x1;
    pub const BINARY: u8 = 0x2;
    pub const CLOSE: u8 = 0x8;
    pub const PING: u8 = 0x9;
    pub const PONG: u8 = 0xa;
}

/// A text frame.
pub fn text_frame(text: &[u8]) -> Bytes {
    frame(opcode::TEXT, text)
}

/// A ping without a payload.
pub const fn ping_frame() -> Bytes {
    Bytes::from_static(&[FIN | opcode::PING, 0])
}

/// The pong that answers a ping's payload: at most 125 bytes.
pub fn pong_frame(payload: &[u8]) -> Bytes {
    frame(opcode::PONG, payload)
}

/// A close frame with a code and no reason; without a code it is empty.
pub fn close_frame(code: Option<u16>) -> Bytes {
    code.map_or_else(|| frame(opcode::CLOSE, &[]), |code| frame(opcode::CLOSE, &code.to_be_bytes()))
}

/// The length of the frame that `bytes` begin with, header included. At least one: what is no frame of ours is passed by.
pub fn frame_length(bytes: &[u8]) -> usize {
    match *bytes {
        [_, 126, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
        [_, 127, ref rest @ ..] => {
            let length = rest.first_chunk().map_or(0, |length| u64::from_be_bytes(*length));
            usize::try_from(length).unwrap_or(usize::MAX).saturating_add(10)
        }
        [_, short, ..] => 2 + usize::from(short),
        _ => 1,
    }
}

fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    frame.put_u8(FIN | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short), _) if usize::from(short) <= SHORT => frame.put_u8(short),
        (_, Ok(medium)) => {
            frame.put_u8(126);
            frame.put_u16(medium);
        }
        _ => {
            frame.put_u8(127);
            frame.put_u64(payload.len() as u64);
        }
    }
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_short_as_they_can_be() {
        let head = |payload: usize| text_frame(&vec![b'x'; payload])[..payload.min(10) + 2].to_vec();
        assert_eq!(head(0), [0x81, 0]);
        assert_eq!(head(125)[..2], [0x81, 125]);
        assert_eq!(head(126)[..4], [0x81, 126, 0, 126]);
        assert_eq!(head(65_535)[..4], [0x81, 126, 255, 255]);
        assert_eq!(head(65_536)[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn control_frames_are_as_the_rfc_has_them() {
        assert_eq!(&*ping_frame(), [0x89, 0]);
        assert_eq!(&*pong_frame(b"Hello"), [0x8a, 5, b'H', b'e', b'l', b'l', b'o']);
        assert_eq!(&*close_frame(Some(1000)), [0x88, 2, 3, 0xe8]);
        assert_eq!(&*close_frame(None), [0x88, 0]);
    }
}
