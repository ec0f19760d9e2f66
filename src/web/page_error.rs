//! Errors of the page's script.

use std::time::Instant;

use axum::{extract::State, http::StatusCode};

use super::{Web, client::Client};
use crate::{rate::Rate, telemetry::instruments};

/// Errors counted per client address: a broken page must show in the metric, not fill it.
pub const RATE: Rate = Rate { per_second: 0.1, burst: 10.0 };

/// `POST /api/page-error`: counts an error that no part of the page's script caught. The request has no content. The
/// sign-in page sends it too where it was opened at another address than the site's own: the log says so.
pub async fn count(State(web): State<Web>, client: Client) -> StatusCode {
    if !web.allows_post(&client) {
        web.log_refusal(&client);
        return StatusCode::FORBIDDEN;
    }
    if web.take_page_error(&client, Instant::now()) {
        instruments().page_failed();
    }
    StatusCode::NO_CONTENT
}
