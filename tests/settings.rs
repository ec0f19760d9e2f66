//! Settings from flags, environment and file, as the program reads them.

#[path = "settings/documented.rs"]
mod documented;
#[path = "settings/opentelemetry.rs"]
mod opentelemetry;
#[path = "settings/program.rs"]
mod program;

use std::{fs, path::PathBuf, time::Duration};

use ruang::settings::{Command as Subcommand, Loaded, Settings, SettingsError};
use tempfile::TempDir;

const DESCRIPTORS: usize = 1000;

fn load(args: &[&str], env: &[(&str, &str)]) -> Result<Loaded, SettingsError> {
    let args = ["ruang"].iter().chain(args).map(Into::into);
    let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Settings::load(args, &env, DESCRIPTORS)
}

fn settings(args: &[&str], env: &[(&str, &str)]) -> Settings {
    load(args, env).unwrap_or_else(|error| panic!("{args:?} {env:?}: {error}")).settings
}

fn refusal(args: &[&str], env: &[(&str, &str)]) -> String {
    let error = load(args, env).expect_err("an error");
    assert_eq!(error.exit_code(), 2);
    let line = error.to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

/// Creates a file with this content in a temporary folder, which is deleted on drop.
fn file(content: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("file");
    fs::write(&path, content).expect("written");
    (folder, path.to_str().expect("a plain path").to_owned())
}

#[test]
fn defaults_apply_without_settings() {
    let loaded = load(&[], &[]).expect("the defaults");
    assert_eq!(loaded.command, Subcommand::Run);
    let settings = loaded.settings;
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert!(settings.redis_url.is_none() && settings.public_url.is_none() && settings.metrics_listen.is_none());
    assert!(settings.operator_tokens.is_none() && settings.telemetry.traces.is_none());
    assert!(settings.trusted_proxies.0.is_empty());
    assert_eq!((settings.messages_per_second, settings.messages_burst), (5, 10));
    assert_eq!(
        (settings.sign_ins_per_minute, settings.connections_per_address, settings.senders_per_address),
        (30, 1000, 10)
    );
    assert_eq!((settings.max_connections, settings.history), (900, 10_000));
    assert_eq!(settings.history_age.0, Some(Duration::from_secs(30 * 24 * 60 * 60)));
    let seconds = [settings.leave_grace, settings.lease, settings.name_hold, settings.drain_timeout];
    assert_eq!(seconds.map(|duration| duration.as_secs()), [5, 5, 900, 25]);
    assert_eq!(settings.session_idle.as_secs(), 12 * 60 * 60);
    assert_eq!(settings.session_max.as_secs(), 7 * 24 * 60 * 60);
    assert_eq!(settings.namespace, "ruang");
    assert_eq!(settings.telemetry.filter, "info");
}

#[test]
fn flag_overrides_environment_and_environment_overrides_file() {
    let (_folder, path) = file("# our room\n\nRUANG_HISTORY = 300\nRUANG_LEASE=3s\nRUANG_LEAVE_GRACE=3s\nREDIS_URL=\n");
    let env = [("RUANG_CONFIG", path.as_str()), ("RUANG_LEASE", "2s"), ("RUANG_LEAVE_GRACE", "2s")];
    let settings = settings(&["--leave-grace", "250ms"], &env);
    assert_eq!(settings.history, 300);
    assert_eq!(settings.lease, Duration::from_secs(2));
    assert_eq!(settings.leave_grace, Duration::from_millis(250));
    assert!(settings.redis_url.is_none());
}

#[test]
fn empty_variable_is_unset() {
    let env = [("RUANG_LISTEN", ""), ("REDIS_URL", ""), ("RUANG_CONFIG", ""), ("OTEL_EXPORTER_OTLP_ENDPOINT", "")];
    let settings = settings(&[], &env);
    assert_eq!(settings.listen.port(), 8080);
    assert!(settings.redis_url.is_none() && settings.telemetry.traces.is_none());
}

#[test]
fn flags_are_accepted_before_and_after_a_command() {
    for args in [["check", "--listen", "[::1]:9"], ["--listen", "[::1]:9", "check"]] {
        let loaded = load(&args, &[]).expect("settings");
        assert_eq!(loaded.command, Subcommand::Check);
        assert_eq!(loaded.settings.listen.to_string(), "[::1]:9");
    }
    assert_eq!(load(&["run"], &[]).expect("settings").command, Subcommand::Run);
    assert_eq!(load(&["healthcheck"], &[]).expect("settings").command, Subcommand::Healthcheck);
}

#[test]
fn invalid_value_is_quoted_with_its_setting_and_what_is_valid() {
    for (setting, value, accepted) in [
        ("RUANG_LISTEN", "8080", "127.0.0.1:8080"),
        ("RUANG_METRICS_LISTEN", "localhost:9", "127.0.0.1:8080"),
        ("RUANG_PUBLIC_URL", "chat.example.org", "https://chat.example.org"),
        ("RUANG_PUBLIC_URL", "https://chat.example.org/?chat", "https://chat.example.org"),
        ("RUANG_TRUSTED_PROXIES", "10.0.0.0/8,proxy", "10.0.0.0/8"),
        ("RUANG_NAMESPACE", "a{b}", "A-Z"),
        ("RUANG_MESSAGES_PER_SECOND", "-1", "from 0 to"),
        ("RUANG_MESSAGES_BURST", "many", "from 0 to"),
        ("RUANG_SIGN_INS_PER_MINUTE", "1.5", "from 0 to"),
        ("RUANG_CONNECTIONS_PER_ADDRESS", " ", "from 0 to"),
        ("RUANG_MAX_CONNECTIONS", "0", "from 1 to"),
        ("RUANG_MAX_CONNECTIONS", "1000", "1000 descriptors"),
        ("RUANG_HISTORY", "99", "from 100 to"),
        ("RUANG_HISTORY_AGE", "0s", "from 1s"),
        ("RUANG_LEAVE_GRACE", "5", "5s"),
        ("RUANG_LEAVE_GRACE", "1h", "to 10m"),
        ("RUANG_LEASE", "500ms", "from 2s"),
        ("RUANG_NAME_HOLD", "forever", "15m"),
        ("RUANG_DRAIN_TIMEOUT", "-5s", "5s"),
        ("RUANG_SESSION_IDLE", "1s", "from 1m"),
        ("RUANG_SESSION_MAX", "1h", "RUANG_SESSION_IDLE"),
        ("RUANG_LOG_FORMAT", "xml", "text or json"),
        ("RUANG_OPERATOR_TOKEN_FILE", "/nowhere/token", "No such file"),
        ("RUANG_EMBED_ORIGINS", "http://site.example", "https origins"),
        ("RUANG_SIGN_IN", "password", "name, token, proxy"),
        ("RUANG_USER_HEADER", "a b", "the name of a header"),
        ("RUANG_TOKEN_SECRET_FILE", "/nowhere/secret", "No such file"),
        ("RUANG_TOKEN_PUBLIC_KEY_FILE", "/nowhere/key", "No such file"),
        ("RUANG_TITLE", "\u{200b}", "a title"),
        ("RUANG_WELCOME", " ", "one line"),
        ("RUANG_LOGO_FILE", "/nowhere/logo", "No such file"),
        ("RUANG_ACCENT", "#ffd400", "the nearest"),
        ("RUANG_LANGUAGES", "de", "id, en"),
        ("RUANG_CONTACT", "sari", "an e-mail address"),
        ("RUANG_RULES_FILE", "/nowhere/rules", "No such file"),
        ("RUANG_BOTS_FILE", "/nowhere/bots", "No such file"),
        ("RUANG_BOT_MESSAGES_PER_SECOND", "-1", "from 0"),
        ("RUST_LOG", "ruang=loud", "debug"),
        ("REDIS_PASSWORD_FILE", "/nowhere/password", "No such file"),
        ("REDIS_CA_FILE", "/nowhere/ca", "No such file"),
    ] {
        let line = refusal(&[], &[(setting, value)]);
        assert!(line.starts_with(&format!("{setting} {value:?}: expected ")) && line.contains(accepted), "{line}");

        let flag = format!("--{}", setting.trim_start_matches("RUANG_").to_lowercase().replace('_', "-"));
        let line = refusal(&[&flag, value], &[]);
        assert!(line.starts_with(&format!("{flag} {value:?}: expected ")) && line.contains(accepted), "{line}");
    }
    for (variable, value, accepted) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "a URL like http://"),
        ("OTEL_SDK_DISABLED", "yes", "true or false"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "always_on"),
    ] {
        let line = refusal(&[], &[(variable, value)]);
        assert!(line.starts_with(&format!("{variable} {value:?}: expected ")) && line.contains(accepted), "{line}");
    }
}

