//! The signed-in person, and where sessions are kept.
//!
//! tower-sessions carries the cookie and the record; this module adds what a room needs of it: a life that
//! sockets can extend, two bounded engines, and a failure of the store that is told from an absent session.

mod bounded;
mod memory;
mod person;
mod redis;
mod store;

use std::time::Duration;

use axum::http::HeaderValue;
use tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore,
    cookie::{Cookie, SameSite, time},
    session::Id,
};

pub use self::{
    bounded::Bounded,
    person::{NotSignedIn, SignedIn},
    store::Store,
};
use crate::backplane::Person;

/// How long sessions live, and how their cookie travels.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A session that nothing touched for this long is over.
    pub idle: Duration,
    /// A session is over this long after sign-in, whatever touches it.
    pub max: Duration,
    /// The public URL is https: the cookie is `__Host-ruang` and `Secure`.
    pub secure: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { idle: Duration::from_secs(12 * 3600), max: Duration::from_secs(7 * 24 * 3600), secure: false }
    }
}

/// The store could not be asked, or did not answer in time: whether the session exists is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sessions cannot be read")]
pub struct Unreadable;

/// A session that was deleted in the store alone is noticed within this time.
const TOUCHED_AT_LEAST_EVERY: Duration = Duration::from_secs(300);

/// What became of a session that was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alive {
    /// It exists.
    Yes,
    /// It was deleted, or has expired.
    No,
}

/// All sessions of the room; cheap to clone.
#[derive(Clone, Debug)]
pub struct Sessions {
    store: Bounded,
    options: Options,
}

impl Sessions {
    /// Sessions kept in `store`, for as long as `options` say.
    pub fn new(store: Store, options: Options) -> Self {
        Self { store: Bounded::new(store, options.idle, options.max), options }
    }

    /// The layer that gives every request its [`Session`].
    pub fn layer(&self) -> SessionManagerLayer<Bounded> {
        // The cookie may outlive the record: sockets extend the record, and cannot set cookies.
        let most = time::Duration::try_from(self.options.max).unwrap_or(time::Duration::MAX);
        SessionManagerLayer::new(self.store.clone())
            .with_name(self.cookie_name())
            .with_secure(self.options.secure)
            .with_http_only(true)
            .with_same_site(SameSite::Lax)
            .with_path("/")
            .with_expiry(Expiry::OnInactivity(most))
    }

    /// Signs a person in under a new id, and keeps that at once: after `Ok` every instance knows the session.
    ///
    /// # Errors
    /// [`Unreadable`] when it could not be kept; the request then has no session.
    pub async fn begin(&self, session: &Session, person: &Person) -> Result<(), Unreadable> {
        session.insert(person::KEY, person).await.map_err(unreadable)?;
        if session.id().is_some() {
            session.cycle_id().await.map_err(unreadable)?;
        }
        session.save().await.map_err(unreadable)
    }

    /// How often whoever is connected is to [`touch`](Self::touch) their session: so that it does not end by idleness
    /// though a look fails.
    pub fn touch_every(&self) -> Duration {
        (self.options.idle / 4).min(TOUCHED_AT_LEAST_EVERY)
    }

    /// Says whether a session still exists, and starts its idle time anew; never past its end of life.
    ///
    /// # Errors
    /// [`Unreadable`] when the store does not answer: the session may well be alive.
    pub async fn touch(&self, id: &Id) -> Result<Alive, Unreadable> {
        let Some(record) = self.store.load(id).await.map_err(|_| Unreadable)? else { return Ok(Alive::No) };
        self.store.save(&record).await.map_err(|_| Unreadable)?;
        Ok(Alive::Yes)
    }

    /// Deletes a session; one that does not exist is deleted already.
    ///
    /// # Errors
    /// [`Unreadable`] when the store does not answer: the session may live on.
    pub async fn delete(&self, id: &Id) -> Result<(), Unreadable> {
        self.store.delete(id).await.map_err(|_| Unreadable)
    }

    /// The `Set-Cookie` that removes the cookie. A browser heeds it for a `__Host-` name only if it is `Secure`,
    /// which the one that tower-sessions sends is not.
    pub fn removal_cookie(&self) -> HeaderValue {
        let cookie = Cookie::build((self.cookie_name(), ""))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.options.secure)
            .max_age(time::Duration::ZERO)
            .build();
        HeaderValue::from_str(&cookie.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    fn cookie_name(&self) -> &'static str {
        if self.options.secure { "__Host-ruang" } else { "ruang" }
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
        Person { name: "Sari".into(), name_key: "sari".into(), session: SessionTag::random() }
    }

    async fn signed_in(sessions: &Sessions) -> Id {
        let session = Session::new(None, std::sync::Arc::new(sessions.store.clone()), None);
        sessions.begin(&session, &sari()).await.unwrap();
        session.id().unwrap()
    }

    #[tokio::test]
    async fn a_session_is_alive_until_it_is_deleted() {
        let sessions = Sessions::new(Store::memory(), Options::default());
        let id = signed_in(&sessions).await;
        assert_eq!(sessions.touch(&id).await, Ok(Alive::Yes));
        sessions.delete(&id).await.unwrap();
        assert_eq!(sessions.touch(&id).await, Ok(Alive::No));
        assert_eq!(sessions.touch(&Id::default()).await, Ok(Alive::No));
    }

    #[tokio::test]
    async fn a_touch_never_extends_a_session_past_its_end_of_life() {
        let options = Options { idle: Duration::from_secs(60), max: Duration::ZERO, secure: false };
        let sessions = Sessions::new(Store::memory(), options);
        let id = signed_in(&sessions).await;
        assert_eq!(sessions.touch(&id).await, Ok(Alive::No));
    }

    #[test]
    fn the_removal_cookie_is_one_that_a_browser_heeds() {
        let options = Options { secure: true, ..Options::default() };
        let cookie = Sessions::new(Store::memory(), options).removal_cookie();
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-ruang=;"), "{cookie}");
        for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=0"] {
            assert!(cookie.contains(part), "{cookie} lacks {part}");
        }
    }
}
