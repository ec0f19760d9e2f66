//! `ruang check`: tests that Redis can serve the room, and says what to correct.

mod server_version;

use std::time::Duration;

use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, EventInterface, KeysInterface, LuaInterface, PubsubInterface},
    types::Expiration,
};
use thiserror::Error;
use tokio::time::timeout;

use self::server_version::{MIN_MAJOR, ServerVersion};
use super::connector;
use crate::{
    redis::{ConnectError, Diagnosis, Keys, RedisConnector},
    session::session_key_prefix,
    settings::Settings,
};

/// Deadline of the whole test.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long a published event may take to arrive.
const ECHO_DEADLINE: Duration = Duration::from_secs(1);
/// Calls every command that the room's scripts call.
const SCRIPT: &str = include_str!("check.lua");
/// The share of `maxmemory` from which on Redis counts as nearly full, in per cent.
const NEARLY_FULL: u64 = 85;

/// Why the room cannot use this Redis.
#[derive(Debug, Error)]
pub enum CheckError {
    /// The settings of Redis cannot be used.
    #[error(transparent)]
    Redis(#[from] ConnectError),
    /// Redis does not answer.
    #[error(
        "Redis does not answer within {DEADLINE:?}: is it running where REDIS_URL says? (In a container, localhost is the container itself)"
    )]
    Silent,
    /// Redis, or the connection to it, reports an error.
    #[error("Redis cannot be used: {0}")]
    Failed(Diagnosis),
    /// A published event does not arrive.
    #[error(
        "Redis does not deliver what is published: its user needs the rights of deploy/redis/users.acl, subscribe among them"
    )]
    NoEcho,
    /// Redis is too old.
    #[error("Redis is version {0}: the room needs {MIN_MAJOR} or later")]
    TooOld(String),
}

/// The patterns of all keys of the room, for the ACL of its Redis user.
pub fn key_patterns(namespace: &str) -> [String; 2] {
    [Keys::new(namespace).pattern(), format!("{}*", session_key_prefix(namespace))]
}

/// Tests Redis, and returns advice to its operator.
pub async fn check(settings: &Settings) -> Result<Vec<&'static str>, CheckError> {
    let Some(connector) = connector(settings)? else { return Ok(Vec::new()) };
    let client = connector.client()?;
    let mut errors = client.error_rx();
    let first_error = async {
        match errors.recv().await {
            Ok((error, _)) => error,
            Err(_) => std::future::pending().await,
        }
    };
    let test = async {
        tokio::select! {
            result = test(&connector, &client, settings) => result,
            error = first_error => Err(error.into()),
        }
    };
    timeout(DEADLINE, test).await.unwrap_or(Err(CheckError::Silent))
}

async fn test(
    connector: &RedisConnector,
    client: &Client,
    settings: &Settings,
) -> Result<Vec<&'static str>, CheckError> {
    client.wait_for_connect().await?;
    let info: String = client.info(None).await?;
    let version = ServerVersion::from_info(&info);
    if version.is_too_old() {
        return Err(CheckError::TooOld(version.redis().to_owned()));
    }
    try_rights(connector, client, &settings.namespace).await?;
    Ok(advice(&info))
}

/// Tries everything that the room, sessions and subscriptions do, and removes its traces.
async fn try_rights(connector: &RedisConnector, client: &Client, namespace: &str) -> Result<(), CheckError> {
    let keys = Keys::new(namespace);
    let subscriber = connector.subscriber()?;
    let mut events = subscriber.message_rx();
    subscriber.wait_for_connect().await?;
    subscriber.subscribe(keys.live()).await?;
    client.eval::<(), _, _, _>(SCRIPT, vec![keys.check(), keys.live()], Vec::<String>::new()).await?;
    let session = format!("{}check", session_key_prefix(namespace));
    client.set::<(), _, _>(&session, "", Some(Expiration::EX(1)), None, false).await?;
    client.del::<(), _>(&session).await?;
    // Any event will do: instances may publish meanwhile.
    timeout(ECHO_DEADLINE, events.recv()).await.ok().and_then(Result::ok).ok_or(CheckError::NoEcho)?;
    Ok(subscriber.quit().await?)
}

/// Returns hints for the operator, from the output of `INFO`.
fn advice(info: &str) -> Vec<&'static str> {
    let has = |name: &str, value: &str| field(info, name) == Some(value);
    let number = |name: &str| field(info, name).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    let mut advice = Vec::new();
    if !has("maxmemory_policy", "noeviction") {
        advice.push("It evicts keys when memory is short, sessions among them: set maxmemory-policy noeviction.");
    }
    match number("maxmemory") {
        0 => advice.push(
            "It may use all memory of its machine: set maxmemory, then it refuses writes instead of being killed.",
        ),
        most if number("used_memory").saturating_mul(100) > most.saturating_mul(NEARLY_FULL) => {
            advice.push("It is nearly full: raise maxmemory, or store less (RUANG_HISTORY, RUANG_HISTORY_AGE).");
        }
        _ => {}
    }
    if has("aof_enabled", "0") {
        advice.push("A crash loses messages: set appendonly yes and appendfsync always (deploy/redis/redis.conf).");
    }
    if ServerVersion::from_info(info).lacks_lua_fixes() {
        advice.push(
            "Its release lacks the Lua fixes of October 2025 (CVE-2025-49844), unless its distribution added them: see docs/redis.md.",
        );
    }
    advice
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

impl From<Error> for CheckError {
    fn from(error: Error) -> Self {
        Self::Failed(Diagnosis::from(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn advice_names_eviction_missing_limits_and_a_full_redis() {
        let fit = "redis_version:7.2.11\r\nused_memory:1000\r\nmaxmemory:8000\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n";
        assert_eq!(advice(fit), Vec::<&str>::new());
        for (is, was) in [
            ("noeviction", "allkeys-lru"),
            ("aof_enabled:1", "aof_enabled:0"),
            ("maxmemory:8000", "maxmemory:0"),
            ("used_memory:1000", "used_memory:7000"),
            ("redis_version:7.2.11", "redis_version:7.2.10"),
        ] {
            assert_eq!(advice(&fit.replace(is, was)).len(), 1, "{was}");
        }
    }
}
