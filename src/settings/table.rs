//! Every setting: what it is called, what holds without it, what it is for. `--help` is made from this.

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// The variable, in the environment and in the file.
    pub name: &'static str,
    /// The flag, without its dashes.
    pub flag: &'static str,
    /// Under which heading of `--help` it stands.
    pub heading: &'static str,
    /// What its value is, in a word.
    pub value: &'static str,
    /// What holds without it.
    pub default: Without,
    /// What it is for.
    pub help: &'static str,
}

/// What holds where a setting is not given.
#[derive(Debug)]
pub(super) enum Without {
    /// This value.
    Value(&'static str),
    /// Something that is no value, in words.
    Words(&'static str),
}

use Without::{Value, Words};

const SERVING: &str = "Serving";
const REDIS: &str = "Redis";
const LIMITS: &str = "Limits";
const ROOM: &str = "The room";
const SESSIONS: &str = "Sessions";
const WATCHING: &str = "Watching";

const fn setting(
    heading: &'static str,
    [name, flag]: [&'static str; 2],
    value: &'static str,
    default: Without,
    help: &'static str,
) -> Setting {
    Setting { name, flag, heading, value, default, help }
}

#[rustfmt::skip]
mod settings {
    use super::*;

    pub const CONFIG: Setting = setting(SERVING, ["RUANG_CONFIG", "config"], "FILE", Words("none"),
        "A file of settings: lines of NAME=value with the names of the environment, and # comments");
    pub const LISTEN: Setting = setting(SERVING, ["RUANG_LISTEN", "listen"], "ADDRESS:PORT", Value("127.0.0.1:8080"),
        "Where to listen; 0.0.0.0:8080 or [::]:8080 for every interface");
    pub const PUBLIC_URL: Setting = setting(SERVING, ["RUANG_PUBLIC_URL", "public-url"], "URL", Words("what the request's Host says"),
        "The address people type, like https://chat.example.org; https makes cookies Secure");
    pub const TRUSTED_PROXIES: Setting = setting(SERVING, ["RUANG_TRUSTED_PROXIES", "trusted-proxies"], "NETWORKS", Words("none"),
        "Proxies whose X-Forwarded-For and X-Forwarded-Host count, like 10.0.0.0/8,192.168.1.7");
    pub const MAX_CONNECTIONS: Setting = setting(SERVING, ["RUANG_MAX_CONNECTIONS", "max-connections"], "N", Words("90 % of the descriptors the process may open"),
        "Connections open at a time");
    pub const DRAIN_TIMEOUT: Setting = setting(SERVING, ["RUANG_DRAIN_TIMEOUT", "drain-timeout"], "DURATION", Value("25s"),
        "How long a shutdown waits for what is running");

    pub const REDIS_URL: Setting = setting(REDIS, ["REDIS_URL", "redis-url"], "URL", Words("none: the room is this process' own"),
        "The Redis that instances share: redis[s][-cluster|-sentinel]://[user:password@]host[:port][/db]");
    pub const REDIS_PASSWORD_FILE: Setting = setting(REDIS, ["REDIS_PASSWORD_FILE", "redis-password-file"], "FILE", Words("none"),
        "A file with its password, where the URL should not have it");
    pub const REDIS_CA_FILE: Setting = setting(REDIS, ["REDIS_CA_FILE", "redis-ca-file"], "FILE", Words("the public authorities"),
        "Certificates (PEM) of the authority to believe it by");
    pub const NAMESPACE: Setting = setting(REDIS, ["RUANG_NAMESPACE", "namespace"], "NAME", Value("ruang"),
        "The prefix of every key, so that two installations can share one Redis");

    pub const MESSAGES_PER_SECOND: Setting = setting(LIMITS, ["RUANG_MESSAGES_PER_SECOND", "messages-per-second"], "N", Value("5"),
        "Messages a session may send a second, in the long run; 0 = unlimited");
    pub const MESSAGES_BURST: Setting = setting(LIMITS, ["RUANG_MESSAGES_BURST", "messages-burst"], "N", Value("10"),
        "Messages a session may send at once; 0 = unlimited");
    pub const SIGN_INS_PER_MINUTE: Setting = setting(LIMITS, ["RUANG_SIGN_INS_PER_MINUTE", "sign-ins-per-minute"], "N", Value("30"),
        "Sign-ins a minute from one address (IPv6: one /64); 0 = unlimited");
    pub const CONNECTIONS_PER_ADDRESS: Setting = setting(LIMITS, ["RUANG_CONNECTIONS_PER_ADDRESS", "connections-per-address"], "N", Value("100"),
        "Open sockets from one address (IPv6: one /64); 0 = unlimited");

    pub const HISTORY: Setting = setting(ROOM, ["RUANG_HISTORY", "history"], "N", Value("10000"),
        "Messages kept, at least 100");
    pub const HISTORY_AGE: Setting = setting(ROOM, ["RUANG_HISTORY_AGE", "history-age"], "DURATION", Words("any age"),
        "How old a kept message gets, at most");
    pub const LEAVE_GRACE: Setting = setting(ROOM, ["RUANG_LEAVE_GRACE", "leave-grace"], "DURATION", Value("5s"),
        "How long somebody may be away (a reload, a tunnel) before the others see them leave");
    pub const LEASE: Setting = setting(ROOM, ["RUANG_LEASE", "lease"], "DURATION", Value("5s"),
        "How long the people of an instance that died stay in the room");
    pub const NAME_HOLD: Setting = setting(ROOM, ["RUANG_NAME_HOLD", "name-hold"], "DURATION", Value("15m"),
        "How long a name is kept for who left");

    pub const SESSION_IDLE: Setting = setting(SESSIONS, ["RUANG_SESSION_IDLE", "session-idle"], "DURATION", Value("12h"),
        "How long a session lives without use");
    pub const SESSION_MAX: Setting = setting(SESSIONS, ["RUANG_SESSION_MAX", "session-max"], "DURATION", Value("7d"),
        "How long a session lives at most");
    pub const OPERATOR_TOKEN_FILE: Setting = setting(SESSIONS, ["RUANG_OPERATOR_TOKEN_FILE", "operator-token-file"], "FILE", Words("none: no operator"),
        "A file with the token that lets an operator delete messages");

    pub const METRICS_LISTEN: Setting = setting(WATCHING, ["RUANG_METRICS_LISTEN", "metrics-listen"], "ADDRESS:PORT", Words("off"),
        "Where to serve metrics (Prometheus' text); not for the public");
    pub const LOG_FORMAT: Setting = setting(WATCHING, ["RUANG_LOG_FORMAT", "log-format"], "FORMAT", Value("text"),
        "How the log is written: text or json");
    pub const RUST_LOG: Setting = setting(WATCHING, ["RUST_LOG", "rust-log"], "FILTER", Value("info"),
        "What is logged: a level (error, warn, info, debug, trace), or levels by module like info,ruang::socket=debug");
}
pub(super) use settings::*;

/// Every setting, in the order of `--help`.
pub(super) const ALL: [&Setting; 25] = [
    &CONFIG,
    &LISTEN,
    &PUBLIC_URL,
    &TRUSTED_PROXIES,
    &MAX_CONNECTIONS,
    &DRAIN_TIMEOUT,
    &REDIS_URL,
    &REDIS_PASSWORD_FILE,
    &REDIS_CA_FILE,
    &NAMESPACE,
    &MESSAGES_PER_SECOND,
    &MESSAGES_BURST,
    &SIGN_INS_PER_MINUTE,
    &CONNECTIONS_PER_ADDRESS,
    &HISTORY,
    &HISTORY_AGE,
    &LEAVE_GRACE,
    &LEASE,
    &NAME_HOLD,
    &SESSION_IDLE,
    &SESSION_MAX,
    &OPERATOR_TOKEN_FILE,
    &METRICS_LISTEN,
    &LOG_FORMAT,
    &RUST_LOG,
];
