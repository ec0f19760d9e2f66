//! The addresses of the site: one or several origins, and the path under which it is served.

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::PublicUrl;

/// The longest path, in bytes.
const MAX_PATH: usize = 200;

/// The addresses at which people open the site. The first is the canonical one; all have the same scheme and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrls {
    origins: Vec<PublicUrl>,
    path: BasePath,
}

/// Why a text is no list of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PublicUrlsError {
    /// One is not an address.
    #[error("an address like https://chat.example.org or https://site.example/chat, or several with commas")]
    Address,
    /// They differ in more than the host.
    #[error("addresses with the same scheme and path, because cookies have one of each")]
    Differ,
}

/// A path without a slash at its end; empty: the root. It lives as long as the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BasePath(&'static str);

impl PublicUrls {
    /// The address that links lead to: the first, with the path.
    pub fn canonical(&self) -> String {
        self.origins.first().map(|origin| format!("{origin}{}", self.path.0)).unwrap_or_default()
    }

    /// The origins, the canonical one first.
    pub fn origins(&self) -> &[PublicUrl] {
        &self.origins
    }

    /// Whether an origin is one of them.
    pub fn contains(&self, origin: &PublicUrl) -> bool {
        self.origins.contains(origin)
    }

    /// Whether a text is one of the addresses, with its path.
    pub fn names(&self, address: &str) -> bool {
        address.parse::<Self>().is_ok_and(|other| {
            other.path == self.path && other.origins.len() == 1 && other.origins.iter().all(|one| self.contains(one))
        })
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.origins.iter().all(PublicUrl::is_https)
    }

    /// The path.
    pub fn path(&self) -> BasePath {
        self.path
    }
}

impl fmt::Display for PublicUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}

impl FromStr for PublicUrls {
    type Err = PublicUrlsError;

    fn from_str(text: &str) -> Result<Self, PublicUrlsError> {
        let mut urls: Option<Self> = None;
        for (origin, path) in
            text.split(',').map(|part| split(part.trim())).collect::<Option<Vec<_>>>().unwrap_or_default()
        {
            let origin: PublicUrl = origin.parse().map_err(|_| PublicUrlsError::Address)?;
            match &mut urls {
                None => urls = Some(Self { origins: vec![origin], path: BasePath::parse(path)? }),
                Some(urls) if urls.path.0 != path || urls.is_https() != origin.is_https() => {
                    return Err(PublicUrlsError::Differ);
                }
                Some(urls) if urls.contains(&origin) => {}
                Some(urls) => urls.origins.push(origin),
            }
        }
        urls.ok_or(PublicUrlsError::Address)
    }
}

/// Splits an address into its origin and its path, which has no slash at its end.
fn split(address: &str) -> Option<(&str, &str)> {
    let host = address.find("://")? + 3;
    let path = address[host..].find('/').map_or(address.len(), |at| host + at);
    let rest = &address[path..];
    Some((&address[..path], rest.strip_suffix('/').unwrap_or(rest)))
}

impl BasePath {
    /// The path: empty, or with a slash at its beginning and none at its end.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    fn parse(path: &str) -> Result<Self, PublicUrlsError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let is_segment = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain);
        match path.strip_prefix('/') {
            None if path.is_empty() => Ok(Self("")),
            // Read once, at the start.
            Some(parts) if path.len() <= MAX_PATH && parts.split('/').all(is_segment) => {
                Ok(Self(path.to_owned().leak()))
            }
            _ => Err(PublicUrlsError::Address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_address_is_canonical_and_all_are_own() {
        let urls: PublicUrls =
            "https://chat.example, https://Chat.Example.org:443/,https://chat.example".parse().unwrap();
        assert_eq!(
            (urls.canonical(), urls.origins().len(), urls.path().as_str()),
            ("https://chat.example".into(), 2, "")
        );
        assert!(urls.contains(&"https://chat.example.org".parse().unwrap()) && urls.is_https());
        let urls: PublicUrls = "https://site.example/chat/".parse().unwrap();
        assert_eq!((urls.canonical(), urls.path().as_str()), ("https://site.example/chat".into(), "/chat"));
        for (address, is_named) in [
            ("https://site.example/chat", true),
            ("https://SITE.example:443/chat/", true),
            ("https://site.example", false),
            ("https://site.example/Chat", false),
            ("https://other.example/chat", false),
            ("", false),
        ] {
            assert_eq!(urls.names(address), is_named, "{address}");
        }
    }

    #[test]
    fn list_with_a_wrong_address_is_refused() {
        for wrong in [
            "",
            ",",
            "https://a.example,",
            "chat.example",
            "ftp://a.example",
            "https://a.example/x?y",
            "https://a.example/x#y",
            "https://a.example//",
            "https://a.example/../x",
            "https://a.example/a b",
            "https://a.example/%2e",
            "https://u@a.example/x",
        ] {
            assert_eq!(wrong.parse::<PublicUrls>(), Err(PublicUrlsError::Address), "{wrong}");
        }
        for differ in ["https://a.example,http://b.example", "https://a.example/x,https://b.example"] {
            assert_eq!(differ.parse::<PublicUrls>(), Err(PublicUrlsError::Differ), "{differ}");
        }
    }
}
