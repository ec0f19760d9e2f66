//! The decoder returns the same frames however the bytes are split, and none is larger than allowed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ruang::websocket::{Decoder, Received, Violation};

const LIMIT: usize = 1024;

fuzz_target!(|input: &[u8]| {
    let Some((size, bytes)) = input.split_first() else { return };
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(whole, read(bytes, usize::from(*size) + 1), "in pieces of {}", usize::from(*size) + 1);
    for received in &whole.0 {
        match received {
            Received::Text(text) => assert!(text.len() <= LIMIT),
            Received::Ping(payload) => assert!(payload.len() <= 125),
            Received::Close(Some(code)) => assert!((1000..5000).contains(code), "{code}"),
            Received::Close(None) | Received::Pong | Received::Binary => {}
        }
    }
});

fn read(bytes: &[u8], size: usize) -> (Vec<Received>, Result<(), Violation>) {
    let (mut decoder, mut received) = (Decoder::new(LIMIT), vec![]);
    for piece in bytes.chunks(size) {
        let mut goes_on = true;
        let fed = decoder.feed(piece, |whole| {
            // Later bytes must not be read.
            goes_on = !matches!(whole, Received::Close(_) | Received::Binary);
            received.push(whole);
            goes_on
        });
        if fed.is_err() || !goes_on {
            return (received, fed.map(drop));
        }
    }
    (received, Ok(()))
}
