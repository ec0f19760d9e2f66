//! The operator: who keeps order in the room, on a page and by HTTP.

mod api;
mod demand;
mod desk;
mod pass;

use axum::{
    Router,
    routing::{get, post},
};

use self::demand::Demand;
pub use self::pass::Operator;
use super::Web;
use crate::{
    backplane::{Act, Acted, REMOVED_AT_ONCE, Unavailable},
    room::Room,
};

/// The routes that there are where there is an operator.
pub fn router() -> Router<Web> {
    Router::new()
        .route("/operator", get(desk::show).post(desk::act))
        .route("/operator/enter", post(desk::enter))
        .route("/operator/leave", post(desk::leave))
        .route("/api/operator", get(api::ledger).post(api::act))
}

/// Does what is demanded. A log line says what kind of act it was, and nothing that anybody wrote.
async fn carry_out(room: &Room, demand: Demand) -> Result<Acted, Unavailable> {
    let Demand { act, messages_of } = demand;
    let kind = kind(&act);
    let acted = room.act(act).await?;
    let mut removed = Acted::Nothing;
    if let Some(name) = messages_of {
        let mut ids = room.said_by(&name);
        // The newest: that is what is at hand.
        let ids = ids.split_off(ids.len().saturating_sub(REMOVED_AT_ONCE));
        if !ids.is_empty() {
            removed = room.act(Act::Remove { ids }).await?;
        }
    }
    let done = acted == Acted::Done || removed == Acted::Done;
    tracing::info!(kind, done, "the operator acted");
    Ok(if done { Acted::Done } else { Acted::Nothing })
}

fn kind(act: &Act) -> &'static str {
    match act {
        Act::Remove { .. } => "remove",
        Act::Ban { .. } => "ban",
        Act::Pardon { .. } => "pardon",
        Act::Slow { .. } => "slow",
        Act::Announce { .. } => "announce",
    }
}
