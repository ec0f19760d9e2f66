//! The ways to sign in.

use std::str::FromStr;

/// The ways to sign in that an installation offers: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInWays {
    /// People type a name.
    pub name: bool,
    /// A site hands names in by tokens.
    pub token: bool,
    /// A proxy that knows people hands names in by a header.
    pub proxy: bool,
}

/// The error of a text that lists no ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("one or more of name, token and proxy, each once, with commas")]
pub struct NotWays;

impl Default for SignInWays {
    fn default() -> Self {
        Self { name: true, token: false, proxy: false }
    }
}

impl FromStr for SignInWays {
    type Err = NotWays;

    fn from_str(text: &str) -> Result<Self, NotWays> {
        let mut ways = Self { name: false, token: false, proxy: false };
        for word in text.split(',') {
            let way = match word.trim() {
                "name" => &mut ways.name,
                "token" => &mut ways.token,
                "proxy" => &mut ways.proxy,
                _ => return Err(NotWays),
            };
            if std::mem::replace(way, true) {
                return Err(NotWays);
            }
        }
        Ok(ways)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_known_words_once_each() {
        assert_eq!("name".parse(), Ok(SignInWays::default()));
        assert_eq!("token, name".parse(), Ok(SignInWays { name: true, token: true, proxy: false }));
        for text in ["", "password", "name,", "name,name"] {
            assert_eq!(text.parse::<SignInWays>(), Err(NotWays), "{text}");
        }
    }
}
