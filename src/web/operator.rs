//! Moderation by the operator: a page, and an HTTP API.

mod api;
mod attempt;
mod auth;
mod command;
mod pages;

use axum::{
    Router,
    routing::{get, post},
};

pub use self::auth::OperatorAuth;
use self::{
    attempt::{AttemptError, Door},
    command::ModerationCommand,
};
use super::Web;
use crate::{
    backplane::{ModerationAction, ModerationOutcome, REMOVED_AT_ONCE, Unavailable},
    room::Room,
};

/// The routes of an installation with an operator.
pub fn router() -> Router<Web> {
    Router::new()
        .route("/operator", get(pages::show).post(pages::moderate))
        .route("/operator/enter", post(pages::sign_in))
        .route("/operator/leave", post(pages::sign_out))
        .route("/api/operator", get(api::report).post(api::moderate))
}

/// Executes a command. The log line has the kind of the action and nothing a person wrote.
async fn execute(room: &Room, command: ModerationCommand) -> Result<ModerationOutcome, Unavailable> {
    let ModerationCommand { act, messages_of } = command;
    let kind = kind(&act);
    let outcome = room.moderate(act).await?;
    let mut removed = ModerationOutcome::Nothing;
    if let Some(name) = messages_of {
        let mut ids = room.sent_by(&name);
        // The newest ones.
        let ids = ids.split_off(ids.len().saturating_sub(REMOVED_AT_ONCE));
        if !ids.is_empty() {
            removed = room.moderate(ModerationAction::Remove { ids }).await?;
        }
    }
    let done = outcome == ModerationOutcome::Done || removed == ModerationOutcome::Done;
    tracing::info!(kind, done, "moderation action");
    Ok(if done { ModerationOutcome::Done } else { ModerationOutcome::Nothing })
}

fn kind(act: &ModerationAction) -> &'static str {
    match act {
        ModerationAction::Remove { .. } => "remove",
        ModerationAction::Ban { .. } => "ban",
        ModerationAction::Unban { .. } => "pardon",
        ModerationAction::Slow { .. } => "slow",
        ModerationAction::Announce { .. } => "announce",
    }
}
