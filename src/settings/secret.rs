//! Values that must not appear in logs, errors or `Debug`.

use std::{fmt, str::FromStr};

use thiserror::Error;
use url::Url;

const HIDDEN: &str = "•••";

/// A secret, hidden by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// The URL of a Redis, shown without its passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(Url);

/// The error of a text that is no Redis URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a URL like redis://host:6379/0, its scheme redis or rediss, optionally with -cluster or -sentinel")]
pub struct NotARedisUrl;

impl RedisUrl {
    /// Returns the URL with its passwords.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the URL has a password.
    pub fn has_password(&self) -> bool {
        self.0.password().is_some_and(|password| !password.is_empty())
    }

    /// Whether the scheme is TLS.
    pub fn is_tls(&self) -> bool {
        self.0.scheme().starts_with("rediss")
    }
}

impl FromStr for RedisUrl {
    type Err = NotARedisUrl;

    fn from_str(text: &str) -> Result<Self, NotARedisUrl> {
        let url = Url::parse(text).map_err(|_| NotARedisUrl)?;
        let scheme = url.scheme();
        let scheme = scheme.strip_suffix("-cluster").or(scheme.strip_suffix("-sentinel")).unwrap_or(scheme);
        let database = url.path().trim_matches('/');
        let numbered = database.is_empty() || database.parse::<u8>().is_ok();
        let of_redis = ["redis", "rediss"].contains(&scheme) && url.host_str().is_some_and(|host| !host.is_empty());
        if of_redis && numbered { Ok(Self(url)) } else { Err(NotARedisUrl) }
    }
}

impl fmt::Display for RedisUrl {
    /// Writes scheme, host, port and database, and marks hidden parts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(url) = self;
        let user = if url.username().is_empty() && !self.has_password() { "" } else { "•••@" };
        write!(f, "{}://{user}{}", url.scheme(), url.host_str().unwrap_or_default())?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        let query = if url.query().is_some() { "?•••" } else { "" };
        write!(f, "{}{query}", url.path())
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
