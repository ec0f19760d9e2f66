//! Waiting for other processes.

use std::{
    net::{Ipv4Addr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use crate::process::Failure;

const LIMIT: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(20);

/// Repeats a check until it succeeds.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), Failure> {
    within(LIMIT, what, || is_so().then_some(()))
}

/// Repeats a probe until it returns a value, at most for this time.
pub fn within<T>(limit: Duration, what: &str, mut request: impl FnMut() -> Option<T>) -> Result<T, Failure> {
    let began = Instant::now();
    while began.elapsed() < limit {
        if let Some(reply) = request() {
            return Ok(reply);
        }
        thread::park_timeout(INTERVAL);
    }
    Err(format!("not within {limit:?}: {what}").into())
}

/// Returns a port that was free a moment ago, below the ephemeral range, so that the system does not assign it.
pub fn free_port() -> Result<u16, Failure> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let port = std::iter::repeat_with(|| rand::random_range(15_000..32_000)).take(1000).find(is_free);
    port.ok_or_else(|| "no port is free".into())
}
