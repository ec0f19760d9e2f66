//! Parts of the scripts' replies.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error};

use crate::{backplane::Position, protocol::Id};

/// A reply that says nothing but that the script ran.
#[derive(Deserialize)]
pub(super) struct Done {}

/// The room's position.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct PositionReply {
    #[serde(deserialize_with = "number")]
    epoch: u64,
    head: Id,
    #[serde(deserialize_with = "number")]
    version: u64,
}

impl From<PositionReply> for Position {
    fn from(PositionReply { epoch, head, version }: PositionReply) -> Self {
        Self { epoch, head, version }
    }
}

/// Reads a number that is written as a string: Lua's JSON keeps only 14 digits of a number.
pub(super) fn number<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

/// Reads milliseconds.
pub(super) fn millis<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    number(from).map(Duration::from_millis)
}

/// Reads milliseconds where the field is present.
pub(super) fn some_millis<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    millis(from).map(Some)
}

/// Reads microseconds.
pub(super) fn micros<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    number(from).map(Duration::from_micros)
}

/// A duration as the scripts take it: whole milliseconds.
pub(super) fn in_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
