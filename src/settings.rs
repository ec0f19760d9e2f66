//! What people who run ruang can set: by flag, by environment, by file, in this order of precedence.
//!
//! `table` has every setting with its names, its default and what it is for; [`Settings`] the typed values. A value
//! that makes no sense ends the start with one line that names the setting, the value and what is accepted.

mod command;
mod file;
mod otel;
mod sources;
mod table;
mod value;

pub mod descriptors;
pub mod secret;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use thiserror::Error;

use crate::{
    address::TrustedProxies,
    origin::{PublicUrl, SitePolicy},
    rate::Rate,
    redis::{self, ConnectError, RedisConnector},
    server, telemetry,
};
pub use command::{Command, VERSION};
use secret::RedisUrl;
pub use secret::Secret;
pub use sources::Effective;
use sources::Reader;

/// Every setting, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen for people and balancers.
    pub listen: SocketAddr,
    /// Where to listen for the collector of metrics, if at all.
    pub metrics_listen: Option<SocketAddr>,
    /// The address that people type into their browsers.
    pub public_url: Option<PublicUrl>,
    /// The proxies whose `X-Forwarded-…` headers count.
    pub trusted_proxies: TrustedProxies,
    /// The Redis that instances share; without it the room is this process' own.
    pub redis_url: Option<RedisUrl>,
    /// The password for it, if it is not in the URL.
    pub redis_password: Option<Secret>,
    /// The certificates to believe it by, in PEM, if not the public ones.
    pub redis_ca_file: Option<PathBuf>,
    /// The prefix of every key in Redis.
    pub namespace: String,
    /// Messages a session may send a second in the long run; 0 = unlimited.
    pub messages_per_second: u32,
    /// Messages a session may send at once; 0 = unlimited.
    pub messages_burst: u32,
    /// Sign-ins a minute from one address; 0 = unlimited.
    pub sign_ins_per_minute: u32,
    /// Open sockets from one address; 0 = unlimited.
    pub connections_per_address: u32,
    /// Connections open at a time.
    pub max_connections: usize,
    /// Messages kept.
    pub history: usize,
    /// How old a kept message gets, at most.
    pub history_age: Option<Duration>,
    /// How long somebody whose last socket closed is still shown as here.
    pub leave_grace: Duration,
    /// How long an instance that is not heard of keeps its people in the room.
    pub lease: Duration,
    /// How long a name stays its session's after it left.
    pub name_hold: Duration,
    /// How long a shutdown waits for what is running.
    pub drain_timeout: Duration,
    /// How long a session lives without use.
    pub session_idle: Duration,
    /// How long a session lives at most.
    pub session_max: Duration,
    /// What may delete messages; without it there is no operator.
    pub operator_token: Option<Secret>,
    /// What is logged and traced, and how.
    pub telemetry: telemetry::Options,
}

/// What was asked for.
#[derive(Debug)]
pub struct Loaded {
    /// What to do.
    pub command: Command,
    /// With which settings.
    pub settings: Settings,
    /// Each setting as it holds, secrets hidden, and who says so.
    pub effective: Vec<Effective>,
}

/// Why there are no settings.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// Not an error: help or the version was asked for, and this is it.
    #[error("{0}")]
    Told(String),
    /// An unknown flag or command.
    #[error("{0}; see ruang --help")]
    Usage(String),
    /// The file of settings cannot be read, or a line of it.
    #[error("{place}: {wrong}")]
    File {
        /// The file, and the line if it is one's fault.
        place: String,
        /// What is wrong.
        wrong: String,
    },
    /// A value that makes no sense.
    #[error("{setting} {value}: {accepted}")]
    Value {
        /// The setting as it was given: a flag, a variable, a line of the file.
        setting: String,
        /// The value, quoted, or a stand-in if it is a secret.
        value: String,
        /// What would be accepted.
        accepted: String,
    },
}

impl SettingsError {
    /// What the process should end with: 0 if help was asked for, else 2.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Told(_)) { 0 } else { 2 }
    }
}

impl Settings {
    /// Loads the settings from the command line `args` (the program's name first), the environment `env` (an empty
    /// variable is unset) and the file that `RUANG_CONFIG` names.
    ///
    /// `descriptors` is how many files the process may open, see [`descriptors::raised`].
    ///
    /// # Errors
    /// The first value that makes no sense, or what was asked for with `--help` and `--version`.
    pub fn load(
        args: impl IntoIterator<Item = OsString>,
        env: &dyn Fn(&str) -> Option<String>,
        descriptors: usize,
    ) -> Result<Loaded, SettingsError> {
        let (command, flags) = command::parse(args)?;
        let mut reader = Reader::new(flags, env)?;
        let settings = Self::read(&mut reader, descriptors)?;
        settings.check(&reader, descriptors)?;
        Ok(Loaded { command, settings, effective: reader.into_effective() })
    }

    /// How often a session may send.
    pub fn message_rate(&self) -> Rate {
        let unlimited = self.messages_burst == 0;
        let per_second = if unlimited { 0.0 } else { f64::from(self.messages_per_second) };
        Rate { per_second, burst: f64::from(self.messages_burst) }
    }

    /// How often an address may sign in: a minute's worth at once.
    pub fn sign_in_rate(&self) -> Rate {
        let a_minute = f64::from(self.sign_ins_per_minute);
        Rate { per_second: a_minute / 60.0, burst: a_minute }
    }

