//! Limits of reads: how often a session and an address may ask for pages of the room.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use parking_lot::Mutex;

use super::{Web, client::Client, error, locale::Locale};
use crate::{
    address::limit_key,
    backplane::SessionTag,
    rate::{KeyedLimiter, Rate},
    telemetry::instruments,
};

/// Entries of a page that count as one read.
const UNIT: usize = 50;
/// Seconds of its rate that a session or address may use at once.
const BURST_SECONDS: f64 = 4.0;
/// How many times as much as a session an address may read: behind one NAT a whole school opens the page at once, and a page
/// is a read and its list of people four.
const ADDRESS_FACTOR: f64 = 50.0;
/// The largest number of sessions, and of addresses, whose reads are counted.
const COUNTED: usize = 10_000;
/// The largest page of messages, in bytes.
pub const PAGE_BYTES: usize = 128 * 1024;

/// Counts reads by session and by address.
#[derive(Debug)]
pub struct ReadLimits {
    sessions: Mutex<KeyedLimiter<SessionTag>>,
    addresses: Mutex<KeyedLimiter<IpAddr>>,
}

/// Why a page is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadRefusal {
    /// Too many reads; the next is allowed after this time.
    TooMany(Duration),
    /// Too much waits for slow clients.
    Overloaded,
}

impl ReadRefusal {
    /// The error as a page.
    pub fn respond(self, locale: Locale) -> Response {
        match self {
            Self::TooMany(wait) => error::too_many(locale, wait),
            Self::Overloaded => error::unavailable(locale),
        }
    }

    /// The error as JSON.
    pub fn respond_json(self) -> Response {
        match self {
            Self::TooMany(wait) => error::json_too_many("too many reads", wait),
            Self::Overloaded => error::json_unavailable(),
        }
    }
}

impl ReadLimits {
    /// Limits with `per_second` reads per session; 0 = unlimited.
    pub fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        let session = Rate { per_second, burst: per_second * BURST_SECONDS };
        Self {
            sessions: Mutex::new(KeyedLimiter::new(session, COUNTED)),
            addresses: Mutex::new(KeyedLimiter::new(session.times(ADDRESS_FACTOR), COUNTED)),
        }
    }

    /// Counts reads of an address.
    pub fn take_address(&self, address: IpAddr, reads: u64, now: Instant) -> Result<(), Duration> {
        if reads == 0 { Ok(()) } else { self.addresses.lock().take_many(address, reads, now) }
    }

    /// Counts a page of `entries` of a session. [`limit`] has counted one read of its address.
    fn take(&self, session: &SessionTag, address: IpAddr, entries: usize, now: Instant) -> Result<(), Duration> {
        let reads = entries.div_ceil(UNIT).max(1) as u64;
        self.sessions.lock().take_many(session.clone(), reads, now)?;
        self.take_address(address, reads - 1, now)
    }
}

/// Counts every GET of a page or the API by its address, before a session is looked up.
pub async fn limit(State(web): State<Web>, locale: Locale, client: Client, request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    match web.reads.take_address(limit_key(client.address), 1, Instant::now()).map_err(too_many) {
        Ok(()) => next.run(request).await,
        Err(refusal) if request.uri().path().starts_with("/api/") => refusal.respond_json(),
        Err(refusal) => refusal.respond(locale),
    }
}

impl Web {
    /// Decides whether a session may read a page of `entries` now, and counts it.
    ///
    /// # Errors
    /// Why it may not: too many reads, or too many bytes wait for slow clients.
    pub fn admit_read(&self, session: &SessionTag, client: &Client, entries: usize) -> Result<(), ReadRefusal> {
        if self.queue_memory.is_exceeded() {
            instruments().refused("overloaded");
            return Err(ReadRefusal::Overloaded);
        }
        self.reads.take(session, limit_key(client.address), entries, Instant::now()).map_err(too_many)
    }
}

fn too_many(wait: Duration) -> ReadRefusal {
    instruments().refused("too_many_reads");
    ReadRefusal::TooMany(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn large_pages_cost_more() {
        let (limits, now, session) = (ReadLimits::new(1), Instant::now(), SessionTag::random());
        assert_eq!(limits.take(&session, HERE, 200, now), Ok(()));
        let wait = limits.take(&session, HERE, 1, now).unwrap_err();
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(limits.take(&session, HERE, 50, now + wait), Ok(()));
    }

    #[test]
    fn sessions_of_one_address_share_its_limit() {
        let (limits, now) = (ReadLimits::new(1), Instant::now());
        let read = |_: &u32| limits.take(&SessionTag::random(), HERE, 200, now).is_ok();
        assert_eq!((0..100).filter(read).count(), 200 / 3);
        let elsewhere = IpAddr::from([127, 0, 0, 2]);
        assert_eq!(limits.take(&SessionTag::random(), elsewhere, 50, now), Ok(()));
    }

    #[test]
    fn zero_is_unlimited() {
        let (limits, now, session) = (ReadLimits::new(0), Instant::now(), SessionTag::random());
        assert!((0..1000).all(|_| limits.take(&session, HERE, 200, now).is_ok()));
    }
}
