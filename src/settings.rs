//! Settings: from a flag, the environment, a file, or their default, in this order of precedence.
//!
//! [`Settings`] declares every setting with its names, its default and its help. An invalid value ends the start with
//! one line that names the setting, the value and the accepted values.
#![allow(
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "the help texts of clap are doc comments: addresses are not links, and have brackets"
)]

mod bots;
mod checks;
mod command;
mod error;
mod file;
mod looks;
mod otel;
mod small_file;
mod sources;
mod token_keys;
mod token_strength;
mod value;

pub mod descriptors;
pub mod secret;
pub mod token_file;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use http::HeaderName;

use crate::{
    address::TrustedProxies,
    brand::{Accent, Brand, Contact, Logo},
    origin::{PublicUrls, SitePolicy},
    rate::Rate,
    redis::{self, PubSub},
    session::{Bots, SignInRates, SignInWays, TokenKeys, TokenKeysError, TokenVerifier},
    telemetry::{self, Format},
};
pub use command::{Command, VERSION};
pub use error::SettingsError;
use secret::RedisUrl;
pub use secret::Secret;
pub use sources::Effective;
use sources::Sources;
pub use token_file::{ModeratorToken, TokenFile, TokenLines};

const SERVING: &str = "Serving";
const REDIS: &str = "Redis";
const LIMITS: &str = "Limits";
const ROOM: &str = "The room";
const LOOKS: &str = "Looks";
const SESSIONS: &str = "Sessions and moderation";
const TELEMETRY: &str = "Log and metrics";

// Settings that are named outside of their declaration.
const CONFIG: &str = "RUANG_CONFIG";
const EMBED_ORIGINS: &str = "RUANG_EMBED_ORIGINS";
const MAX_CONNECTIONS: &str = "RUANG_MAX_CONNECTIONS";
const METRICS_LISTEN: &str = "RUANG_METRICS_LISTEN";
const REDIS_CA_FILE: &str = "REDIS_CA_FILE";
const REDIS_PASSWORD_FILE: &str = "REDIS_PASSWORD_FILE";
const REDIS_URL: &str = "REDIS_URL";
const PUBLIC_URL: &str = "RUANG_PUBLIC_URL";
const SESSION_MAX: &str = "RUANG_SESSION_MAX";
const SIGN_IN: &str = "RUANG_SIGN_IN";
const TOKEN_PUBLIC_KEY_FILE: &str = "RUANG_TOKEN_PUBLIC_KEY_FILE";
const TRUSTED_PROXIES: &str = "RUANG_TRUSTED_PROXIES";
const USER_HEADER: &str = "RUANG_USER_HEADER";
const TOKEN_SECRET_FILE: &str = "RUANG_TOKEN_SECRET_FILE";

/// Seconds.
const DAY: u64 = 24 * 60 * 60;

