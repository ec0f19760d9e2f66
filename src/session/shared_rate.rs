//! Rates that all instances share, counted by scripts in Redis.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use fred::{clients::Client, interfaces::LuaInterface};
use sha2::{Digest, Sha256};
use tokio::{sync::Semaphore, time::timeout};

use super::Unreadable;
use crate::{rate::Pace, redis::kind, telemetry::instruments};

const TAKE: &str = include_str!("sign_in.lua");
const REFUND: &str = include_str!("refund.lua");
/// The largest number of scripts in flight; others wait.
const IN_FLIGHT: usize = 256;
/// Deadline of a script and its turn.
const DEADLINE: Duration = Duration::from_secs(5);

/// Limits by key, each with its pace.
pub(super) type Limits = Vec<(String, Pace)>;

/// Counts events of one kind.
pub(super) struct SharedRate {
    client: Client,
    /// The kind, in metrics.
    event: &'static str,
    turns: Semaphore,
}

impl SharedRate {
    pub(super) fn new(client: Client, event: &'static str) -> Self {
        Self { client, event, turns: Semaphore::new(IN_FLIGHT) }
    }

    /// Counts one event against all limits, or against none if one is reached. Returns how long it has to wait.
    pub(super) async fn take(&self, limits: Limits) -> Result<Duration, Unreadable> {
        let (keys, paces): (Vec<String>, Vec<Pace>) = limits.into_iter().unzip();
        let times = paces.iter().flat_map(|pace| [pace.every / 1000, pace.ahead / 1000]);
        self.run(TAKE, keys, times.collect()).await.map(Duration::from_micros)
    }

    /// Takes one event back.
    pub(super) async fn refund(&self, limits: Limits) -> Result<(), Unreadable> {
        let (keys, paces): (Vec<String>, Vec<Pace>) = limits.into_iter().unzip();
        self.run(REFUND, keys, paces.iter().map(|pace| pace.every / 1000).collect()).await.map(|_| ())
    }

    async fn run(&self, script: &str, keys: Vec<String>, times: Vec<u64>) -> Result<u64, Unreadable> {
        if keys.is_empty() {
            return Ok(0);
        }
        let times: Vec<String> = times.iter().map(u64::to_string).collect();
        let run = async {
            let _turn = self.turns.acquire().await.map_err(|_| Unreadable)?;
            let began = Instant::now();
            let result = self.client.eval::<u64, _, _, _>(script, keys, times).await;
            instruments().asked_redis(self.event, began.elapsed(), result.as_ref().err().map(kind));
            result.map_err(|_| Unreadable)
        };
        timeout(DEADLINE, run).await.unwrap_or(Err(Unreadable))
    }
}

/// An address as a part of a key, which does not show it.
pub(super) fn hashed(address: IpAddr) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(address.to_string())[..9])
}
