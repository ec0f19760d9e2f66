//! Waiting for what other processes do.

use std::{
    net::{Ipv4Addr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use crate::process::Failure;

const LIMIT: Duration = Duration::from_secs(20);
const BETWEEN: Duration = Duration::from_millis(20);

/// Asks again and again until it is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), Failure> {
    within(LIMIT, what, || is_so().then_some(()))
}

/// Asks again and again until there is an answer, for this long.
pub fn within<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> Result<T, Failure> {
    let began = Instant::now();
    while began.elapsed() < limit {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        thread::park_timeout(BETWEEN);
    }
    Err(format!("within {limit:?} it did not come about that {what}").into())
}

/// A port that was free a moment ago: below those that the system hands out, where clients do not come across it.
pub fn free_port() -> Result<u16, Failure> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let port = std::iter::repeat_with(|| rand::random_range(15_000..32_000)).take(1000).find(is_free);
    port.ok_or_else(|| "no port is free".into())
}
