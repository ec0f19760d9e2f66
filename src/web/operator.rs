//! The operator: who keeps order in the room, on a page and by HTTP.

mod api;
mod auth;
mod command;
mod pages;

use axum::{
    Router,
    routing::{get, post},
};

pub use self::auth::Operator;
use self::command::ModerationCommand;
use super::Web;
use crate::{
    backplane::{ModerationAction, ModerationOutcome, REMOVED_AT_ONCE, Unavailable},
    room::Room,
};

/// The routes that there are where there is an operator.
pub fn router() -> Router<Web> {
    Router::new()
        .route("/operator", get(pages::show).post(pages::moderate))
        .route("/operator/enter", post(pages::enter))
        .route("/operator/leave", post(pages::leave))
        .route("/api/operator", get(api::moderation_log).post(api::moderate))
}

/// Does what is demanded. A log line says what kind of act it was, and nothing that anybody wrote.
async fn carry_out(room: &Room, command: ModerationCommand) -> Result<ModerationOutcome, Unavailable> {
    let ModerationCommand { act, messages_of } = command;
    let kind = kind(&act);
    let acted = room.moderate(act).await?;
    let mut removed = ModerationOutcome::Nothing;
    if let Some(name) = messages_of {
        let mut ids = room.sent_by(&name);
        // The newest: that is what is at hand.
        let ids = ids.split_off(ids.len().saturating_sub(REMOVED_AT_ONCE));
        if !ids.is_empty() {
            removed = room.moderate(ModerationAction::Remove { ids }).await?;
        }
    }
    let done = acted == ModerationOutcome::Done || removed == ModerationOutcome::Done;
    tracing::info!(kind, done, "the operator acted");
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
