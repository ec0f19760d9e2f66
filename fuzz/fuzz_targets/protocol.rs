//! A parsed frame follows the protocol and is the same when parsed again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ruang::protocol::{ClientFrame, Id, Nonce, TEXT_CHARS, Text};

fuzz_target!(|input: &str| {
    let nonce = match ClientFrame::parse(input) {
        Ok(ClientFrame::Message { nonce, text, .. }) => {
            check_text(&text);
            Some(nonce)
        }
        Ok(ClientFrame::Join { since: Some(since), .. }) => {
            assert_eq!(since.to_string().parse::<Id>().ok(), Some(since));
            None
        }
        Ok(_) => None,
        Err(malformed) => malformed.nonce,
    };
    if let Some(nonce) = nonce {
        assert!((1..=64).contains(&nonce.as_str().len()));
        assert_eq!(nonce.as_str().parse::<Nonce>().ok(), Some(nonce));
    }
    if let Ok(id) = input.parse::<Id>() {
        assert_eq!(id.to_string(), input, "an id is written in one way only");
    }
    check_text(input);
});

fn check_text(typed: &str) {
    let Ok(text) = Text::parse(typed) else { return };
    assert!((1..=TEXT_CHARS).contains(&text.as_str().chars().count()));
    assert_eq!(Text::parse(text.as_str()), Ok(text.clone()), "a stored text is valid");
}