/// Every setting, checked. `--help` is made from this: fields are flags, docstrings are help.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// A file of settings: lines of NAME=value with the names of the environment, and # comments
    #[arg(long, env = CONFIG, value_name = "FILE", help_heading = SERVING)]
    pub config: Option<PathBuf>,
    /// Where to listen; 0.0.0.0:8080 or [::]:8080 for every interface
    #[arg(long, env = "RUANG_LISTEN", value_name = "ADDRESS:PORT", help_heading = SERVING)]
    #[arg(default_value = "127.0.0.1:8080", value_parser = value::address)]
    pub listen: SocketAddr,
    /// The address in people's browsers, like https://chat.example.org or https://site.example/chat; several with commas,
    /// the first is the one that links lead to. https makes cookies Secure. If not set, the Host of each request
    #[arg(long, env = PUBLIC_URL, value_name = "URL", help_heading = SERVING)]
    #[arg(value_parser = value::public_urls)]
    pub public_url: Option<PublicUrls>,
    /// Proxies whose X-Forwarded-For and X-Forwarded-Host are believed, like 10.0.0.0/8,192.168.1.7
    #[arg(long, env = TRUSTED_PROXIES, value_name = "NETWORKS", help_heading = SERVING)]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = value::parsed::<TrustedProxies>("addresses and networks like 10.0.0.0/8,192.168.1.7"))]
    pub trusted_proxies: TrustedProxies,
    /// Sites that may show the room in a frame, like https://site.example,https://www.site.example; only with an https
    /// RUANG_PUBLIC_URL. If not set, none
    #[arg(long, env = EMBED_ORIGINS, value_name = "ORIGINS", help_heading = SERVING)]
    #[arg(default_value = "", hide_default_value = true, value_parser = value::embed_origins)]
    pub embed_origins: value::EmbedOrigins,
    /// The largest number of open connections. If not set, 90 % of the file descriptors that the process may open
    #[arg(long, env = MAX_CONNECTIONS, value_name = "N", help_heading = SERVING)]
    #[arg(required = false, value_parser = value::count::<usize>(1, 10_000_000))]
    pub max_connections: usize,
    /// How long a shutdown waits for open connections
    #[arg(long, env = "RUANG_DRAIN_TIMEOUT", value_name = "DURATION", help_heading = SERVING)]
    #[arg(default_value = "25s", value_parser = value::duration(0, 3600))]
    pub drain_timeout: Duration,

    /// The Redis that instances share: redis[s][-cluster|-sentinel]://[user:password@]host[:port][/db]. If not set, this
    /// process is the whole room
    #[arg(long, env = REDIS_URL, value_name = "URL", help_heading = REDIS)]
    #[arg(value_parser = value::redis_url)]
    pub redis_url: Option<RedisUrl>,
    /// A file with the password of Redis, instead of in the URL
    #[arg(long = "redis-password-file", env = REDIS_PASSWORD_FILE, value_name = "FILE", help_heading = REDIS)]
    #[arg(value_parser = value::secret_file)]
    pub redis_password: Option<Secret>,
    /// A file with the certificates (PEM) of the authority of Redis. If not set, the public authorities
    #[arg(long, env = REDIS_CA_FILE, value_name = "FILE", help_heading = REDIS)]
    #[arg(value_parser = value::certificates)]
    pub redis_ca_file: Option<PathBuf>,
    /// How Redis passes events on: classic, sharded (in a Cluster, from Redis 7 on), or both, to change from one to the other
    #[arg(long = "redis-pubsub", env = "RUANG_REDIS_PUBSUB", value_name = "KIND", help_heading = REDIS)]
    #[arg(default_value = "classic", value_parser = value::pubsub)]
    pub redis_pubsub: PubSub,
    /// The prefix of every key, so that several installations can share one Redis
    #[arg(long, env = "RUANG_NAMESPACE", value_name = "NAME", help_heading = REDIS)]
    #[arg(default_value = "ruang", value_parser = value::namespace)]
    pub namespace: String,

    /// Messages that a person may send per second through all instances, in the long run; 0 = unlimited
    #[arg(long, env = "RUANG_MESSAGES_PER_SECOND", value_name = "N", help_heading = LIMITS)]
    #[arg(default_value = "5", value_parser = value::count::<u32>(0, 100_000))]
    pub messages_per_second: u32,
    /// Messages that a person may send at once; 0 = unlimited, also per second
    #[arg(long, env = "RUANG_MESSAGES_BURST", value_name = "N", help_heading = LIMITS)]
    #[arg(default_value = "10", value_parser = value::count::<u32>(0, 100_000))]
    pub messages_burst: u32,
    /// Messages that a program of RUANG_BOTS_FILE may send per second, in the long run; 0 = unlimited
    #[arg(long, env = "RUANG_BOT_MESSAGES_PER_SECOND", value_name = "N", help_heading = LIMITS)]
    #[arg(default_value = "5", value_parser = value::count::<u32>(0, 100_000))]
    pub bot_messages_per_second: u32,
    /// Sign-ins per minute from one address (IPv6: one /64, and ten times as many from a /48), over all instances; 0 =
    /// unlimited
    #[arg(long, env = "RUANG_SIGN_INS_PER_MINUTE", value_name = "N", help_heading = LIMITS)]
    #[arg(default_value = "30", value_parser = value::count::<u32>(0, 100_000))]
    pub sign_ins_per_minute: u32,
    /// Sign-ins per minute from all addresses together; 0 = unlimited
    #[arg(long, env = "RUANG_SIGN_INS_PER_MINUTE_TOTAL", value_name = "N", help_heading = LIMITS)]
    #[arg(default_value = "30000", value_parser = value::count::<u32>(0, 10_000_000))]
    pub sign_ins_per_minute_total: u32,
    /// Messages from one address (IPv6: one /64) through this instance: as many as this number of people may send; 0 =
    /// unlimited
    #[arg(long, env = "RUANG_SENDERS_PER_ADDRESS", value_name = "N", help_heading = LIMITS)]
    #[arg(default_value = "10", value_parser = value::count::<u32>(0, 1_000_000))]
    pub senders_per_address: u32,
    /// Pages of 50 entries (history, people, the room) that a session may read from this instance per second; an
    /// address may read fifty times as many; 0 = unlimited
    #[arg(long, env = "RUANG_READS_PER_SECOND", value_name = "N", help_heading = LIMITS)]
    #[arg(default_value = "10", value_parser = value::count::<u32>(0, 100_000))]
    pub reads_per_second: u32,
    /// Open sockets of one address (IPv6: one /64) on this instance; 0 = unlimited
    #[arg(long, env = "RUANG_CONNECTIONS_PER_ADDRESS", value_name = "N", help_heading = LIMITS)]
    #[arg(default_value = "1000", value_parser = value::count::<u32>(0, 1_000_000))]
    pub connections_per_address: u32,

    /// The name of the room, in titles and on the home screen of a phone
    #[arg(long, env = "RUANG_TITLE", value_name = "TEXT", help_heading = LOOKS)]
    #[arg(default_value = "ruang", value_parser = looks::title)]
    pub title: String,
    /// A line at sign-in. If not set, the page's own
    #[arg(long, env = "RUANG_WELCOME", value_name = "TEXT", help_heading = LOOKS)]
    #[arg(value_parser = looks::welcome)]
    pub welcome: Option<String>,
    /// An image in place of the page's own: a PNG, or an SVG of shapes and colours, of at most 100 kB
    #[arg(long = "logo-file", env = "RUANG_LOGO_FILE", value_name = "FILE", help_heading = LOOKS)]
    #[arg(value_parser = looks::logo_file)]
    pub logo: Option<Logo>,
    /// The colour of buttons, links and own messages, like #0f766e; white text on it must be readable
    #[arg(long, env = "RUANG_ACCENT", value_name = "COLOUR", help_heading = LOOKS)]
    #[arg(value_parser = looks::accent)]
    pub accent: Option<Accent>,
    /// The languages of the pages; the first is for people whose browser prefers none of them
    #[arg(long, env = "RUANG_LANGUAGES", value_name = "LIST", help_heading = LOOKS)]
    #[arg(default_value = "id,en", value_parser = looks::languages)]
    pub languages: looks::Languages,
    /// Whom people write to about the room: an e-mail address or the URL of a page, shown on the page about stored data
    #[arg(long, env = "RUANG_CONTACT", value_name = "ADDRESS", help_heading = LOOKS)]
    #[arg(value_parser = looks::contact)]
    pub contact: Option<Contact>,
    /// A file with the rules of the room, plain text of at most 32 kB, linked from sign-in and room
    #[arg(long = "rules-file", env = "RUANG_RULES_FILE", value_name = "FILE", help_heading = LOOKS)]
    #[arg(value_parser = looks::rules_file)]
    pub rules: Option<String>,

    /// Number of messages in the history, at least 100
    #[arg(long, env = "RUANG_HISTORY", value_name = "N", help_heading = ROOM)]
    #[arg(default_value = "10000", value_parser = value::count::<usize>(100, 10_000_000))]
    pub history: usize,
    /// The largest age of a message in the history; forever: any age
    #[arg(long, env = "RUANG_HISTORY_AGE", value_name = "DURATION", help_heading = ROOM)]
    #[arg(default_value = "30d", value_parser = value::history_age)]
    pub history_age: value::HistoryAge,
    /// How long people may correct a message of theirs; 0 = not at all
    #[arg(long, env = "RUANG_EDIT_WINDOW", value_name = "DURATION", help_heading = ROOM)]
    #[arg(default_value = "15m", value_parser = value::duration(0, 3660 * DAY))]
    pub edit_window: Duration,
    /// How long people may be disconnected (a reload, a tunnel) before the others see them leave
    #[arg(long, env = "RUANG_LEAVE_GRACE", value_name = "DURATION", help_heading = ROOM)]
    #[arg(default_value = "5s", value_parser = value::duration(0, 600))]
    pub leave_grace: Duration,
    /// How long the people of a dead instance stay in the room
    #[arg(long, env = "RUANG_LEASE", value_name = "DURATION", help_heading = ROOM)]
    #[arg(default_value = "5s", value_parser = value::duration(2, 600))]
    pub lease: Duration,
    /// How long a name stays reserved for a session after it left
    #[arg(long, env = "RUANG_NAME_HOLD", value_name = "DURATION", help_heading = ROOM)]
    #[arg(default_value = "15m", value_parser = value::duration(1, 30 * DAY))]
    pub name_hold: Duration,

    /// How long a session lives without use
    #[arg(long, env = "RUANG_SESSION_IDLE", value_name = "DURATION", help_heading = SESSIONS)]
    #[arg(default_value = "12h", value_parser = value::duration(60, 366 * DAY))]
    pub session_idle: Duration,
    /// How long a session lives at most
    #[arg(long, env = SESSION_MAX, value_name = "DURATION", help_heading = SESSIONS)]
    #[arg(default_value = "7d", value_parser = value::duration(60, 366 * DAY))]
    pub session_max: Duration,
    /// A file with a line name:token for each moderator, who may delete messages, ban names, slow the room down and
    /// announce; or with one token. It is read again when it changes. If not set, there is no moderation
    #[arg(long = "operator-token-file", env = "RUANG_OPERATOR_TOKEN_FILE", value_name = "FILE", help_heading = SESSIONS)]
    #[arg(value_parser = TokenFile::read)]
    pub operator_tokens: Option<TokenFile>,
    /// The ways to sign in: one or more of name (people type it), token (a site hands it in) and proxy (a header names it)
    #[arg(long, env = SIGN_IN, value_name = "LIST", help_heading = SESSIONS)]
    #[arg(default_value = "name", value_parser = value::parsed::<SignInWays>("name, token, proxy, or several with commas"))]
    pub sign_in: SignInWays,
    /// The header in which a proxy names the user, like Remote-User; only from RUANG_TRUSTED_PROXIES
    #[arg(long, env = USER_HEADER, value_name = "NAME", help_heading = SESSIONS)]
    #[arg(value_parser = value::parsed::<HeaderName>("the name of a header, like Remote-User"))]
    pub user_header: Option<HeaderName>,
    /// A file with the secret of sign-in tokens (HS256), or with lines of kid:secret
    #[arg(long = "token-secret-file", env = TOKEN_SECRET_FILE, value_name = "FILE", help_heading = SESSIONS)]
    #[arg(value_parser = token_keys::secret_file)]
    pub token_secrets: Option<TokenKeys>,
    /// A file with the public keys of sign-in tokens in PEM (RS256, ES256, EdDSA), each after a line kid: NAME if there are
    /// several
    #[arg(long = "token-public-key-file", env = TOKEN_PUBLIC_KEY_FILE, value_name = "FILE", help_heading = SESSIONS)]
    #[arg(value_parser = token_keys::public_key_file)]
    pub token_public_keys: Option<TokenKeys>,
    /// A file with the programs that may speak in the room: lines of name:token. If not set, there are none
    #[arg(long = "bots-file", env = "RUANG_BOTS_FILE", value_name = "FILE", help_heading = SESSIONS)]
    #[arg(value_parser = bots::bots_file)]
    pub bots: Option<Bots>,

    /// Where to serve metrics (Prometheus' text format); not for the public. If not set, they are not served
    #[arg(long, env = METRICS_LISTEN, value_name = "ADDRESS:PORT", help_heading = TELEMETRY)]
    #[arg(value_parser = value::address)]
    pub metrics_listen: Option<SocketAddr>,
    /// The format of the log: text or json
    #[arg(long, env = "RUANG_LOG_FORMAT", value_name = "FORMAT", help_heading = TELEMETRY)]
    #[arg(default_value = "text", value_parser = value::log_format)]
    log_format: Format,
    /// The log's filter: a level (error, warn, info, debug, trace), or levels by module like info,ruang::socket=debug
    #[arg(long = "rust-log", env = "RUST_LOG", value_name = "FILTER", help_heading = TELEMETRY)]
    #[arg(default_value = "info", value_parser = value::log_filter)]
    log_filter: String,
    /// The log, metrics and traces.
    #[arg(skip)]
    pub telemetry: telemetry::Options,
}

