//! The position of a message in the room's log.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A position in the log, written `<epoch>-<n>`: contiguous in `n` within an epoch, ordered by epoch first.
///
/// An epoch lasts until the log might have been rolled back (a restart, a failover, a flush): ids of two
/// branches of history can therefore never be equal.
///
/// ```
/// use ruang::protocol::Id;
///
/// let id: Id = "7-42".parse()?;
/// assert!(id < Id::new(7, 43) && id < Id::new(8, 1));
/// assert!("7-042".parse::<Id>().is_err(), "one id has one name");
/// # Ok::<(), ruang::protocol::InvalidId>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// The branch of history that the message was written in.
    pub epoch: u64,
    /// The position within the epoch; 0 is never a message.
    pub n: u64,
}

impl Id {
    /// The position `n` of `epoch`.
    pub const fn new(epoch: u64, n: u64) -> Self {
        Self { epoch, n }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.n)
    }
}

/// The text is not an id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an id is written <epoch>-<n>, for example 7-42")]
pub struct InvalidId;

impl FromStr for Id {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (epoch, n) = text.split_once('-').ok_or(InvalidId)?;
        Ok(Self::new(number(epoch)?, number(n)?))
    }
}

/// As a number is written: `u64::from_str` alone would take a leading `+`, and zeros, and one id would have many names.
fn number(digits: &str) -> Result<u64, InvalidId> {
    let padded = digits.len() > 1 && digits.starts_with('0');
    if padded || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidId);
    }
    digits.parse().map_err(|_| InvalidId)
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        for id in [Id::new(7, 42), Id::new(0, 0), Id::new(u64::MAX, u64::MAX)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let padded = ["007-1", "7-01", "00-0"];
        let signed = ["+7-1", "7-+1", "-7", "7--1"];
        let other = ["", "-", "7", "7-", "7-4-2", " 7-1", "7-1 ", "x-1", "18446744073709551616-1"];
        for text in padded.into_iter().chain(signed).chain(other) {
            assert_eq!(text.parse::<Id>(), Err(InvalidId), "{text:?}");
        }
    }

    #[test]
    fn the_epoch_orders_before_the_position() {
        assert!(Id::new(8, 1) > Id::new(7, 42));
    }
}
