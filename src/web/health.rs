//! Liveness and readiness.

use axum::{extract::State, http::StatusCode};

use crate::room::Room;

/// `GET /healthz`: the process serves.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: a balancer may send new people here.
pub async fn ready(State(room): State<Room>) -> (StatusCode, &'static str) {
    if room.ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
