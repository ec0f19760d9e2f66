//! `ruang check`: whether Redis is there and fit for the room; else what is wrong, and how to mend it.

use std::time::Duration;

use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, EventInterface, KeysInterface, LuaInterface, PubsubInterface},
    types::Expiration,
};
use thiserror::Error;
use tokio::time::timeout;

use super::link;
use crate::{
    redis::{ConnectError, Diagnosis, Keys, RedisConnector},
    session::session_key_prefix,
    settings::Settings,
};

/// How long Redis may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long what is published takes to be heard.
const HEARD_WITHIN: Duration = Duration::from_secs(1);
/// The oldest Redis whose scripts and streams do what the room needs.
const OLDEST: u64 = 7;
/// Does what the room's scripts do.
const SCRIPT: &str = include_str!("check.lua");
/// How much of `maxmemory` is nearly all of it, in per cent.
const NEARLY_FULL: u64 = 85;

/// What keeps the room from this Redis.
#[derive(Debug, Error)]
pub enum CheckError {
    /// Its settings cannot be used.
    #[error(transparent)]
    Redis(#[from] ConnectError),
    /// It is not there.
    #[error(
        "Redis does not answer within {DEADLINE:?}: is it running where REDIS_URL says? (In a container, localhost is the container itself)"
    )]
    Silent,
    /// It, or the way to it, says no.
    #[error("Redis cannot be used: {0}")]
    Refuses(Diagnosis),
    /// What is said through it is not heard.
    #[error(
        "Redis does not pass on what is published: its user needs the rights of deploy/redis/users.acl, subscribe among them"
    )]
    Deaf,
    /// It lacks what the room needs.
    #[error("Redis is version {0}: the room needs {OLDEST} or later")]
    TooOld(String),
}

/// The patterns of all keys of the room, for the ACL of its Redis user.
pub fn key_patterns(namespace: &str) -> [String; 2] {
    [Keys::new(namespace).pattern(), format!("{}*", session_key_prefix(namespace))]
}

/// Asks Redis whether the room may live in it. Answers what to think about all the same.
///
/// # Errors
/// What keeps the room from it.
pub async fn check(settings: &Settings) -> Result<Vec<&'static str>, CheckError> {
    let Some(link) = link(settings)? else { return Ok(Vec::new()) };
    let client = link.client()?;
    let mut errors = client.error_rx();
    let refused = async {
        match errors.recv().await {
            Ok((error, _)) => error,
            Err(_) => std::future::pending().await,
        }
    };
    let asked = async {
        tokio::select! {
            answered = ask(&link, &client, settings) => answered,
            error = refused => Err(error.into()),
        }
    };
    timeout(DEADLINE, asked).await.unwrap_or(Err(CheckError::Silent))
}

async fn ask(link: &RedisConnector, client: &Client, settings: &Settings) -> Result<Vec<&'static str>, CheckError> {
    client.wait_for_connect().await?;
    let info: String = client.info(None).await?;
    let version = field(&info, "redis_version").unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u64| major < OLDEST) {
        return Err(CheckError::TooOld(version.to_owned()));
    }
    try_rights(link, client, &settings.namespace).await?;
    Ok(advice(&info))
}

/// Does, and undoes, what the room, sessions and subscriptions need.
async fn try_rights(link: &RedisConnector, client: &Client, namespace: &str) -> Result<(), CheckError> {
    let keys = Keys::new(namespace);
    let subscriber = link.subscriber()?;
    let mut heard = subscriber.message_rx();
    subscriber.wait_for_connect().await?;
    subscriber.subscribe(keys.live()).await?;
    client.eval::<(), _, _, _>(SCRIPT, vec![keys.check(), keys.live()], Vec::<String>::new()).await?;
    let session = format!("{}check", session_key_prefix(namespace));
    client.set::<(), _, _>(&session, "", Some(Expiration::EX(1)), None, false).await?;
    client.del::<(), _>(&session).await?;
    // Whatever it is: others may speak meanwhile.
    timeout(HEARD_WITHIN, heard.recv()).await.ok().and_then(Result::ok).ok_or(CheckError::Deaf)?;
    Ok(subscriber.quit().await?)
}

/// What its operator should know.
fn advice(info: &str) -> Vec<&'static str> {
    let says = |name: &str, value: &str| field(info, name) == Some(value);
    let number = |name: &str| field(info, name).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    let mut advice = Vec::new();
    if !says("maxmemory_policy", "noeviction") {
        advice.push("It throws away what is kept when memory is short, sessions too: set maxmemory-policy noeviction.");
    }
    match number("maxmemory") {
        0 => advice.push("It may take all the memory of its machine: set maxmemory, then it refuses rather than dies."),
        most if number("used_memory").saturating_mul(100) > most.saturating_mul(NEARLY_FULL) => {
            advice.push("It is nearly full: raise maxmemory, or keep less (RUANG_HISTORY, RUANG_HISTORY_AGE).");
        }
        _ => {}
    }
    if says("aof_enabled", "0") {
        advice
            .push("A crash of it loses messages: set appendonly yes and appendfsync always (deploy/redis/redis.conf).");
    }
    advice
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

impl From<Error> for CheckError {
    fn from(error: Error) -> Self {
        Self::Refuses(Diagnosis::from(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn a_redis_that_forgets_or_is_full_is_told_of() {
        let fit = "redis_version:7.0.15\r\nused_memory:1000\r\nmaxmemory:8000\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n";
        assert_eq!(advice(fit), Vec::<&str>::new());
        for (is, was) in [
            ("noeviction", "allkeys-lru"),
            ("aof_enabled:1", "aof_enabled:0"),
            ("maxmemory:8000", "maxmemory:0"),
            ("used_memory:1000", "used_memory:7000"),
        ] {
            assert_eq!(advice(&fit.replace(is, was)).len(), 1, "{was}");
        }
    }
}
