//! `ruang check`: whether Redis is there and fit for the room; else what is wrong, and how to mend it.

use std::time::Duration;

use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, EventInterface, LuaInterface},
};
use thiserror::Error;
use tokio::time::timeout;

use super::link;
use crate::{
    redis::{Keys, LinkError},
    settings::Settings,
};

/// How long Redis may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// The oldest Redis whose scripts and streams do what the room needs.
const OLDEST: u64 = 7;
/// What every script does, harmlessly: it looks into the room.
const LOOK: &str = "redis.call('TIME') return redis.call('HGET', KEYS[1], 'epoch')";

/// What keeps the room from this Redis.
#[derive(Debug, Error)]
pub enum CheckError {
    /// Its settings cannot be used.
    #[error(transparent)]
    Redis(#[from] LinkError),
    /// It is not there.
    #[error(
        "Redis does not answer within {DEADLINE:?}: is it running where REDIS_URL says? (In a container, localhost is the container itself)"
    )]
    Silent,
    /// It, or the way to it, says no.
    #[error("Redis cannot be used: {why}{}", .mend.map(|mend| format!(": {mend}")).unwrap_or_default())]
    Refuses {
        /// In its own words.
        why: String,
        /// What to do.
        mend: Option<&'static str>,
    },
    /// It lacks what the room needs.
    #[error("Redis is version {0}: the room needs {OLDEST} or later")]
    TooOld(String),
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
            answered = ask(&client, settings) => answered,
            error = refused => Err(error.into()),
        }
    };
    timeout(DEADLINE, asked).await.unwrap_or(Err(CheckError::Silent))
}

async fn ask(client: &Client, settings: &Settings) -> Result<Vec<&'static str>, CheckError> {
    client.wait_for_connect().await?;
    let info: String = client.info(None).await?;
    let version = field(&info, "redis_version").unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u64| major < OLDEST) {
        return Err(CheckError::TooOld(version.to_owned()));
    }
    let room = Keys::new(&settings.namespace).room();
    client.eval::<Option<String>, _, _, _>(LOOK, room[..1].to_vec(), Vec::<String>::new()).await?;
    Ok(advice(&info))
}

/// What its operator should know.
fn advice(info: &str) -> Vec<&'static str> {
    let says = |name: &str, value: &str| field(info, name) == Some(value);
    let mut advice = Vec::new();
    if !says("maxmemory_policy", "noeviction") {
        advice.push("It throws away what is kept when memory is short, sessions too: set maxmemory-policy noeviction.");
    }
    if says("aof_enabled", "0") {
        advice
            .push("A crash of it loses messages: set appendonly yes and appendfsync always (deploy/redis/redis.conf).");
    }
    if says("role", "slave") {
        advice.push("It is a replica: REDIS_URL should name the primary, or its sentinels (redis-sentinel://…).");
    }
    advice
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

impl From<Error> for CheckError {
    fn from(error: Error) -> Self {
        let why = error.details().to_owned();
        Self::Refuses { mend: mend(&why), why }
    }
}

/// How to mend what Redis, or the way to it, complains of.
fn mend(why: &str) -> Option<&'static str> {
    let ways = [
        (&["refused"][..], "start it, or correct REDIS_URL (in a container, localhost is the container itself)"),
        (&["lookup", "resolve", "Name or service"], "correct the host in REDIS_URL"),
        (
            &["WRONGPASS", "NOAUTH", "without any password"],
            "check the user in REDIS_URL and the password in REDIS_PASSWORD_FILE",
        ),
        (
            &["NOPERM", "can't run", "permissions", "can't access"],
            "its user needs the rights of deploy/redis/users.acl, whose patterns begin with RUANG_NAMESPACE",
        ),
        (
            &["certificate", "UnknownIssuer"],
            "REDIS_CA_FILE names the authority; the host in REDIS_URL must be the certificate's",
        ),
    ];
    ways.iter().find(|(words, _)| words.iter().any(|word| why.contains(word))).map(|(_, way)| *way)
}

#[cfg(test)]
mod tests {
    use super::{advice, mend};

    #[test]
    fn a_redis_that_forgets_is_told_of() {
        let fit = "redis_version:7.0.15\r\nrole:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n";
        assert_eq!(advice(fit), Vec::<&str>::new());
        assert_eq!(advice(&fit.replace("noeviction", "allkeys-lru")).len(), 1);
        assert_eq!(advice(&fit.replace("aof_enabled:1", "aof_enabled:0")).len(), 1);
        assert_eq!(advice(&fit.replace("master", "slave")).len(), 1);
    }

    #[test]
    fn what_is_known_is_mended() {
        let way = |why| mend(why).unwrap_or_default();
        assert!(way("Connection refused (os error 111)").contains("REDIS_URL"));
        assert!(way("WRONGPASS invalid username-password pair").contains("REDIS_PASSWORD_FILE"));
        assert!(way("NOPERM this user has no permissions").contains("users.acl"));
        assert!(way("invalid peer certificate: UnknownIssuer").contains("REDIS_CA_FILE"));
        assert_eq!(mend("MISCONF Redis is configured to save"), None);
    }
}
