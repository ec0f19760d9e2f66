//! Whom people write to about the room.

use std::str::FromStr;

use thiserror::Error;
use url::Url;

/// The longest address or URL, in bytes.
const MAX_BYTES: usize = 254;

/// An e-mail address or a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Where the link leads: `mailto:…` or a URL.
    pub href: String,
    /// The address or URL as shown.
    pub label: String,
}

/// The text is no contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an e-mail address, with or without mailto:, or a URL like https://example.org/contact")]
pub struct NotAContact;

impl FromStr for Contact {
    type Err = NotAContact;

    fn from_str(text: &str) -> Result<Self, NotAContact> {
        let text = text.trim();
        if text.len() > MAX_BYTES || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(NotAContact);
        }
        if let Ok(url) = Url::parse(text)
            && matches!(url.scheme(), "http" | "https")
        {
            return Ok(Self { href: url.to_string(), label: text.to_owned() });
        }
        let address = text.strip_prefix("mailto:").unwrap_or(text);
        if is_address(address) {
            Ok(Self { href: format!("mailto:{address}"), label: address.to_owned() })
        } else {
            Err(NotAContact)
        }
    }
}

/// Accepts addresses as most people have one; nothing in them has a meaning in a URL or a page.
fn is_address(text: &str) -> bool {
    let is_plain = |part: &str, others: &[u8]| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
    };
    text.split_once('@')
        .is_some_and(|(local, domain)| is_plain(local, b"._+-") && domain.split('.').all(|label| is_plain(label, b"-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contact_is_an_address_or_a_page() {
        for (text, href, label) in [
            ("sari@example.org", "mailto:sari@example.org", "sari@example.org"),
            (" mailto:a.b+c@localhost ", "mailto:a.b+c@localhost", "a.b+c@localhost"),
            ("https://example.org/kontak?a=1", "https://example.org/kontak?a=1", "https://example.org/kontak?a=1"),
        ] {
            assert_eq!(text.parse(), Ok(Contact { href: href.into(), label: label.into() }));
        }
        for text in [
            "",
            "sari",
            "@example.org",
            "sari@",
            "sari@a..b",
            "sari@example.org?subject=x",
            "javascript:alert(1)",
            "ftp://example.org",
            "a b@example.org",
            "https://",
            &format!("{}@example.org", "x".repeat(254)),
        ] {
            assert_eq!(text.parse::<Contact>(), Err(NotAContact), "{text}");
        }
    }
}