/// The result of reading all settings.
#[derive(Debug)]
pub struct Loaded {
    /// The command to run.
    pub command: Command,
    /// The settings.
    pub settings: Settings,
    /// Each setting in effect with its source, secrets hidden.
    pub effective: Vec<Effective>,
}

impl Settings {
    /// Loads the settings from the command line `args` (the program's name first), the environment `env` (an empty
    /// variable counts as unset) and the file that `RUANG_CONFIG` names.
    ///
    /// `descriptors` is the number of files the process may open, see [`descriptors::raised`].
    ///
    /// # Errors
    /// The first invalid value, or the text of `--help` or `--version`.
    pub fn load(
        args: impl IntoIterator<Item = OsString>,
        env: &dyn Fn(&str) -> Option<String>,
        descriptors: usize,
    ) -> Result<Loaded, SettingsError> {
        let (command, flags) = command::parse(args)?;
        let mut sources = Sources::collect(flags, env)?;
        sources.set_default(MAX_CONNECTIONS, &(descriptors / 10 * 9).max(1).to_string());
        let mut settings = sources.parse()?;
        if settings.messages_burst == 0 {
            settings.messages_per_second = 0;
        }
        let otel = otel::check(&sources)?;
        let (traces, metrics) = otel::export(&sources, settings.metrics_listen.is_some());
        let (format, filter) = (settings.log_format, settings.log_filter.clone());
        settings.telemetry = telemetry::Options { format, filter, traces, metrics };
        settings.check(&sources, descriptors)?;
        Ok(Loaded { command, settings, effective: [sources.effective(), otel].concat() })
    }

