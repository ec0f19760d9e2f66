//! Reading values. What is refused is answered with what would be accepted.

use std::{fs, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use tracing_subscriber::EnvFilter;
use url::Url;

use super::secret::{RedisUrl, Secret};
use crate::telemetry::Format;

/// Bytes a file with a secret may have.
const SECRET: u64 = 64 * 1024;
/// Fewest characters of a token.
const TOKEN_CHARS: usize = 16;

pub(super) fn parsed<T: FromStr>(accepted: &'static str) -> impl Fn(&str) -> Result<T, String> {
    move |text| text.trim().parse().map_err(|_| accepted.to_owned())
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an address and a port like 127.0.0.1:8080 or [::]:8080".to_owned())
}

pub(super) fn count<T: TryFrom<u32>>(least: u32, most: u32) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or(format!("a whole number from {least} to {most}"))
    }
}

/// A duration within bounds given in seconds.
pub(super) fn duration(least: u64, most: u64) -> impl Fn(&str) -> Result<Duration, String> {
    let (least, most) = (Duration::from_secs(least), Duration::from_secs(most));
    move |text| {
        let duration = humantime::parse_duration(text).ok().filter(|duration| (least..=most).contains(duration));
        duration.ok_or_else(|| {
            let (least, most) = (humantime::format_duration(least), humantime::format_duration(most));
            format!("a duration like 5s, 250ms or 15m, from {least} to {most}")
        })
    }
}

pub(super) fn namespace(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let accepted = "1 to 64 of the characters A-Z a-z 0-9 . _ -";
    if plain && (1..=64).contains(&text.len()) { Ok(text.to_owned()) } else { Err(accepted.to_owned()) }
}

pub(super) fn redis_url(text: &str) -> Result<RedisUrl, String> {
    text.parse().map_err(|error: super::secret::NotARedisUrl| error.to_string())
}

/// A Redis URL without what may be secret, even where it is not one.
pub(super) fn redacted_url(text: &str) -> String {
    text.parse::<RedisUrl>().map_or_else(|_| "(not shown: it may hold a password)".to_owned(), |url| url.to_string())
}

/// The content of a file, without the line break at its end.
pub(super) fn secret_file(path: &str) -> Result<Secret, String> {
    let accepted = |why: String| format!("a readable file with one line that is the secret ({why})");
    let length = fs::metadata(path).map_err(|error| accepted(error.to_string()))?.len();
    if length > SECRET {
        return Err(accepted("it is too long".into()));
    }
    let text = fs::read_to_string(path).map_err(|error| accepted(error.to_string()))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(accepted("it is empty".into())),
        secret if secret.contains(['\r', '\n']) => Err(accepted("it has several lines".into())),
        secret => Ok(Secret::from(secret)),
    }
}

/// A secret that nobody guesses.
pub(super) fn token_file(path: &str) -> Result<Secret, String> {
    let secret = secret_file(path)?;
    if secret.expose().chars().count() < TOKEN_CHARS {
        return Err(format!("a readable file with one line of at least {TOKEN_CHARS} characters (it is shorter)"));
    }
    Ok(secret)
}

pub(super) fn certificates(path: &str) -> Result<PathBuf, String> {
    let accepted = |why: &str| format!("a readable file of certificates in PEM ({why})");
    let text = fs::read_to_string(path).map_err(|error| accepted(&error.to_string()))?;
    if text.contains("-----BEGIN CERTIFICATE-----") { Ok(path.into()) } else { Err(accepted("it has none")) }
}

pub(super) fn log_format(text: &str) -> Result<Format, String> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err("text or json".to_owned()),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let filter = EnvFilter::builder().parse(text).map(|_| text.to_owned());
    filter.map_err(|_| "a level (error, warn, info, debug, trace) or a list like info,ruang::socket=debug".to_owned())
}

/// What is wrong with a value that something else reads: what would be accepted.
pub(super) type Checked = Result<(), String>;

pub(super) fn anything(_: &str) -> Checked {
    Ok(())
}

pub(super) fn pairs(text: &str) -> Checked {
    let known = text.split(',').all(|pair| pair.split_once('=').is_some_and(|(key, _)| !key.trim().is_empty()));
    if known { Ok(()) } else { Err("pairs like deployment.environment.name=production,team=chat".to_owned()) }
}

/// Like [`pairs`], but may hold a secret.
pub(super) fn headers(text: &str) -> Checked {
    pairs(text).map_err(|_| "headers like api-key=KEY,other=VALUE".to_owned())
}

pub(super) fn exporter(text: &str) -> Checked {
    if ["otlp", "none"].contains(&text) { Ok(()) } else { Err("otlp or none".to_owned()) }
}

pub(super) fn otlp_protocol(text: &str) -> Checked {
    if text == "http/protobuf" { Ok(()) } else { Err("http/protobuf (a collector's port 4318)".to_owned()) }
}

pub(super) fn compression(text: &str) -> Checked {
    if text == "gzip" { Ok(()) } else { Err("gzip".to_owned()) }
}

pub(super) fn temporality(text: &str) -> Checked {
    let known = ["cumulative", "delta", "lowmemory"].iter().any(|known| text.eq_ignore_ascii_case(known));
    if known { Ok(()) } else { Err("cumulative, delta or lowmemory".to_owned()) }
}

pub(super) fn milliseconds(text: &str) -> Checked {
    if text.parse::<u32>().is_ok() { Ok(()) } else { Err("a whole number of milliseconds".to_owned()) }
}

pub(super) fn positive(text: &str) -> Checked {
    if text.parse::<u32>().is_ok_and(|number| number > 0) { Ok(()) } else { Err("a whole number from 1".to_owned()) }
}

pub(super) fn boolean(text: &str) -> Checked {
    let known = text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
    if known { Ok(()) } else { Err("true or false".to_owned()) }
}

pub(super) fn sampler(text: &str) -> Checked {
    let roots = ["always_on", "always_off", "traceidratio"];
    let known = roots.contains(&text.strip_prefix("parentbased_").unwrap_or(text));
    if known {
        Ok(())
    } else {
        Err("always_on, always_off or traceidratio, or parentbased_ and one of these".to_owned())
    }
}

pub(super) fn ratio(text: &str) -> Checked {
    let known = text.parse().is_ok_and(|ratio: f64| (0.0..=1.0).contains(&ratio));
    if known { Ok(()) } else { Err("a number from 0 to 1".to_owned()) }
}

pub(super) fn endpoint(text: &str) -> Checked {
    let known = Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    if known { Ok(()) } else { Err("a URL like http://collector:4318 or https://otlp.example.org".to_owned()) }
}
