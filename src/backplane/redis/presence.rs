//! Heartbeats, and the release of the people whom a dead incarnation held.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use fred::interfaces::HashesInterface;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{
    RedisBackplane,
    clock::wall,
    reply::{PositionReply, in_millis, micros, number},
    scripts::unavailable,
};
use crate::{
    backplane::{
        ADDRESS_MEMORY, CHANGES_AT_ONCE, Heartbeat, HeartbeatError, HeartbeatReply, IncarnationId, Lease, Person,
        ReapOutcome, Stage, Unavailable,
    },
    name::NameKey,
};

/// Portions of a dead incarnation's people on their way to Redis, each about 2.5 ms of its time: more would delay the calls of others.
const PORTIONS_AT_ONCE: usize = 8;
/// How long an instance that reaps another is left alone with it, after each of its calls.
const REAPER_TURN_US: u64 = 1_000_000;

#[derive(Serialize)]
struct HeartbeatArgument<'a> {
    incarnation: &'a str,
    heartbeat_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    draining: bool,
    name_hold_ms: u64,
    history: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_age_ms: Option<u64>,
    adds: &'a [Person],
    renewals: &'a [Person],
    dels: &'a [Person],
    address_memory_ms: u64,
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Reply {
    Renewed {
        position: PositionReply,
        #[serde(default)]
        refused: Vec<NameKey>,
        leases: HashMap<String, String>,
        #[serde(deserialize_with = "micros")]
        time_us: Duration,
    },
    Stale,
    Gone {
        #[serde(deserialize_with = "number")]
        epoch: u64,
    },
}

#[derive(Serialize)]
struct ReapArgument<'a> {
    incarnation: &'a str,
    heartbeat_seq: u64,
    name_hold_ms: u64,
    address_memory_ms: u64,
    names: &'a [NameKey],
    last: bool,
    reaper: &'a str,
    turn_us: u64,
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum ReapReply {
    Alive,
    Forgotten,
    Busy,
    More { is_complete: bool },
}

/// The state of a reap.
enum Reaping {
    Ended(ReapOutcome),
    /// Whether the hash of the incarnation has all the people that are left.
    More {
        is_complete: bool,
    },
}

impl RedisBackplane {
    pub(super) async fn renew_lease(&self, heartbeat: &Heartbeat) -> Result<HeartbeatReply, HeartbeatError> {
        let people = heartbeat.adds.iter().chain(&heartbeat.renewals).chain(&heartbeat.dels);
        let claims = people.map(|person| self.keys.name(&person.name_key));
        let addresses = heartbeat.dels.iter().map(|person| self.keys.last_address(&person.name_key));
        let held = std::iter::once(self.keys.held(heartbeat.incarnation.as_str()));
        let keys = self.keys.with_own(held.chain(claims).chain(addresses).chain([self.keys.reports()]));
        let argument = HeartbeatArgument {
            incarnation: heartbeat.incarnation.as_str(),
            heartbeat_seq: heartbeat.heartbeat_seq,
            epoch: heartbeat.epoch,
            draining: heartbeat.draining,
            name_hold_ms: in_millis(self.policy.name_hold),
            history: self.policy.history,
            history_age_ms: self.history_age_ms(),
            adds: &heartbeat.adds,
            renewals: &heartbeat.renewals,
            dels: &heartbeat.dels,
            address_memory_ms: in_millis(ADDRESS_MEMORY),
        };
        let (wall, began) = (wall(), Instant::now());
        match self.scripts.run(&self.scripts.heartbeat, keys, &argument).await? {
            Reply::Renewed { position, refused, leases, time_us } => {
                self.clock.learn(time_us, wall, began.elapsed(), Instant::now());
                let leases = leases.iter().filter_map(|(incarnation, stored)| lease(incarnation, stored)).collect();
                Ok(HeartbeatReply { position: position.into(), leases, refused })
            }
            Reply::Stale => Err(HeartbeatError::Stale),
            Reply::Gone { epoch } => Err(HeartbeatError::Gone { epoch }),
        }
    }