#[test]
fn control_characters_in_arguments_are_escaped() {
    let line = refusal(&["--\u{1b}[31m\rnonsense"], &[]);
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(line.contains("nonsense"), "{line}");
}

#[test]
fn multi_line_value_is_reported_on_one_line() {
    let line = refusal(&[], &[("RUANG_LISTEN", &"x\n".repeat(1000))]);
    assert!(line.len() < 400, "{line}");
}

#[test]
fn invalid_file_line_is_reported_with_its_number() {
    for (content, number, part) in [
        ("RUANG_HISTROY=100", 1, "RUANG_HISTROY"),
        ("# fine\nRUANG_HISTORY=100\nhalo", 3, "NAME=value"),
        ("RUANG_HISTORY=100\nRUANG_HISTORY=200", 2, "second time"),
        ("RUANG_CONFIG=other", 1, "RUANG_CONFIG"),
        ("\n\nRUANG_HISTORY=1", 3, "RUANG_HISTORY \"1\": expected a whole number"),
    ] {
        let (_folder, path) = file(content);
        let line = refusal(&["--config", &path], &[]);
        assert!(line.starts_with(&format!("{path:?} line {number}: ")) && line.contains(part), "{line}");
    }
    assert!(refusal(&["--config", "/nowhere/file"], &[]).contains("No such file"));
}

