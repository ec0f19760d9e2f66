//! Every frame in every cut is read the same, and every broken rule has its code.

use proptest::prelude::*;

use super::*;

const MOST: usize = 1024;

/// A client's frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).unwrap()),
        medium => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(medium).unwrap().to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// All that comes of some bytes that are read in pieces of `size`.
fn read(bytes: &[u8], size: usize) -> (Vec<Received>, Result<(), Violation>) {
    let (mut decoder, mut received) = (Decoder::new(MOST), vec![]);
    for piece in bytes.chunks(size) {
        let fed = decoder.feed(piece, |whole| {
            received.push(whole);
            true
        });
        if fed.is_err() {
            return (received, fed.map(drop));
        }
    }
    (received, Ok(()))
}

fn breaks(bytes: &[u8], violation: Violation) {
    for size in [1, 2, 3, bytes.len()] {
        assert_eq!(read(bytes, size).1, Err(violation), "{bytes:02x?} in pieces of {size}");
    }
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(read(&hello, 3), (vec![Received::Text("Hello".into())], Ok(())));
}

#[test]
fn control_frames_come_between_fragments() {
    let bytes =
        [frame(0x01, b"Hel"), frame(0x89, b"p"), frame(0x00, b"l"), frame(0x8a, b""), frame(0x80, b"o")].concat();
    let all = vec![Received::Ping(b"p".into()), Received::Pong, Received::Text("Hello".into())];
    assert_eq!(read(&bytes, 1), (all, Ok(())));
}

#[test]
fn broken_framing_is_1002() {
    let unmasked = [0x81, 2, b'h', b'i'];
    let long_ping = frame(0x89, &[b'x'; 126]);
    let too_wide_2 = [0x81, 0x80 | 126, 0, 125, 0, 0, 0, 0];
    let too_wide_8 = [0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
    let negative = [0x81, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
    for bytes in [&unmasked[..], &long_ping, &too_wide_2, &too_wide_8, &negative] {
        breaks(bytes, Violation::Framing);
    }
    for first in [0xc1, 0xa1, 0x91, 0x83, 0x87, 0x8b, 0x8f, 0x09, 0x08, 0x0a, 0x80, 0x00] {
        breaks(&frame(first, b""), Violation::Framing);
    }
    breaks(&[frame(0x01, b"a"), frame(0x81, b"b")].concat(), Violation::Framing);
    breaks(&[frame(0x01, b"a"), frame(0x82, b"b")].concat(), Violation::Framing);
}

#[test]
fn what_may_not_be_said_in_a_close_frame_is_1002() {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        breaks(&frame(0x88, &code.to_be_bytes()), Violation::Framing);
    }
    breaks(&frame(0x88, b"x"), Violation::Framing);
    breaks(&frame(0x88, b"\x03\xe8\xff"), Violation::Utf8);
    for code in [1000, 1001, 1014, 3000, 4999_u16] {
        let close = frame(0x88, &[code.to_be_bytes().as_slice(), b"bye"].concat());
        assert_eq!(read(&close, 1), (vec![Received::Close(Some(code))], Ok(())));
    }
    assert_eq!(read(&frame(0x88, b""), 1), (vec![Received::Close(None)], Ok(())));
}

#[test]
fn text_that_is_not_utf_8_is_1007_however_it_is_cut() {
    breaks(&frame(0x81, b"\xff"), Violation::Utf8);
    breaks(&frame(0x81, b"\xf0\x9f"), Violation::Utf8);
    breaks(&frame(0x81, b"\xed\xa0\x80"), Violation::Utf8);
    breaks(&[frame(0x01, b"\xf0\x9f"), frame(0x80, b"a")].concat(), Violation::Utf8);
    let halves = [frame(0x01, b"\xf0\x9f"), frame(0x80, b"\x99\x82")].concat();
    assert_eq!(read(&halves, 1), (vec![Received::Text("🙂".into())], Ok(())));
}

#[test]
fn too_much_is_refused_before_it_is_read() {
    assert_eq!(read(&frame(0x81, &[b'x'; MOST]), 7).0.len(), 1);
    let announced = [&[0x81, 0x80 | 127][..], &(1_u64 << 62).to_be_bytes()].concat();
    breaks(&announced, Violation::TooBig);
    breaks(&[frame(0x01, &[b'x'; MOST]), frame(0x00, b"x")].concat(), Violation::TooBig);
    let whole = [frame(0x01, &[b'x'; MOST]), frame(0x89, &[b'p'; 125]), frame(0x80, b"")].concat();
    assert_eq!(read(&whole, 9).1, Ok(()), "a control frame does not count");
}

#[test]
fn nothing_is_read_beyond_what_is_not_taken() {
    let bytes = [frame(0x88, b""), frame(0xff, b"")].concat();
    assert_eq!(Decoder::new(MOST).feed(&bytes, |_| false), Ok(1));
}

#[test]
fn nothing_is_kept_between_messages() {
    let mut decoder = Decoder::new(MOST);
    decoder.feed(&frame(0x81, &[b'x'; 500]), |_| true).unwrap();
    assert!(decoder.message.is_none() && decoder.partial.capacity() == 0);
}

proptest! {
    /// Whatever is said comes out the same, however it is split into fragments and reads.
    #[test]
    fn messages_survive_every_cut(
        texts in prop::collection::vec("\\PC{0,60}", 1..5),
        fragment in 1_usize..20,
        size in 1_usize..40,
    ) {
        let mut bytes = vec![];
        for text in &texts {
            let pieces: Vec<_> = text.as_bytes().chunks(fragment).collect();
            for (i, piece) in pieces.iter().enumerate() {
                let last = if i + 1 == pieces.len() { 0x80 } else { 0 };
                bytes.extend(frame(last | u8::from(i == 0), piece));
            }
            if pieces.is_empty() {
                bytes.extend(frame(0x81, b""));
            }
        }
        let all = texts.into_iter().map(Received::Text).collect();
        prop_assert_eq!(read(&bytes, size), (all, Ok(())));
    }

    /// Any bytes at all end in frames or a violation, the same in one read as in many, and keep no more than they may.
    #[test]
    fn any_bytes_are_judged_alike_in_every_cut(bytes in prop::collection::vec(any::<u8>(), 0..400), size in 1_usize..50) {
        prop_assert_eq!(read(&bytes, size), read(&bytes, bytes.len().max(1)));
        let mut decoder = Decoder::new(MOST);
        let _ = decoder.feed(&bytes, |_| true);
        prop_assert!(decoder.partial.len() <= MOST + 14);
    }
}
