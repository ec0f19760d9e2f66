//! Attempts to open a door of the operator: each is counted before anything is compared.

use std::{
    net::IpAddr,
    sync::LazyLock,
    time::{Duration, Instant},
};

use axum::http::HeaderMap;
use parking_lot::Mutex;

use super::OperatorAuth;
use crate::{
    rate::{Limiter, Rate},
    session::GuessDenied,
    telemetry::instruments,
    web::Web,
};

/// Wrong secrets that are logged: guesses from many addresses must not fill the log.
const LOGGED: Rate = Rate { per_second: 1.0, burst: 20.0 };

/// Where a secret of the operator is presented.
#[derive(Clone, Copy, Debug)]
pub enum Door {
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
    /// Checks a secret of the operator, unless its address has presented too many wrong ones on any instance.
    ///
    /// # Errors
    /// See [`AttemptError`].
    pub(super) async fn attempt(
        &self,
        door: Door,
        peer: IpAddr,
        headers: &HeaderMap,
        is_right: impl FnOnce(&OperatorAuth) -> bool,
    ) -> Result<(), AttemptError> {
        let address = self.site.proxies.client(peer, headers);
        if let Err(denied) = self.guess_gate.count(address).await {
            return Err(match denied {
                GuessDenied::TooMany(wait) => {
                    instruments().operator_attempted("too_many");
                    AttemptError::TooMany(wait)
                }
                GuessDenied::Unavailable => AttemptError::Unavailable,
            });
        }
        if self.operator.as_ref().is_some_and(|operator| is_right(operator)) {
            self.guess_gate.refund(address).await;
            instruments().operator_attempted("accepted");
            return Ok(());
        }
        instruments().operator_attempted("wrong");
        log_wrong(door, address);
        Err(AttemptError::Wrong)
    }
}

fn log_wrong(door: Door, address: IpAddr) {
    static LIMITER: LazyLock<Mutex<Limiter>> = LazyLock::new(Mutex::default);
    if LIMITER.lock().take(LOGGED.pace(), Instant::now()).is_ok() {
        tracing::warn!(?door, %address, "wrong operator token or cookie");
    }
}
