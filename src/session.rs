//! Sessions: the signed-in person, and the store of their records.
//!
//! tower-sessions carries the cookie and the record. This module adds lifetimes that sockets can extend, deadlines,
//! two stores (Redis, or memory), and the distinction between a store that fails and a session that does not exist.

mod account_gate;
mod bots;
mod bounded;
mod guess_gate;
mod memory;
mod moderator_pass;
mod moderator_sessions;
mod person;
mod redis;
mod ring_verifier;
mod shared_rate;
mod sign_in_gate;
mod sign_in_token;
mod sign_in_ways;
mod token_keys;

use std::{sync::Arc, time::Duration};

use axum::http::HeaderValue;
use serde::Serialize;
use tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore,
    cookie::{SameSite, time},
    session::{Id, Record},
};

pub use self::{
    account_gate::AccountGate,
    bots::{Bot, Bots, BotsError, bearer},
    bounded::{Bounded, Clock},
    guess_gate::{GuessDenied, GuessGate},
    memory::MemorySessionStore,
    moderator_pass::{ModeratorPass, TokensModerate},
    moderator_sessions::{ModeratorSession, ModeratorSessions},
    person::{Caller, NotSignedIn, SignedIn},
    redis::{RedisSessionStore, session_key_prefix},
    sign_in_gate::{SignInDenied, SignInGate, SignInRates},
    sign_in_token::{Account, TokenError, TokenVerifier},
    sign_in_ways::{NotWays, SignInWays},
    token_keys::{TokenKeys, TokenKeysError},
};
use crate::{backplane::Person, origin::CookieScope};

/// Lifetimes of sessions, and attributes of their cookie.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A session ends after this time without use.
    pub idle: Duration,
    /// A session ends this long after sign-in, even if it is in use.
    pub max: Duration,
    /// Where the cookie is valid.
    pub cookies: CookieScope,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(12 * 3600),
            max: Duration::from_secs(7 * 24 * 3600),
            cookies: CookieScope::default(),
        }
    }
}

/// The store failed or did not answer in time: whether the session exists is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sessions cannot be read")]
pub struct Unreadable;

/// The name of the cookie with a session's id, without its prefix.
const COOKIE: &str = "ruang";
/// The longest time between two touches: how late a deletion that happened in the store alone is noticed.
const MAX_TOUCH_INTERVAL: Duration = Duration::from_secs(300);

/// What a site decides about a session when it hands a person in.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionTerms {
    /// When it ends at the latest, in seconds since 1970.
    pub until: Option<u64>,
    /// It is a moderator's session, too.
    pub moderates: bool,
}

/// The result of a session look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alive {
    /// The session exists.
    Yes,
    /// The session was deleted or has expired.
    No,
}

/// All sessions of the room; cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    store: Bounded,
    options: Options,
    bots: Bots,
    guesses: GuessGate,
}

impl Sessions {
    /// Sessions with their records in `store`.
    pub fn new(store: Arc<dyn SessionStore>, options: Options) -> Self {
        let store = Bounded::new(store, options.idle, options.max);
        Self { store, options, bots: Bots::default(), guesses: GuessGate::default() }
    }