    /// Marks an incarnation as dead, then releases its people in portions, so that no call keeps Redis busy for long.
    pub(super) async fn reap_all(
        &self,
        incarnation: &IncarnationId,
        heartbeat_seq: u64,
    ) -> Result<ReapOutcome, Unavailable> {
        let mut reaping = self.reap_some(incarnation, heartbeat_seq, vec![], false).await?;
        loop {
            let is_complete = match reaping {
                Reaping::Ended(outcome) => return Ok(outcome),
                Reaping::More { is_complete } => is_complete,
            };
            let names = self.held_by(incarnation, is_complete).await?;
            let last = names.is_empty();
            let portions =
                if last { vec![names] } else { names.chunks(CHANGES_AT_ONCE).map(<[NameKey]>::to_vec).collect() };
            let calls = portions.into_iter().map(|portion| self.reap_some(incarnation, heartbeat_seq, portion, last));
            let mut replies = stream::iter(calls).buffered(PORTIONS_AT_ONCE);
            while let Some(reply) = replies.try_next().await? {
                reaping = reply;
                if let Reaping::Ended(outcome) = reaping {
                    return Ok(outcome);
                }
            }
        }
    }

    async fn reap_some(
        &self,
        incarnation: &IncarnationId,
        heartbeat_seq: u64,
        names: Vec<NameKey>,
        last: bool,
    ) -> Result<Reaping, Unavailable> {
        let claims = names.iter().map(|name_key| self.keys.name(name_key));
        let addresses = names.iter().map(|name_key| self.keys.last_address(name_key));
        let held = std::iter::once(self.keys.held(incarnation.as_str()));
        let keys = self.keys.with_own(held.chain(claims).chain(addresses));
        let argument = ReapArgument {
            incarnation: incarnation.as_str(),
            heartbeat_seq,
            name_hold_ms: in_millis(self.policy.name_hold),
            address_memory_ms: in_millis(ADDRESS_MEMORY),
            names: &names,
            last,
            reaper: self.reaper.as_str(),
            turn_us: REAPER_TURN_US,
        };
        Ok(match self.scripts.run(&self.scripts.reap, keys, &argument).await? {
            ReapReply::Alive => Reaping::Ended(ReapOutcome::Alive),
            ReapReply::Busy => Reaping::Ended(ReapOutcome::Busy),
            ReapReply::Forgotten => Reaping::Ended(ReapOutcome::Done),
            ReapReply::More { is_complete } => Reaping::More { is_complete },
        })
    }

    /// Reads the name keys that an incarnation holds.
    async fn held_by(&self, incarnation: &IncarnationId, is_complete: bool) -> Result<Vec<NameKey>, Unavailable> {
        if is_complete {
            let key = self.keys.held(incarnation.as_str());
            let held: HashMap<String, String> =
                self.reads.hgetall(key).await.map_err(|error| unavailable("HGETALL", &error))?;
            return Ok(held.into_keys().filter(|name_key| !name_key.is_empty()).map(NameKey::from).collect());
        }
        // An incarnation of a version that keeps no such hash.
        let people: HashMap<String, String> =
            self.reads.hgetall(self.keys.people()).await.map_err(|error| unavailable("HGETALL", &error))?;
        let is_held = |stored: &str| {
            let holders = stored.split_once('\n').map(|(_, holders)| holders).unwrap_or_default();
            holders.split(' ').any(|holder| holder == incarnation.as_str())
        };
        Ok(people.into_iter().filter(|(_, stored)| is_held(stored)).map(|(name_key, _)| name_key.into()).collect())
    }
}

/// Reads a lease: stored as its counter, followed by `d` when draining and by `x` when dead (`12dx` is both).
fn lease(incarnation: &str, stored: &str) -> Option<Lease> {
    let digits = stored.trim_end_matches(['d', 'x']);
    let stage = match stored.as_bytes().last() {
        Some(b'x') => Stage::Dead,
        Some(b'd') => Stage::Draining,
        _ => Stage::Live,
    };
    Some(Lease { incarnation: incarnation.into(), heartbeat_seq: digits.parse().ok()?, stage })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_leases_of_any_stage_are_read() {
        let read = |stored| lease("inc", stored).map(|lease| (lease.heartbeat_seq, lease.stage));
        assert_eq!(read("12"), Some((12, Stage::Live)));
        assert_eq!(read("12d"), Some((12, Stage::Draining)));
        assert_eq!((read("12x"), read("12dx")), (Some((12, Stage::Dead)), Some((12, Stage::Dead))));
        assert_eq!(read(""), None, "the field that keeps the hash alive");
    }
}
