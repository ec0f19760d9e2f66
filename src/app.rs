//! The composition root.

use thiserror::Error;

use crate::settings::Settings;

/// Why the room could not be opened, or not be kept open.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct RunError(pub String);

/// Serves the room until it is told to stop.
///
/// # Errors
/// What keeps it from serving.
pub async fn run(_settings: Settings) -> Result<(), RunError> {
    Ok(())
}

/// Asks Redis whether it answers.
///
/// # Errors
/// That it does not, or how.
pub async fn check(_settings: &Settings) -> Result<(), RunError> {
    Ok(())
}
