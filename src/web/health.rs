//! Liveness and readiness.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{extract::State, http::StatusCode};
use tokio::time::sleep;

use crate::{room::Room, session::StoreProbe};

/// Time between two probes that succeed.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// Time between two probes after one that failed.
const RETRY_EVERY: Duration = Duration::from_millis(200);
/// Failures in a row that make a ready instance unready: one may be a hiccup.
const FAILURES: u32 = 2;

/// Whether people can come in here: the room's events are received, and sign-ins can be stored. Cheap to clone.
#[derive(Clone)]
pub struct Readiness {
    room: Room,
    stores: Arc<AtomicBool>,
}

impl Readiness {
    /// Starts to probe, on the current runtime, for as long as the process lives.
    pub fn watch(room: Room, probe: StoreProbe) -> Self {
        let readiness = Self { room, stores: Arc::new(AtomicBool::new(!probe.is_needed())) };
        if probe.is_needed() {
            tokio::spawn(readiness.clone().run(probe));
        }
        readiness
    }

    /// Whether new people can come in.
    pub fn is_ready(&self) -> bool {
        self.room.ready() && self.stores.load(Ordering::Relaxed)
    }

    /// Once the room has lost Redis, what was known about the store is out of date: its connections recover on their own.
    async fn run(self, probe: StoreProbe) {
        loop {
            self.room.wait_until_ready(true).await;
            // The room may be unready again before the first probe ends.
            let unready = self.room.wait_until_ready(false);
            tokio::select! {
                () = unready => self.set(false),
                () = self.probe_on(&probe) => {}
            }
        }
    }

    async fn probe_on(&self, probe: &StoreProbe) {
        let mut failures = FAILURES;
        loop {
            failures = if probe.succeeds().await { 0 } else { failures.saturating_add(1) };
            self.set(failures < FAILURES);
            sleep(if failures == 0 { PROBE_EVERY } else { RETRY_EVERY }).await;
        }
    }

    fn set(&self, stores: bool) {
        if self.stores.swap(stores, Ordering::Relaxed) == stores {
            return;
        }
        if stores {
            tracing::info!("sign-ins can be stored");
        } else if self.room.ready() {
            tracing::warn!("sign-ins cannot be stored: the instance is not ready");
        }
    }
}

/// `GET /healthz`: the process serves.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: a balancer may send new people here.
pub async fn ready(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    if readiness.is_ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
