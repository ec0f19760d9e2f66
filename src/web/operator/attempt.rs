//! Attempts to act as a moderator: each is counted before anything is compared.

use std::{
    net::IpAddr,
    sync::LazyLock,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::Moderator;
use crate::{
    rate::{Limiter, Rate},
    session::{CountedGuess, GuessDenied, NotSignedIn, SignedIn},
    telemetry::instruments,
    web::{Web, client::Client},
};

/// Wrong secrets that are logged: guesses from many addresses must not fill the log.
const LOGGED: Rate = Rate { per_second: 1.0, burst: 20.0 };

/// How a client presents a moderator's secret.
#[derive(Clone, Copy, Debug)]
pub enum Credential {
    /// `Authorization: Bearer …`.
    Bearer,
    /// The sign-in form.
    Form,
    /// The cookie.
    Cookie,
}

/// Why an attempt fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptError {
    /// The secret is wrong.
    Wrong,
    /// There were too many wrong ones from this address; this long until the next is looked at.
    TooMany(Duration),
    /// Redis does not answer, so attempts cannot be counted.
    Unavailable,
}

impl Web {
    /// Checks a token, unless its address has presented too many wrong ones on any instance.
    pub(super) async fn present_token(
        &self,
        credential: Credential,
        client: &Client,
        token: &str,
    ) -> Result<Moderator, AttemptError> {
        let address = client.address;
        let guess = self.count_guess(address).await?;
        let Some(moderator) = self.operator.as_ref().and_then(|operator| operator.by_token(token)) else {
            return Err(wrong(credential, address));
        };
        guess.refund().await;
        instruments().operator_attempted("accepted");
        Ok(moderator)
    }

    /// Returns the moderator of a request's cookie; none if it has no cookie. A session that exists is no guess, so it is not
    /// counted: who guesses does not lock out the moderators behind the same address. Its id is too long to be guessed.
    pub(in crate::web) async fn present_cookie(&self, client: &Client) -> Result<Option<Moderator>, AttemptError> {
        let Some(operator) = &self.operator else { return Ok(None) };
        let Some(id) = operator.sent_cookie(&client.headers) else { return Ok(None) };
        if let Some(moderator) = operator.by_session(&id).await.map_err(|_| AttemptError::Unavailable)? {
            instruments().operator_attempted("accepted");
            return Ok(Some(moderator));
        }
        let address = client.address;
        let _guess = self.count_guess(address).await?;
        Err(wrong(Credential::Cookie, address))
    }

    /// Returns the moderator of a request without a token: of its session, if a site has handed in a moderator, else of its
    /// cookie. The name on record is that of the room.
    pub(super) async fn present_moderator(
        &self,
        client: &Client,
        signed_in: Result<SignedIn, NotSignedIn>,
    ) -> Result<Option<Moderator>, AttemptError> {
        match signed_in {
            Ok(signed_in) if self.is_handed_in_moderator(&signed_in) => {
                instruments().operator_attempted("accepted");
                Ok(Some(Moderator { name: signed_in.person.name }))
            }
            Err(NotSignedIn::Unreadable) => Err(AttemptError::Unavailable),
            Ok(_) | Err(NotSignedIn::Nobody) => self.present_cookie(client).await,
        }
    }

    async fn count_guess(&self, address: IpAddr) -> Result<CountedGuess<'_>, AttemptError> {
        self.guess_gate.count(address).await.map_err(|denied| match denied {
            GuessDenied::TooMany(wait) => {
                instruments().operator_attempted("too_many");
                AttemptError::TooMany(wait)
            }
            GuessDenied::Unavailable => AttemptError::Unavailable,
        })
    }
}

/// Counts and logs a wrong secret.
fn wrong(credential: Credential, address: IpAddr) -> AttemptError {
    static LIMITER: LazyLock<Mutex<Limiter>> = LazyLock::new(Mutex::default);
    instruments().operator_attempted("wrong");
    if LIMITER.lock().take(LOGGED.pace(), Instant::now()).is_ok() {
        tracing::warn!(?credential, %address, "wrong operator token or cookie");
    }
    AttemptError::Wrong
}