    /// What the server lets clients do.
    pub fn server(&self) -> server::Options {
        server::Options {
            max_connections: self.max_connections,
            drain: self.drain_timeout,
            ..server::Options::default()
        }
    }

    /// How to reach Redis, if there is one.
    pub fn redis(&self) -> Option<redis::Options> {
        let url = self.redis_url.as_ref()?;
        Some(redis::Options {
            url: url.expose().to_owned(),
            password: self.redis_password.as_ref().map(|secret| secret.expose().to_owned()),
            ca_file: self.redis_ca_file.clone(),
        })
    }

    /// Who may post and connect.
    pub fn site_policy(&self) -> SitePolicy {
        SitePolicy { public_url: self.public_url.clone(), proxies: self.trusted_proxies.clone() }
    }

    fn read(from: &mut Reader<'_>, descriptors: usize) -> Result<Self, SettingsError> {
        const DAY: u64 = 24 * 60 * 60;
        let metrics_listen = from.optional(&table::METRICS_LISTEN, value::address)?;
        Ok(Self {
            listen: from.required(&table::LISTEN, value::address)?,
            metrics_listen,
            public_url: from.optional(&table::PUBLIC_URL, value::parsed("an origin like https://chat.example.org"))?,
            trusted_proxies: from
                .optional(&table::TRUSTED_PROXIES, value::parsed("addresses and networks like 10.0.0.0/8,192.168.1.7"))?
                .unwrap_or_default(),
            redis_url: from.optional(&table::REDIS_URL, value::redis_url)?,
            redis_password: from.optional(&table::REDIS_PASSWORD_FILE, value::secret_file)?,
            redis_ca_file: from.optional(&table::REDIS_CA_FILE, value::certificates)?,
            namespace: from.required(&table::NAMESPACE, value::namespace)?,
            messages_per_second: from.required(&table::MESSAGES_PER_SECOND, value::count(0, 100_000))?,
            messages_burst: from.required(&table::MESSAGES_BURST, value::count(0, 100_000))?,
            sign_ins_per_minute: from.required(&table::SIGN_INS_PER_MINUTE, value::count(0, 100_000))?,
            connections_per_address: from.required(&table::CONNECTIONS_PER_ADDRESS, value::count(0, 1_000_000))?,
            max_connections: from
                .optional(&table::MAX_CONNECTIONS, value::count(1, 10_000_000))?
                .unwrap_or((descriptors / 10 * 9).max(1)),
            history: from.required(&table::HISTORY, value::count(100, 10_000_000))?,
            history_age: from.optional(&table::HISTORY_AGE, value::duration(1, 3660 * DAY))?,
            leave_grace: from.required(&table::LEAVE_GRACE, value::duration(0, 600))?,
            lease: from.required(&table::LEASE, value::duration(2, 600))?,
            name_hold: from.required(&table::NAME_HOLD, value::duration(1, 30 * DAY))?,
            drain_timeout: from.required(&table::DRAIN_TIMEOUT, value::duration(0, 3600))?,
            session_idle: from.required(&table::SESSION_IDLE, value::duration(60, 366 * DAY))?,
            session_max: from.required(&table::SESSION_MAX, value::duration(60, 366 * DAY))?,
            operator_token: from.optional(&table::OPERATOR_TOKEN_FILE, value::token_file)?,
            telemetry: telemetry(from, metrics_listen.is_some())?,
        })
    }

    /// What each value alone does not show.
    fn check(&self, from: &Reader<'_>, descriptors: usize) -> Result<(), SettingsError> {
        if self.metrics_listen == Some(self.listen) && self.listen.port() != 0 {
            return Err(from.refused(&table::METRICS_LISTEN, "an address of its own, not the public one"));
        }
        if self.session_max < self.session_idle {
            return Err(from.refused(&table::SESSION_MAX, "at least RUANG_SESSION_IDLE"));
        }
        if self.max_connections >= descriptors.max(2) {
            let most = format!("less than the {descriptors} descriptors that the process may open (ulimit -n)");
            return Err(from.refused(&table::MAX_CONNECTIONS, &most));
        }
        self.check_redis(from)
    }

    fn check_redis(&self, from: &Reader<'_>) -> Result<(), SettingsError> {
        let url = self.redis_url.as_ref();
        if self.redis_password.is_some() && url.is_none_or(RedisUrl::has_password) {
            return Err(from.refused(&table::REDIS_PASSWORD_FILE, "only beside a REDIS_URL that has no password"));
        }
        if self.redis_ca_file.is_some() && !url.is_some_and(RedisUrl::is_tls) {
            return Err(from.refused(&table::REDIS_CA_FILE, "only beside a REDIS_URL with TLS (rediss://…)"));
        }
        let link = self.redis().map_or(Ok(()), |options| RedisConnector::new(&options).map(drop));
        link.map_err(|error| match &error {
            ConnectError::Url(why) => {
                from.refused(&table::REDIS_URL, &format!("a URL that makes sense as a whole ({why})"))
            }
            ConnectError::Certificates(_, why) => {
                from.refused(&table::REDIS_CA_FILE, &format!("a readable file of certificates in PEM ({why})"))
            }
        })
    }
}

fn telemetry(from: &mut Reader<'_>, listens: bool) -> Result<telemetry::Options, SettingsError> {
    let export = otel::export(from, listens)?;
    Ok(telemetry::Options {
        format: from.required(&table::LOG_FORMAT, value::log_format)?,
        filter: from.required(&table::RUST_LOG, value::log_filter)?,
        traces: export.traces,
        metrics: export.metrics,
    })
}
