//! Waiting with a deadline, and with words for what did not happen.

use std::{future::Future, time::Duration};

use tokio::time;

/// How long anything may take that should be quick, on a busy machine.
pub const SOON: Duration = Duration::from_secs(10);

/// How often [`eventually`] looks.
const EVERY: Duration = Duration::from_millis(25);

/// The future's outcome; panics with `what` when it takes longer than `limit`.
pub async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match time::timeout(limit, future).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("{what}: not within {limit:?}"),
    }
}

/// Probes until the probe answers `Ok`; panics with the last `Err` once `limit` has passed.
pub async fn eventually<T, F, P>(limit: Duration, what: &str, mut probe: F) -> T
where
    F: FnMut() -> P,
    P: Future<Output = Result<T, String>>,
{
    let mut last = "no probe came back".to_owned();
    let attempts = async {
        let mut ticks = time::interval(EVERY);
        loop {
            ticks.tick().await;
            match probe().await {
                Ok(found) => return found,
                Err(reason) => last = reason,
            }
        }
    };
    match time::timeout(limit, attempts).await {
        Ok(found) => found,
        Err(_) => panic!("{what}: not within {limit:?}; the last look: {last}"),
    }
}
