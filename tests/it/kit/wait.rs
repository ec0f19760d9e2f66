//! Waiting with a deadline and a description.

use std::{future::Future, time::Duration};

use tokio::time;

/// Deadline of anything that should be quick, on a busy machine.
pub const SOON: Duration = Duration::from_secs(10);

/// Interval of the probes of [`eventually`].
const PROBE_INTERVAL: Duration = Duration::from_millis(25);

/// Awaits the future; panics with `what` if it takes longer than `limit`.
pub async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match time::timeout(limit, future).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("{what}: not within {limit:?}"),
    }
}

/// Repeats the probe until it returns `Ok`; panics with the last `Err` after `limit`.
pub async fn eventually<T, F, P>(limit: Duration, what: &str, mut probe: F) -> T
where
    F: FnMut() -> P,
    P: Future<Output = Result<T, String>>,
{
    let mut last = "no probe has returned".to_owned();
    let attempts = async {
        let mut ticks = time::interval(PROBE_INTERVAL);
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
        Err(_) => panic!("{what}: not within {limit:?}; last: {last}"),
    }
}
