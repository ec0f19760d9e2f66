//! Calls that only the backplane answers: names, moderation, reports.

use tokio::time::timeout;

use super::{OWN_DEADLINE, Room, bounded};
use crate::{
    backplane::{
        Claim, ModerationLog, ModerationOutcome, ModerationRequest, Person, RecordPage, ReportOutcome, ReportQueue,
        ReportRequest, Unavailable,
    },
    name::NameKey,
    protocol::Id,
};

/// Calls of the backplane, each within its deadline. After [`Unavailable`] the outcome is unknown; repeating a call does no harm.
impl Room {
    /// Claims a person's name for their session, or renews the claim.
    pub async fn claim(&self, person: &Person) -> Result<Claim, Unavailable> {
        bounded(self.backplane.claim(person)).await
    }

    /// Returns what [`claim`](Self::claim) would return, and changes nothing.
    pub async fn check_claim(&self, person: &Person) -> Result<Claim, Unavailable> {
        bounded(self.backplane.check_claim(person)).await
    }

    /// Applies a moderation action on every instance. Rules are in force on this one when it returns, or half a second later.
    pub async fn moderate(&self, request: ModerationRequest) -> Result<ModerationOutcome, Unavailable> {
        let (sets_rules, known) = (request.action.sets_rules(), self.state.rules_events());
        let outcome = bounded(self.backplane.moderate(request)).await?;
        if sets_rules && outcome == ModerationOutcome::Done {
            // The event comes on another connection than the reply.
            let _ = timeout(OWN_DEADLINE, self.state.rules_event_after(known)).await;
        }
        Ok(outcome)
    }

    /// Returns how many other people in the room are at the addresses of a name; none if no address is known.
    pub async fn neighbours(&self, name_key: &NameKey) -> Result<Option<usize>, Unavailable> {
        bounded(self.backplane.neighbours(name_key)).await
    }

    /// Returns bans and past actions.
    pub async fn moderation_log(&self) -> Result<ModerationLog, Unavailable> {
        bounded(self.backplane.moderation_log()).await
    }

    /// Returns the moderators' actions on record after a place, at most `limit`, oldest first.
    pub async fn records(&self, after: Option<Id>, limit: usize) -> Result<RecordPage, Unavailable> {
        bounded(self.backplane.records(after, limit)).await
    }

    /// Puts a person's report of a message on record.
    pub async fn report(&self, request: ReportRequest) -> Result<ReportOutcome, Unavailable> {
        bounded(self.backplane.report(request)).await
    }

    /// Returns the reported messages, at most `limit`.
    pub async fn reports(&self, limit: usize) -> Result<ReportQueue, Unavailable> {
        bounded(self.backplane.reports(limit)).await
    }
}