    /// The limit of messages per session.
    pub fn message_rate(&self) -> Rate {
        Rate { per_second: f64::from(self.messages_per_second), burst: f64::from(self.messages_burst) }
    }

    /// The limit of messages per program: two seconds' worth may be sent at once.
    pub fn bot_message_rate(&self) -> Rate {
        let per_second = f64::from(self.bot_messages_per_second);
        Rate { per_second, burst: per_second * 2.0 }
    }

    /// How the pages look.
    pub fn brand(&self) -> Brand {
        Brand {
            title: self.title.clone(),
            welcome: self.welcome.clone(),
            logo: self.logo.clone(),
            accent: self.accent,
            languages: self.languages.0.clone(),
            contact: self.contact.clone(),
            rules: self.rules.clone(),
        }
    }

    /// The limits of sign-ins: a minute's worth may happen at once.
    pub fn sign_in_rates(&self) -> SignInRates {
        let rate = |per_minute: u32| Rate { per_second: f64::from(per_minute) / 60.0, burst: f64::from(per_minute) };
        SignInRates { per_address: rate(self.sign_ins_per_minute), total: rate(self.sign_ins_per_minute_total) }
    }

    /// Checks sign-in tokens, if there are any.
    pub fn token_verifier(&self) -> Option<TokenVerifier> {
        let keys = self.token_keys().ok().flatten()?;
        Some(TokenVerifier::new(keys, self.public_url.clone()?))
    }

    fn token_keys(&self) -> Result<Option<TokenKeys>, TokenKeysError> {
        match (self.token_secrets.clone(), self.token_public_keys.clone()) {
            (Some(secrets), Some(public)) => secrets.and(public).map(Some),
            (secrets, public) => Ok(secrets.or(public)),
        }
    }

    /// The connection to Redis, if there is one.
    pub fn redis(&self) -> Option<redis::Options> {
        let url = self.redis_url.as_ref()?;
        Some(redis::Options {
            url: url.expose().to_owned(),
            password: self.redis_password.as_ref().map(|secret| secret.expose().to_owned()),
            ca_file: self.redis_ca_file.clone(),
        })
    }

    /// Which requests and sockets are allowed by origin.
    pub fn site_policy(&self) -> SitePolicy {
        SitePolicy {
            public_urls: self.public_url.clone(),
            proxies: self.trusted_proxies.clone(),
            embedders: self.embed_origins.0.clone(),
        }
    }
}
