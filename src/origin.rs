//! Protection against cross-site requests: which origins may post and open WebSockets.

mod addresses;
mod cookies;

use std::{fmt, net::IpAddr, str::FromStr};

use http::{HeaderMap, HeaderValue, header};
use thiserror::Error;
use url::{Host, Url};

pub use self::{
    addresses::{BasePath, PublicUrls, PublicUrlsError},
    cookies::{CookieScope, sent_cookie},
};
use crate::address::TrustedProxies;

const FETCH_SITE: &str = "sec-fetch-site";
const FORWARDED_HOST: &str = "x-forwarded-host";

/// The addresses of the site, as far as they are known, and the proxies that are believed about them.
#[derive(Clone, Debug, Default)]
pub struct SitePolicy {
    /// The public addresses. Without them, the `Host` of each request.
    pub public_urls: Option<PublicUrls>,
    /// The proxies whose `X-Forwarded-Host` counts.
    pub proxies: TrustedProxies,
    /// The sites that may show the room in a frame.
    pub embedders: Vec<PublicUrl>,
}

impl SitePolicy {
    /// Whether a POST comes from the site itself or from a program (programs send neither `Sec-Fetch-Site` nor
    /// `Origin`). A single header that names another site refuses it.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use ruang::origin::SitePolicy;
    ///
    /// let site = SitePolicy { public_urls: Some("https://chat.example.org".parse()?), ..SitePolicy::default() };
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

    /// Why [`allows_post`](Self::allows_post) refuses a POST, as far as its headers show it. For texts only: a program can
    /// send what it likes.
    pub fn refusal(&self, headers: &HeaderMap, peer: IpAddr) -> PostRefusal {
        let origin = only(headers, header::ORIGIN.as_str()).ok().flatten().and_then(text);
        let Some(opened) = origin.and_then(|origin| PublicUrl::from_str(origin).ok()) else {
            return PostRefusal::OtherSite;
        };
        let mut sites = headers.get_all(FETCH_SITE).iter();
        let is_foreign = sites.any(|site| site != "same-origin");
        let is_requested =
            self.host(headers, peer).and_then(|host| opened.scheme.with(&host).ok()).as_ref() == Some(&opened);
        let is_own_page = !is_foreign && (is_requested || headers.contains_key(FETCH_SITE));
        match &self.public_urls {
            Some(own) if is_own_page && !own.contains(&opened) => {
                PostRefusal::OtherAddress { opened, own: own.clone() }
            }
            None if is_own_page && !is_requested => PostRefusal::UnknownAddress { opened },
            _ => PostRefusal::OtherSite,
        }
    }

    /// Whether a WebSocket may be opened: by the site's own pages and by programs, which send no `Origin`.
    pub fn allows_socket(&self, headers: &HeaderMap, peer: IpAddr) -> bool {
        self.allows_origin(headers, peer)
    }

    /// Whether the public URL is https: only then are cookies `Secure`.
    pub fn is_https(&self) -> bool {
        self.public_urls.as_ref().is_some_and(PublicUrls::is_https)
    }

    /// The path under which the site is served.
    pub fn base_path(&self) -> BasePath {
        self.public_urls.as_ref().map(PublicUrls::path).unwrap_or_default()
    }

    /// Where cookies are valid.
    pub fn cookie_scope(&self) -> CookieScope {
        CookieScope { secure: self.is_https(), path: self.base_path() }
    }

    fn allows_origin(&self, headers: &HeaderMap, peer: IpAddr) -> bool {
        match only(headers, header::ORIGIN.as_str()) {
            Ok(None) => true,
            Ok(Some(origin)) => text(origin).is_some_and(|origin| self.is_own(origin, headers, peer)),
            Err(Several) => false,
        }
    }

    fn is_own(&self, origin: &str, headers: &HeaderMap, peer: IpAddr) -> bool {
        // `null` and other schemes do not parse.
        let Ok(origin) = PublicUrl::from_str(origin) else { return false };
        match &self.public_urls {
            Some(own) => own.contains(&origin),
            None => self.host(headers, peer).and_then(|host| origin.scheme.with(&host).ok()) == Some(origin),
        }
    }

    /// The host and port that the client requested.
    fn host(&self, headers: &HeaderMap, peer: IpAddr) -> Option<String> {
        if self.proxies.trusts(peer)
            && let Some(line) = headers.get_all(FORWARDED_HOST).iter().next_back()
        {
            // The nearest proxy wrote the last one.
            return text(line)?.rsplit(',').next().map(|host| host.trim().to_owned());
        }
        text(only(headers, header::HOST.as_str()).ok()??).map(str::to_owned)
    }
}

/// Why a POST is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostRefusal {
    /// Another site has sent it.
    OtherSite,
    /// The site's own page has sent it, but was opened at another address than the public URL.
    OtherAddress {
        /// The address that the browser has opened.
        opened: PublicUrl,
        /// The public addresses.
        own: PublicUrls,
    },
    /// The site's own page has sent it, and a proxy has changed `Host`: the public URL must be set.
    UnknownAddress {
        /// The address that the browser has opened.
        opened: PublicUrl,
    },
}

/// An origin: scheme, host and port.
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

/// The error of a text that is no http or https origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not an origin like https://chat.example.org")]
pub struct NotAnOrigin;

impl PublicUrl {
    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Returns the origin of the page with this address.
    pub fn of_page(address: &str) -> Option<Self> {
        let url = Url::parse(address).ok()?;
        url.origin().ascii_serialization().parse().ok()
    }
}

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
    /// Returns the origin of this scheme at `host[:port]`.
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

/// Returns the only value of a header, if it has one.
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
