//! Programs that speak in the room: each has a reserved name and a token.

use std::{collections::HashMap, sync::Arc};

use axum::http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest, Sha256};

use crate::{
    backplane::{Person, SessionTag},
    name::{Name, NameKey},
};

/// The programs of an installation; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Bots(Arc<Vec<Bot>>);

/// A program that presented its token.
#[derive(Clone, Debug)]
pub struct Bot {
    /// Its name, under the session that all its connections and requests share.
    pub person: Person,
    /// Not the token itself: it must not appear in a dump of memory.
    digest: [u8; 32],
}

/// Why a list of programs cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BotsError {
    /// Two programs have one name, or names that look alike.
    #[error("two lines have the same name")]
    SameName,
    /// Two programs have one token.
    #[error("two lines have the same token")]
    SameToken,
}

impl Bots {
    /// Programs with these names and tokens.
    pub fn new<'a>(bots: impl IntoIterator<Item = (Name, &'a str)>) -> Result<Self, BotsError> {
        let (mut list, mut tokens) = (Vec::<Bot>::new(), HashMap::new());
        for (name, token) in bots {
            if list.iter().any(|bot| bot.person.name_key == *name.key()) {
                return Err(BotsError::SameName);
            }
            let digest = digest(token);
            if tokens.insert(digest, ()).is_some() {
                return Err(BotsError::SameToken);
            }
            let (name_key, session) = (name.key().clone(), SessionTag::of_bot(name.key()));
            list.push(Bot { person: Person::new(name_key, name.shown(), session), digest });
        }
        Ok(Self(Arc::new(list)))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names as shown.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|bot| bot.person.name.clone()).collect()
    }

    /// Whether a name belongs to a program.
    pub fn reserves(&self, name_key: &NameKey) -> bool {
        self.0.iter().any(|bot| bot.person.name_key == *name_key)
    }

    /// Returns the program with this token. Its time does not tell how much of a token is right: digests are compared.
    pub fn find(&self, token: &str) -> Option<&Bot> {
        let presented = digest(token);
        let difference =
            |bot: &Bot| bot.digest.iter().zip(presented).fold(0, |all, (ours, theirs)| all | (ours ^ theirs));
        self.0.iter().find(|bot| difference(bot) == 0)
    }
}

/// Returns the token of an `Authorization: Bearer …` header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bots(list: &[(&str, &'static str)]) -> Result<Bots, BotsError> {
        Bots::new(list.iter().map(|(name, token)| (Name::parse(name).unwrap(), *token)))
    }

    #[test]
    fn bot_is_found_by_its_whole_token_only() {
        let bots = bots(&[("CI", "first token"), ("Cuaca", "second token")]).unwrap();
        assert_eq!(bots.find("second token").unwrap().person.name, "Cuaca");
        for other in ["", "second", "second token ", "Second token"] {
            assert!(bots.find(other).is_none(), "{other}");
        }
    }

    #[test]
    fn bot_names_are_reserved_with_look_alikes() {
        let bots = bots(&[("CI", "first token")]).unwrap();
        assert!(bots.reserves(Name::parse("\u{421}i").unwrap().key()), "a Cyrillic letter");
        assert!(!bots.reserves(Name::parse("Cinta").unwrap().key()));
    }

    #[test]
    fn bots_with_one_name_or_token_are_refused() {
        assert_eq!(bots(&[("CI", "a"), ("ci", "b")]).unwrap_err(), BotsError::SameName);
        assert_eq!(bots(&[("CI", "a"), ("Cuaca", "a")]).unwrap_err(), BotsError::SameToken);
    }

    #[test]
    fn session_of_a_bot_is_the_same_everywhere() {
        let session = |token| bots(&[("CI", token)]).unwrap().0[0].person.session.clone();
        assert_eq!(session("a"), session("b"));
        assert!(session("a").is_bot() && !SessionTag::random().is_bot());
    }
}
