//! One connection's place in the room. Dropping it leaves.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use tracing::Instrument;

use super::{
    PATIENCE, Room,
    hub::{Command, JoinedConnection},
};
use crate::{
    backplane::{Person, Post, PublishError, Typing, Unavailable},
    protocol::{Id, Nonce, Text},
    telemetry::{TraceParent, spans},
};

/// A connection in the room: says things, and hears everything through its [`Recipient`](super::Recipient).
pub struct Membership {
    room: Room,
    person: Person,
    entered: JoinedConnection,
}

/// Why something was not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SayError {
    /// The nonce was used for another text.
    #[error("the nonce was used for another text")]
    BadNonce,
    /// The name belongs to another session by now.
    #[error("the name belongs to another session")]
    Ended,
    /// They speak too often, here or elsewhere: not before so long.
    #[error("too many messages")]
    Limited(Duration),
    /// Whether it was said is not known: say it again, under the same nonce.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Membership {
    pub(super) fn new(room: Room, person: Person, entered: JoinedConnection) -> Self {
        Self { room, person, entered }
    }

    /// Says something. Answers its id, the first one if the nonce was used for the same text before.
    ///
    /// # Errors
    /// See [`SayError`].
    pub fn say(&self, nonce: Nonce, text: Text) -> impl Future<Output = Result<Id, SayError>> + Send + use<> {
        let (room, person) = (self.room.clone(), self.person.clone());
        async move { room.publish(person, nonce, text).instrument(spans::saying()).await }
    }

    /// Sends a frame to this connection alone, after everything that it was told before.
    pub fn send(&self, frame: Bytes) {
        self.entered.send(frame);
    }

    /// Tells the others that this person types, or stopped. Ephemeral: nobody is told if it is lost.
    pub fn typing(&self, active: bool) -> impl Future<Output = ()> + Send + use<> {
        let typing = Typing { name_key: self.person.name_key.clone(), name: self.person.name.clone(), active };
        let room = self.room.clone();
        async move {
            let _ = super::bounded(room.backplane.typing(typing)).await;
        }
    }

    /// Joins again on the same connection: it is sent a new welcome, nobody else notices.
    ///
    /// # Errors
    /// [`Unavailable`] if the room is not in sync within 2 s.
    pub fn catch_up(&self, since: Option<Id>) -> impl Future<Output = Result<(), Unavailable>> + Send + use<> {
        let (room, connection) = (self.room.clone(), self.entered.connection);
        async move {
            let since = room.find(since).await?;
            room.send(Command::CatchUp { connection, since }).await
        }
    }
}

impl Room {
    async fn publish(&self, person: Person, nonce: Nonce, text: Text) -> Result<Id, SayError> {
        let trace = TraceParent::current();
        let post = Post { incarnation: self.shared.incarnation(), person, nonce, text, trace };
        let published = timeout(PATIENCE, self.backplane.publish(post)).await;
        let published = published.unwrap_or(Err(PublishError::Unavailable(Unavailable)));
        spans::said(published.as_ref().map_err(PublishError::name));
        match published {
            Ok(id) => {
                self.shared.acknowledge(id);
                Ok(id)
            }
            Err(PublishError::BadNonce) => Err(SayError::BadNonce),
            Err(PublishError::Ended) => Err(SayError::Ended),
            Err(PublishError::Limited(wait)) => Err(SayError::Limited(wait)),
            Err(PublishError::Unavailable(unavailable)) => Err(unavailable.into()),
            Err(PublishError::Fenced) => {
                // The hub finds out for itself what that means.
                let _ = self.commands.try_send(Command::Heartbeat);
                Err(SayError::Unavailable(Unavailable))
            }
        }
    }
}
