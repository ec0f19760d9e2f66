//! What the scripts answer, read back.

use std::time::Duration;

use fred::types::Value;

use crate::{
    backplane::{
        Claim, HeartbeatError, HeartbeatReply, IncarnationId, Lease, ModerationOutcome, PublishError, ReapOutcome,
        Stage, Unavailable,
    },
    name::NameKey,
    protocol::Id,
    telemetry::instruments,
};

pub(super) fn published(answer: &Value) -> Result<Id, PublishError> {
    let fields = list(answer)?;
    match text(fields.first())?.as_str() {
        kept @ ("kept" | "known") => {
            instruments().kept(kept == "kept");
            Ok(parse(fields.get(1))?)
        }
        "fenced" => Err(PublishError::Fenced),
        "ended" => Err(PublishError::Ended),
        "bad_nonce" => Err(PublishError::BadNonce),
        "limited" => Err(PublishError::Limited(millis(fields.get(1))?)),
        _ => Err(unreadable().into()),
    }
}

/// And Redis' time since 1970.
pub(super) fn beaten(answer: &Value) -> Result<(HeartbeatReply, Duration), HeartbeatError> {
    let fields = list(answer)?;
    match text(fields.first())?.as_str() {
        "beaten" => {}
        "stale" => return Err(HeartbeatError::Stale),
        "gone" => return Err(HeartbeatError::Gone { epoch: parse(fields.get(1))? }),
        _ => return Err(unreadable().into()),
    }
    let position = crate::backplane::Position {
        epoch: parse(fields.get(1))?,
        head: parse(fields.get(2))?,
        version: parse(fields.get(3))?,
    };
    let refused = texts(fields.get(4))?.into_iter().map(NameKey::from).collect();
    let leases = texts(fields.get(5))?;
    let leases = leases.chunks_exact(2).filter_map(|pair| lease(&pair[0], &pair[1])).collect();
    let time = Duration::from_micros(parse(fields.get(6))?);
    Ok((HeartbeatReply { position, leases, refused }, time))
}

pub(super) fn reaped(answer: &Value) -> Result<ReapOutcome, Unavailable> {
    match text(Some(answer))?.as_str() {
        "done" => Ok(ReapOutcome::Done),
        "alive" => Ok(ReapOutcome::Alive),
        _ => Err(unreadable()),
    }
}

pub(super) fn claimed(answer: &Value) -> Result<Claim, Unavailable> {
    let fields = list(answer)?;
    match text(fields.first())?.as_str() {
        "mine" => Ok(Claim::Mine),
        "held" => Ok(Claim::Held),
        "banned" => Ok(Claim::Banned(millis(fields.get(1))?)),
        _ => Err(unreadable()),
    }
}

pub(super) fn acted(answer: &Value) -> Result<ModerationOutcome, Unavailable> {
    match text(Some(answer))?.as_str() {
        "done" => Ok(ModerationOutcome::Done),
        "nothing" => Ok(ModerationOutcome::Nothing),
        _ => Err(unreadable()),
    }
}

pub(super) fn list(value: &Value) -> Result<&[Value], Unavailable> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(unreadable()),
    }
}

pub(super) fn text(value: Option<&Value>) -> Result<String, Unavailable> {
    value.and_then(Value::as_string).ok_or_else(unreadable)
}

pub(super) fn parse<T: std::str::FromStr>(value: Option<&Value>) -> Result<T, Unavailable> {
    text(value)?.parse().map_err(|_| unreadable())
}

fn millis(value: Option<&Value>) -> Result<Duration, Unavailable> {
    parse(value).map(Duration::from_millis)
}

pub(super) fn texts(value: Option<&Value>) -> Result<Vec<String>, Unavailable> {
    list(value.ok_or_else(unreadable)?)?.iter().map(|value| text(Some(value))).collect()
}

/// A lease is kept as its counter, with `d` behind it when draining and `x` when reaped.
fn lease(incarnation: &str, kept: &str) -> Option<Lease> {
    let (digits, stage) = match kept.strip_suffix('x') {
        // `12dx`: reaped while draining.
        Some(rest) => (rest.trim_end_matches('d'), Stage::ReapOutcome),
        None => match kept.strip_suffix('d') {
            Some(digits) => (digits, Stage::Draining),
            None => (kept, Stage::Live),
        },
    };
    Some(Lease { incarnation: IncarnationId::from(incarnation), heartbeat_seq: digits.parse().ok()?, stage })
}

fn unreadable() -> Unavailable {
    tracing::error!("Redis answered what this version cannot read");
    Unavailable
}
