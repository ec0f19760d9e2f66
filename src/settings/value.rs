//! Parsers of values. An error says what is accepted.

use std::{fs, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use tracing_subscriber::EnvFilter;

use super::{
    secret::{NotARedisUrl, RedisUrl, Secret},
    small_file,
};
use crate::{
    origin::{PublicUrl, PublicUrls, PublicUrlsError},
    redis::PubSub,
    telemetry::Format,
};

pub(super) fn parsed<T: FromStr>(accepted: &'static str) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| text.trim().parse().map_err(|_| accepted.to_owned())
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an address and a port like 127.0.0.1:8080 or [::]:8080".to_owned())
}

pub(super) fn count<T: TryFrom<u32>>(least: u32, most: u32) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or(format!("a whole number from {least} to {most}"))
    }
}

/// A duration within bounds given in seconds.
pub(super) fn duration(least: u64, most: u64) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    let (least, most) = (Duration::from_secs(least), Duration::from_secs(most));
    move |text| {
        let duration = humantime::parse_duration(text).ok().filter(|duration| (least..=most).contains(duration));
        duration.ok_or_else(|| {
            let (least, most) = (humantime::format_duration(least), humantime::format_duration(most));
            format!("a duration like 5s, 250ms or 15m, from {least} to {most}")
        })
    }
}

/// The age at which messages are deleted; none: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryAge(pub Option<Duration>);

pub(super) fn history_age(text: &str) -> Result<HistoryAge, String> {
    if text.trim() == "forever" {
        return Ok(HistoryAge(None));
    }
    let age = duration(1, 3660 * 24 * 60 * 60)(text).map_err(|accepted| accepted + ", or forever")?;
    Ok(HistoryAge(Some(age)))
}

/// The addresses of the site.
pub(super) fn public_urls(text: &str) -> Result<PublicUrls, String> {
    text.trim().parse().map_err(|error: PublicUrlsError| error.to_string())
}

/// The sites that may show the room in a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbedOrigins(pub Vec<PublicUrl>);

/// Origins, separated by commas. A browser sends cookies into frames of https sites only.
pub(super) fn embed_origins(text: &str) -> Result<EmbedOrigins, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let origins: Option<Vec<PublicUrl>> = parts.map(|part| part.parse().ok().filter(PublicUrl::is_https)).collect();
    origins.map(EmbedOrigins).ok_or_else(|| "https origins like https://site.example, with commas".to_owned())
}

pub(super) fn namespace(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let accepted = "1 to 64 of the characters A-Z a-z 0-9 . _ -";
    if plain && (1..=64).contains(&text.len()) { Ok(text.to_owned()) } else { Err(accepted.to_owned()) }
}

pub(super) fn redis_url(text: &str) -> Result<RedisUrl, String> {
    text.parse().map_err(|error: NotARedisUrl| error.to_string())
}

/// A Redis URL without what may be secret, even if it is not valid.
pub(super) fn redacted_url(text: &str) -> String {
    text.parse::<RedisUrl>().map_or_else(|_| "(not shown: it may contain a password)".to_owned(), |url| url.to_string())
}

/// The content of a file, without the line break at its end.
pub(super) fn secret_file(path: &str) -> Result<Secret, String> {
    let accepted = |why: String| format!("a readable file with one line that is the secret ({why})");
    let text = small_file::read(path).map_err(accepted)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(accepted("it is empty".into())),
        secret if secret.contains(['\r', '\n']) => Err(accepted("it has several lines".into())),
        secret => Ok(Secret::from(secret)),
    }
}

pub(super) fn certificates(path: &str) -> Result<PathBuf, String> {
    let accepted = |why: &str| format!("a readable file of certificates in PEM ({why})");
    let text = fs::read_to_string(path).map_err(|error| accepted(&error.to_string()))?;
    if text.contains("-----BEGIN CERTIFICATE-----") { Ok(path.into()) } else { Err(accepted("it has none")) }
}

pub(super) fn pubsub(text: &str) -> Result<PubSub, String> {
    match text {
        "classic" => Ok(PubSub::Classic),
        "both" => Ok(PubSub::Both),
        "sharded" => Ok(PubSub::Sharded),
        _ => Err("classic, both or sharded".to_owned()),
    }
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
