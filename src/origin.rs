//! Who may post and connect: requests that other sites make a browser send are refused.

use std::{fmt, net::IpAddr, str::FromStr};

use http::{HeaderMap, HeaderValue, header};
use thiserror::Error;
use url::{Host, Url};

use crate::address::TrustedProxies;

const FETCH_SITE: &str = "sec-fetch-site";
const FORWARDED_HOST: &str = "x-forwarded-host";

/// Where the site is, as far as that was told, and whose word is taken for it.
#[derive(Clone, Debug, Default)]
pub struct SitePolicy {
    /// The address that people type. Without it, it is what `Host` says.
    pub public_url: Option<PublicUrl>,
    /// The proxies whose `X-Forwarded-Host` counts.
    pub proxies: TrustedProxies,
}

impl SitePolicy {
    /// Whether a POST may have come from the site itself, or from no site at all (programs send neither
    /// `Sec-Fetch-Site` nor `Origin`). What is said must agree: one header that names another site refuses it.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use ruang::origin::SitePolicy;
    ///
    /// let site = SitePolicy { public_url: Some("https://chat.example.org".parse()?), ..SitePolicy::default() };
    /// let peer = "192.0.2.1".parse()?;
    /// let mut headers = HeaderMap::new();
    /// assert!(site.allows_post(&headers, peer), "a program");
    /// headers.insert("origin", "https://chat.example.org".parse()?);
    /// assert!(site.allows_post(&headers, peer), "the site's own form");
    /// headers.insert("sec-fetch-site", "cross-site".parse()?);
    /// assert!(!site.allows_post(&headers, peer), "another site's");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allows_post(&self, headers: &HeaderMap, peer: IpAddr) -> bool {
        let mut sites = headers.get_all(FETCH_SITE).iter();
        sites.all(|site| site == "same-origin" || site == "none") && self.allows_origin(headers, peer)
    }

    /// Whether a WebSocket may be opened: by the site's own pages, and by programs, which send no `Origin`.
    pub fn allows_socket(&self, headers: &HeaderMap, peer: IpAddr) -> bool {
        self.allows_origin(headers, peer)
    }

    /// Whether people reach the site over https, as far as is known: only then can cookies be `Secure`.
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme == Scheme::Https)
    }

    fn allows_origin(&self, headers: &HeaderMap, peer: IpAddr) -> bool {
        match only(headers, header::ORIGIN.as_str()) {
            Ok(None) => true,
            Ok(Some(origin)) => text(origin).is_some_and(|origin| self.is_own(origin, headers, peer)),
            Err(Several) => false,
        }
    }

    fn is_own(&self, origin: &str, headers: &HeaderMap, peer: IpAddr) -> bool {
        // `null` and other schemes are no origin of ours, and are no `PublicUrl`.
        let Ok(origin) = PublicUrl::from_str(origin) else { return false };
        match &self.public_url {
            Some(own) => origin == *own,
            None => self.host(headers, peer).and_then(|host| origin.scheme.with(&host).ok()) == Some(origin),
        }
    }

    /// The host and port that the client asked for.
    fn host(&self, headers: &HeaderMap, peer: IpAddr) -> Option<String> {
        if self.proxies.trusts(peer)
            && let Some(line) = headers.get_all(FORWARDED_HOST).iter().next_back()
        {
            // The last is what the nearest proxy wrote.
            return text(line)?.rsplit(',').next().map(|host| host.trim().to_owned());
        }
        text(only(headers, header::HOST.as_str()).ok()??).map(str::to_owned)
    }
}

/// The origin of the site: scheme, host and port, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: Scheme,
    host: Host,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// Not the origin of a site on the web.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not an origin like https://chat.example.org")]
pub struct NotAnOrigin;

impl FromStr for PublicUrl {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(NotAnOrigin)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(NotAnOrigin),
        };
        scheme.with(rest.strip_suffix('/').unwrap_or(rest))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host)?;
        if self.port == self.scheme.port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl Scheme {
    /// The origin of this scheme at a host and maybe port, as `Host` has them.
    fn with(self, authority: &str) -> Result<PublicUrl, NotAnOrigin> {
        let odd = |c: char| c.is_control() || c.is_whitespace() || "/\\?#@".contains(c);
        if authority.is_empty() || authority.ends_with(':') || authority.contains(odd) {
            return Err(NotAnOrigin);
        }
        let url = Url::parse(&format!("{}://{authority}", self.name())).map_err(|_| NotAnOrigin)?;
        let host = url.host().ok_or(NotAnOrigin)?.to_owned();
        Ok(PublicUrl { scheme: self, host, port: url.port().unwrap_or(self.port()) })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

struct Several;

/// The one value of a header, if there is any.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, Several> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(Several) } else { Ok(first) }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

#[cfg(test)]
mod tests;
