//! The keys that sign-in tokens are signed with. Each has one algorithm: what a token claims about it changes nothing.

use jsonwebtoken::{Algorithm, DecodingKey};

/// The largest number of keys.
const MAX_KEYS: usize = 16;
/// An uncompressed point of P-256.
const P256_POINT: usize = 65;

/// The keys of an installation.
#[derive(Clone, Default)]
pub struct TokenKeys(Vec<TokenKey>);

/// A key, its name and its algorithm.
#[derive(Clone)]
pub(super) struct TokenKey {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// Why keys cannot be used. No variant has a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenKeysError {
    /// There is none.
    #[error("it has no key")]
    Empty,
    /// There are too many.
    #[error("it has more than {MAX_KEYS} keys")]
    TooMany,
    /// A name is used twice.
    #[error("two keys have the same kid")]
    SameKid,
    /// Several keys, and one without a name.
    #[error("one of several keys has no kid")]
    NoKid,
    /// Not a public key of a supported kind.
    #[error("a key is not a public key in PEM for RS256, ES256 (P-256) or EdDSA (Ed25519)")]
    NotAKey,
}

impl TokenKeys {
    /// Secrets of HS256, each with its name if it has one.
    pub fn from_secrets<'a>(
        secrets: impl IntoIterator<Item = (Option<&'a str>, &'a str)>,
    ) -> Result<Self, TokenKeysError> {
        let key = |(kid, secret): (Option<&str>, &str)| TokenKey {
            kid: kid.map(str::to_owned),
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(secret.as_bytes()),
        };
        Self::checked(secrets.into_iter().map(key).collect())
    }

    /// Public keys in PEM. A line `kid: NAME` before a key names it.
    pub fn from_pem(text: &str) -> Result<Self, TokenKeysError> {
        let (mut keys, mut kid, mut block) = (vec![], None, String::new());
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("kid:").filter(|_| block.is_empty()) {
                kid = Some(name.trim().to_owned());
            } else if line.starts_with("-----BEGIN ") || !block.is_empty() {
                block += line;
                block.push('\n');
            }
            if line.starts_with("-----END ") {
                let (algorithm, key) = public_key(std::mem::take(&mut block).as_bytes())?;
                keys.push(TokenKey { kid: kid.take(), algorithm, key });
            }
        }
        Self::checked(keys)
    }

    /// These keys and others.
    pub fn and(mut self, others: Self) -> Result<Self, TokenKeysError> {
        self.0.extend(others.0);
        Self::checked(self.0)
    }

    /// The keys that a token with this `kid` may be signed with: the one of that name, or any if the token names none.
    pub(super) fn candidates<'a>(&'a self, kid: Option<&'a str>) -> impl Iterator<Item = &'a TokenKey> {
        self.0.iter().filter(move |key| kid.is_none() || key.kid.is_none() || key.kid.as_deref() == kid)
    }

    fn checked(keys: Vec<TokenKey>) -> Result<Self, TokenKeysError> {
        let mut kids: Vec<&str> = keys.iter().filter_map(|key| key.kid.as_deref()).collect();
        kids.sort_unstable();
        if keys.is_empty() {
            Err(TokenKeysError::Empty)
        } else if keys.len() > MAX_KEYS {
            Err(TokenKeysError::TooMany)
        } else if kids.windows(2).any(|pair| pair[0] == pair[1]) {
            Err(TokenKeysError::SameKid)
        } else if keys.len() > 1 && kids.len() < keys.len() {
            Err(TokenKeysError::NoKid)
        } else {
            Ok(Self(keys))
        }
    }
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| (&key.kid, key.algorithm))).finish()
    }
}

fn public_key(pem: &[u8]) -> Result<(Algorithm, DecodingKey), TokenKeysError> {
    let is_p256 = |key: &DecodingKey| key.try_get_as_bytes().is_ok_and(|point| point.len() == P256_POINT);
    let ed = || DecodingKey::from_ed_pem(pem).ok().map(|key| (Algorithm::EdDSA, key));
    let ec = || DecodingKey::from_ec_pem(pem).ok().filter(is_p256).map(|key| (Algorithm::ES256, key));
    let rsa = || DecodingKey::from_rsa_pem(pem).ok().map(|key| (Algorithm::RS256, key));
    ed().or_else(ec).or_else(rsa).ok_or(TokenKeysError::NotAKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn keys_in_pem_have_their_names_and_algorithms() {
        let keys = TokenKeys::from_pem(&format!("kid: old\n{ED25519}\nkid: new\n{ED25519}")).unwrap();
        assert_eq!(format!("{keys:?}"), r#"[(Some("old"), EdDSA), (Some("new"), EdDSA)]"#);
        assert_eq!(keys.candidates(Some("new")).count(), 1);
        assert_eq!(keys.candidates(None).count(), 2);
        assert_eq!(keys.candidates(Some("other")).count(), 0);
    }

    #[test]
    fn keys_that_cannot_be_told_apart_are_refused() {
        let secrets =
            |list: &[(Option<&'static str>, &'static str)]| TokenKeys::from_secrets(list.iter().copied()).err();
        assert_eq!(secrets(&[]), Some(TokenKeysError::Empty));
        assert_eq!(secrets(&[(Some("a"), "x"), (Some("a"), "y")]), Some(TokenKeysError::SameKid));
        assert_eq!(secrets(&[(Some("a"), "x"), (None, "y")]), Some(TokenKeysError::NoKid));
        assert_eq!(secrets(&[(None, "y")]), None);
        assert_eq!(TokenKeys::from_pem("").err(), Some(TokenKeysError::Empty));
        let private = ED25519.replace("PUBLIC", "PRIVATE");
        assert_eq!(TokenKeys::from_pem(&private).err(), Some(TokenKeysError::NotAKey));
    }
}
