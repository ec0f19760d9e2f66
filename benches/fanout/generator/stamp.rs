//! The stamp in a measured text: number of the message, server of its sender, and time.

use std::fmt::Write;

/// Starts a stamp; does not occur elsewhere in the servers' frames.
const MARK: u8 = b'@';
/// Hexadecimal digits of the number, the server and the time.
const DIGITS: [usize; 3] = [8, 2, 16];

/// The stamp of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The number of the message, counted by the generator.
    pub number: u64,
    /// The index of the sender's server.
    pub target: u64,
    /// Nanoseconds since the generator's start.
    pub sent: u64,
}

impl Stamp {
    /// Returns a text of this many bytes with the stamp.
    pub fn text(self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes);
        let _ = write!(text, "{}{:08x}{:02x}{:016x}", MARK as char, self.number, self.target, self.sent);
        while text.len() < bytes {
            text.push('x');
        }
        text
    }

    /// Finds the first stamp; returns it and the rest.
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