#[test]
fn redis_url_is_checked_at_start() {
    for url in [
        "redis://redis",
        "redis://:secret@10.0.0.1:6380/3",
        "rediss://user:secret@redis.example",
        "redis://[::1]:6379/0",
        "redis-cluster://a:7000?node=b:7001",
        "rediss-sentinel://a:26379?sentinelServiceName=main&sentinelPassword=secret",
    ] {
        let given = settings(&["--redis-url", url], &[]).redis_url.expect("a URL");
        assert_eq!(given.expose(), url);
    }
    for url in [
        "redis",
        "http://redis",
        "redis://",
        "redis-other://redis",
        "redis-sentinel-cluster://redis",
        "redis://redis/main",
        "unix:///redis.sock",
    ] {
        let line = refusal(&["--redis-url", url], &[]);
        assert!(line.starts_with("--redis-url ") && line.contains("redis://host:6379/0"), "{line}");
    }
}

/// A certificate without a known authority.
const AUTHORITY: &str = include_str!("authority.pem");

#[test]
fn redis_files_are_checked_at_start() {
    let (_password_folder, password) = file("secret\n");
    let (_ca_folder, ca) = file(AUTHORITY);
    let redis = settings(&["--redis-url", "redis://redis", "--redis-password-file", &password], &[]);
    assert_eq!(redis.redis_password.expect("a password").expose(), "secret");
    assert!(settings(&["--redis-url", "rediss://redis", "--redis-ca-file", &ca], &[]).redis_ca_file.is_some());

    let (_broken_folder, broken) = file("-----BEGIN CERTIFICATE-----\nhalo\n");
    let refused = refusal(&["--redis-url", "rediss://redis", "--redis-ca-file", &broken], &[]);
    assert!(refused.starts_with(&format!("--redis-ca-file {broken:?}: expected ")), "{refused}");
    let without_service = refusal(&["--redis-url", "redis-sentinel://redis"], &[]);
    assert!(without_service.contains("sentinel service name"), "{without_service}");

    assert!(refusal(&["--redis-password-file", &password], &[]).contains("REDIS_URL"));
    let both = ["--redis-url", "redis://:other@redis", "--redis-password-file", &password];
    assert!(refusal(&both, &[]).contains("no password"));
    assert!(refusal(&["--redis-url", "redis://redis", "--redis-ca-file", &ca], &[]).contains("TLS"));
    let (_folder, empty) = file("\n");
    assert!(refusal(&["--operator-token-file", &empty], &[]).contains("empty"));
    let (_folder, short) = file("guess me");
    assert!(refusal(&["--operator-token-file", &short], &[]).contains("at least 16 characters"));
    let (_folder, weak) = file("sari:f2a9c07be41d5836\nbudi:aaaaaaaaaaaaaaaaaaaa\n");
    let refused = refusal(&["--operator-token-file", &weak], &[]);
    assert!(refused.contains("line 2: the token repeats") && !refused.contains("aaaa"), "{refused}");
    let (_folder, named) = file("sari:f2a9c07be41d5836\nbudi:0d9b3f6a7c1e8524\n");
    let moderators = settings(&["--operator-token-file", &named], &[]).operator_tokens.expect("tokens").moderators;
    assert_eq!(moderators.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["sari", "budi"]);
}

#[test]
fn secrets_are_never_shown() {
    let (_folder, token) = file("hush-token-of-many-characters");
    let (_folder, password) = file("hush-password");
    let url = "redis-sentinel://hush-user@a:26379?sentinelServiceName=m&sentinelPassword=hush-sentinel";
    let args = ["--redis-url", url, "--redis-password-file", &password, "--operator-token-file", &token];
    let loaded = load(&args, &[]).expect("settings");
    let shown = format!("{loaded:?}{:?}", loaded.settings);
    assert!(!shown.contains("hush"), "{shown}");
    for wrong in ["redis://:hush@redis/x", "hush", "http://:hush@redis"] {
        assert!(!refusal(&["--redis-url", wrong], &[]).contains("hush"));
    }
    let both = ["--redis-url", "redis://:hush@redis", "--redis-password-file", &password];
    assert!(!refusal(&both, &[]).contains("hush"));
    let (_folder, path) = file("REDIS_URL redis://:hush@redis");
    assert!(!refusal(&["--config", &path], &[]).contains("hush"));
}

#[test]
fn zero_rate_or_burst_is_unlimited() {
    assert!(settings(&["--messages-per-second", "0"], &[]).message_rate().is_unlimited());
    let no_burst = settings(&["--messages-burst", "0"], &[]);
    assert!(no_burst.message_rate().is_unlimited());
    assert_eq!(no_burst.messages_per_second, 0, "clients receive this number");
    assert!(!settings(&[], &[]).message_rate().is_unlimited());
}
