//! Whether the instance lives, and whether it is fit for new people.

use axum::{extract::State, http::StatusCode};

use crate::room::Room;

/// `GET /healthz`: it answers, so it lives.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: new people may be sent here.
pub async fn ready(State(room): State<Room>) -> (StatusCode, &'static str) {
    if room.ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
