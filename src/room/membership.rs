//! One connection's membership in the room. Dropping it leaves.

use bytes::Bytes;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::{
    CALL_DEADLINE, Room, TYPING_AT_MOST,
    fanout::Attention,
    hub::{Command, JoinedConnection},
};
use crate::{
    automod::{RuleViolation, SharedChecks},
    backplane::{ChangeRequest, NewState, Person, Post, PublishError, Typing, Unavailable},
    protocol::{Id, Nonce, Text},
    session::ModeratorPass,
    telemetry::{TraceParent, spans},
};

/// A connection in the room: sends messages, and receives frames through its [`Recipient`](super::Recipient).
pub struct Membership {
    room: Room,
    person: Person,
    joined: JoinedConnection,
    /// Present if a moderator opened the connection.
    pass: Option<ModeratorPass>,
}

impl Membership {
    pub(super) fn new(room: Room, person: Person, joined: JoinedConnection) -> Self {
        Self { room, person, joined, pass: None }
    }

    /// The membership of a connection that a moderator opened, if there is a pass.
    #[must_use]
    pub fn with_pass(mut self, pass: Option<ModeratorPass>) -> Self {
        self.pass = pass;
        self
    }

    /// Returns the person as they send now, and the rules that are left to check. Moderators, whom no rule refuses, are looked up
    /// only where it matters.
    fn sender(
        &self,
        checked: Result<SharedChecks, RuleViolation>,
    ) -> impl Future<Output = Result<(Person, SharedChecks), PublishError>> + Send + use<> {
        let matters = self.room.is_read_only() || checked != Ok(SharedChecks::default());
        let (mut person, pass) = (self.person.clone(), self.pass.clone().filter(|_| matters));
        async move {
            if let Some(pass) = pass {
                person.moderates = pass.is_valid().await;
            }
            let checked = if person.moderates { Ok(SharedChecks::default()) } else { checked };
            Ok((person, checked.map_err(PublishError::Refused)?))
        }
    }

    /// Sends a message to the room, if the rules accept it. Returns its id; the first one if the nonce was used for the same text
    /// before.
    pub fn send_message(
        &self,
        nonce: Nonce,
        text: Text,
        reply_to: Option<Id>,
        alias: Option<String>,
        checked: Result<SharedChecks, RuleViolation>,
    ) -> impl Future<Output = Result<Id, PublishError>> + Send + use<> {
        let (room, sender) = (self.room.clone(), self.sender(checked));
        let published = async move {
            let (person, checks) = sender.await?;
            room.publish(person, nonce, text, reply_to, alias, checks).await
        };
        async move { published.instrument(spans::publish()).await }
    }

    /// Edits or deletes a message of this person. Returns its id; does nothing if the nonce was used for the same before.
    pub fn change_message(
        &self,
        nonce: Nonce,
        id: Id,
        state: NewState,
        checked: Result<SharedChecks, RuleViolation>,
    ) -> impl Future<Output = Result<Id, PublishError>> + Send + use<> {
        let (room, sender) = (self.room.clone(), self.sender(checked));
        async move {
            let (person, checks) = sender.await?;
            room.change(person, nonce, id, state, checks).await
        }
    }

    /// Sends a frame to this connection alone, after all frames that it was sent before, unless too much is queued for the
    /// room. Returns whether it does.
    pub fn try_send(&self, frame: Bytes) -> bool {
        self.joined.try_send(frame)
    }

    /// Sets this client's visibility: frames of a hidden client are gathered and sent once per second. Returns
    /// `false`, and changes nothing, if too much is queued for the room.
    pub fn try_attend(&self, attention: Attention) -> bool {
        self.joined.try_attend(attention)
    }

    /// Publishes that this person types, or stopped. Ephemeral: it may be lost.
    pub fn typing(&self, active: bool) -> impl Future<Output = ()> + Send + use<> {
        let typing = Typing { name_key: self.person.name_key.clone(), name: self.person.name.clone(), active };
        let room = self.room.clone();
        async move {
            // In a larger room no instance shows it.
            if room.state.view().roster.count() <= TYPING_AT_MOST {
                let _ = super::bounded(room.backplane.typing(typing)).await;
            }
        }
    }

    /// Joins again on the same connection: it is sent a new welcome, and other clients notice nothing.
    ///
    /// # Errors
    /// [`Unavailable`] if the room is not in sync within 2 s.
    pub fn rejoin(&self, since: Option<Id>) -> impl Future<Output = Result<(), Unavailable>> + Send + use<> {
        let (room, connection) = (self.room.clone(), self.joined.connection);
        async move {
            let since = room.find(since, Instant::now() + CALL_DEADLINE).await?;
            room.send(Command::Rejoin { connection, since }).await
        }
    }
}

impl Room {
    /// Publishes a message of a person who owns their name, in the room or not. Returns its id; the first one if the nonce was
    /// used for the same message before.
    pub async fn publish(
        &self,
        person: Person,
        nonce: Nonce,
        text: Text,
        reply_to: Option<Id>,
        alias: Option<String>,
        checks: SharedChecks,
    ) -> Result<Id, PublishError> {
        let (trace, incarnation) = (TraceParent::current(), self.state.status().incarnation);
        let post = Post { incarnation, person, nonce, text, reply_to, alias, trace, checks };
        let published = timeout(CALL_DEADLINE, self.backplane.publish(post)).await;
        let published = published.unwrap_or(Err(Unavailable.into()));
        spans::record_publish(published.as_ref().map_err(PublishError::name));
        match published {
            Ok(id) => self.state.acknowledge(id),
            Err(error) => self.note_refusal(error),
        }
        published
    }

    async fn change(
        &self,
        person: Person,
        nonce: Nonce,
        id: Id,
        state: NewState,
        checks: SharedChecks,
    ) -> Result<Id, PublishError> {
        let incarnation = self.state.status().incarnation;
        let call = self.backplane.change(ChangeRequest { incarnation, person, nonce, id, state, checks });
        let changed = timeout(CALL_DEADLINE, call).await.unwrap_or(Err(Unavailable.into()));
        if let Err(error) = changed {
            self.note_refusal(error);
        }
        changed
    }

    /// If the incarnation is fenced, the next heartbeat finds out whether it is dead.
    fn note_refusal(&self, error: PublishError) {
        if error == PublishError::Fenced {
            drop(self.commands.try_send(Command::Heartbeat));
        }
    }
}