    /// Expires records by another clock than this machine's: Redis' clock decides there, and an instance's may be wrong.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.store.set_clock(clock);
        self
    }

    /// Adds programs, which have a token in place of a session; `guesses` counts wrong ones.
    #[must_use]
    pub fn with_bots(mut self, bots: Bots, guesses: GuessGate) -> Self {
        (self.bots, self.guesses) = (bots, guesses);
        self
    }

    /// The programs.
    pub fn bots(&self) -> &Bots {
        &self.bots
    }

    /// Counts wrong tokens.
    pub fn guesses(&self) -> &GuessGate {
        &self.guesses
    }

    /// Returns the layer that adds a [`Session`] to every request.
    pub fn layer(&self) -> SessionManagerLayer<Bounded> {
        // Sockets extend the record but cannot set cookies, so the cookie lives as long as the record ever may.
        let max_age = time::Duration::try_from(self.options.max).unwrap_or(time::Duration::MAX);
        SessionManagerLayer::new(self.store.clone())
            .with_name(self.options.cookies.name(COOKIE))
            .with_secure(self.options.cookies.secure)
            .with_http_only(true)
            .with_same_site(SameSite::Lax)
            .with_path(self.options.cookies.cookie_path())
            .with_expiry(Expiry::OnInactivity(max_age))
    }

    /// Signs a person in under a new session id and stores it: after `Ok` every instance finds the session. Nothing of the
    /// session before stays but its join.
    ///
    /// # Errors
    /// [`Unreadable`] if the record could not be stored; the request then has no session.
    pub async fn begin(&self, session: &Session, person: &Person, terms: SessionTerms) -> Result<(), Unreadable> {
        session.insert(person::KEY, person).await.map_err(unreadable)?;
        set(session, bounded::UNTIL, terms.until).await?;
        set(session, person::MODERATES, terms.moderates.then_some(true)).await?;
        if session.id().is_some() {
            session.cycle_id().await.map_err(unreadable)?;
        }
        session.save().await.map_err(unreadable)
    }

    /// The interval at which a connection should [`touch`](Self::touch) its session: short enough that a failed touch
    /// does not let the session expire.
    pub fn touch_every(&self) -> Duration {
        (self.options.idle / 4).min(MAX_TOUCH_INTERVAL)
    }

    /// Restarts the idle time of a session, if it exists, within its maximum age; before its first join, within two
    /// minutes of its sign-in.
    ///
    /// # Errors
    /// [`Unreadable`] if the store does not answer: the session may be alive.
    pub async fn touch(&self, id: &Id) -> Result<Alive, Unreadable> {
        self.touch_with(id, |_| {}).await
    }

    /// Like [`touch`](Self::touch), for a session whose person has joined the room.
    pub async fn touch_joined(&self, id: &Id) -> Result<Alive, Unreadable> {
        self.touch_with(id, bounded::mark_joined).await
    }

    async fn touch_with(&self, id: &Id, change: impl FnOnce(&mut Record) + Send) -> Result<Alive, Unreadable> {
        let Some(mut record) = self.store.load(id).await.map_err(|_| Unreadable)? else { return Ok(Alive::No) };
        change(&mut record);
        self.store.save(&record).await.map_err(|_| Unreadable)?;
        Ok(Alive::Yes)
    }

    /// Deletes a session, if it exists.
    ///
    /// # Errors
    /// [`Unreadable`] if the store does not answer: the session may still exist.
    pub async fn delete(&self, id: &Id) -> Result<(), Unreadable> {
        self.store.delete(id).await.map_err(|_| Unreadable)
    }

    /// Returns the `Set-Cookie` that removes the cookie. Browsers accept it for a `__Host-` name only if it is
    /// `Secure`, which the one of tower-sessions is not.
    pub fn removal_cookie(&self) -> HeaderValue {
        self.options.cookies.set_cookie(COOKIE, "", SameSite::Lax, Some(time::Duration::ZERO))
    }
}

/// Sets a field of a record, or removes it.
async fn set(session: &Session, field: &str, value: Option<impl Serialize + Send + Sync>) -> Result<(), Unreadable> {
    match value {
        Some(value) => session.insert(field, value).await.map_err(unreadable),
        None => session.remove_value(field).await.map(drop).map_err(unreadable),
    }
}

fn unreadable<E>(_: E) -> Unreadable {
    Unreadable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backplane::SessionTag;

    fn sari() -> Person {
        Person::new("sari".into(), "Sari", SessionTag::random())
    }

    fn sessions(options: Options) -> Sessions {
        Sessions::new(Arc::new(MemorySessionStore::default()), options)
    }

    async fn signed_in(sessions: &Sessions) -> Id {
        let session = Session::new(None, Arc::new(sessions.store.clone()), None);
        sessions.begin(&session, &sari(), SessionTerms::default()).await.unwrap();
        session.id().unwrap()
    }

    #[tokio::test]
    async fn session_is_alive_until_it_is_deleted() {
        let sessions = sessions(Options::default());
        let id = signed_in(&sessions).await;
        assert_eq!(sessions.touch(&id).await, Ok(Alive::Yes));
        sessions.delete(&id).await.unwrap();
        assert_eq!(sessions.touch(&id).await, Ok(Alive::No));
        assert_eq!(sessions.touch(&Id::default()).await, Ok(Alive::No));
    }

    #[tokio::test]
    async fn touch_does_not_extend_past_the_maximum_age() {
        let options = Options { idle: Duration::from_secs(60), max: Duration::ZERO, ..Options::default() };
        let sessions = sessions(options);
        let id = signed_in(&sessions).await;
        assert_eq!(sessions.touch(&id).await, Ok(Alive::No));
    }

    #[test]
    fn removal_cookie_has_the_attributes_browsers_require() {
        let cookies = CookieScope { secure: true, ..CookieScope::default() };
        let options = Options { cookies, ..Options::default() };
        let cookie = sessions(options).removal_cookie();
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-ruang=;"), "{cookie}");
        for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=0"] {
            assert!(cookie.contains(part), "{cookie} lacks {part}");
        }
    }
}
