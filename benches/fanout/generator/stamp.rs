//! What a measured text carries: which message it is, where its sender is connected, and when it was sent.

use std::fmt::Write;

/// Begins a stamp; occurs nowhere else in what servers wrap a text in.
const MARK: u8 = b'@';
/// Hexadecimal digits of the number, the place and the time.
const DIGITS: [usize; 3] = [8, 2, 16];

/// The mark of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Grows by one with each message that a generator sends.
    pub number: u64,
    /// The index of the server that its sender is connected to.
    pub target: u64,
    /// Nanoseconds since the generator began.
    pub sent: u64,
}

impl Stamp {
    /// A text of this many bytes that carries the stamp.
    pub fn text(self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes);
        let _ = write!(text, "{}{:08x}{:02x}{:016x}", MARK as char, self.number, self.target, self.sent);
        while text.len() < bytes {
            text.push('x');
        }
        text
    }

    /// The first stamp in what a server sent, and what follows it.
    pub fn find(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let begin = bytes.iter().position(|byte| *byte == MARK)? + 1;
        let mut rest = &bytes[begin..];
        let mut fields = [0; 3];
        for (field, digits) in fields.iter_mut().zip(DIGITS) {
            let (head, tail) = rest.split_at_checked(digits)?;
            *field = hexadecimal(head)?;
            rest = tail;
        }
        let [number, target, sent] = fields;
        Some((Self { number, target, sent }, rest))
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}
