//! What a client sends, and what follows from it.

use std::time::{Duration, Instant};

use tokio_websockets::{Error, Message};

use super::{Answer, Connection, End, farewell};
use crate::{
    protocol::{Bye, ClientFrame, CloseCode, ErrorCode, Id, Malformed, Nonce, ServerFrame, Text, TextError},
    socket::outbound::{self, Socket},
};

impl Connection {
    pub(super) async fn receive(
        &mut self,
        socket: &mut Socket,
        received: Option<Result<Message, Error>>,
    ) -> Result<(), End> {
        let message = match received {
            None => return Err(End::Answered),
            Some(Err(Error::PayloadTooLong { .. })) => return Err(End::Code(CloseCode::TooBig)),
            Some(Err(Error::Protocol(_))) => return Err(End::Answered),
            Some(Err(_)) => return Err(End::Lost),
            Some(Ok(message)) => message,
        };
        self.timers.note_heard(Instant::now());
        if message.is_binary() {
            return Err(End::Code(CloseCode::Binary));
        }
        match message.as_text().map(ClientFrame::parse) {
            // Pings are answered by the library; a close ends the stream.
            None => Ok(()),
            Some(Ok(frame)) => self.obey(socket, frame).await,
            Some(Err(Malformed { nonce })) => self.refuse(socket, ErrorCode::BadFrame, nonce.as_ref(), None).await,
        }
    }

    /// Says that something was not accepted; too much of that ends the connection.
    pub(super) async fn refuse(
        &mut self,
        socket: &mut Socket,
        code: ErrorCode,
        nonce: Option<&Nonce>,
        retry_after: Option<Duration>,
    ) -> Result<(), End> {
        // Rounded up: whoever waits that long is let through.
        let retry_after_ms = retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX) + 1);
        outbound::send(socket, &ServerFrame::Error { code, nonce, retry_after_ms }).await?;
        if code.is_fault() && self.faults.count(Instant::now()) {
            return Err(farewell(Bye::Policy));
        }
        Ok(())
    }

    async fn obey(&mut self, socket: &mut Socket, frame: ClientFrame) -> Result<(), End> {
        match frame {
            ClientFrame::Join { since } => self.join(socket, since).await,
            ClientFrame::Ping => {
                let head = self.room.head().flatten();
                Ok(outbound::send(socket, &ServerFrame::Pong { head }).await?)
            }
            ClientFrame::Message { nonce, text } => self.say(socket, nonce, &text).await,
            ClientFrame::Typing { active } => self.type_on(socket, active).await,
        }
    }

    async fn join(&mut self, socket: &mut Socket, since: Option<Id>) -> Result<(), End> {
        if self.membership.is_some()
            && let Some(wait) = self.timers.next_rejoin(Instant::now())
        {
            return self.refuse(socket, ErrorCode::RateLimited, None, Some(wait)).await;
        }
        let (room, person) = (self.room.clone(), self.person.clone());
        self.asked = Some(match self.membership.take() {
            None => Box::pin(async move { Answer::Joined(room.join(person, since).await) }),
            Some(membership) => Box::pin(async move {
                let result = membership.catch_up(since).await;
                Answer::CaughtUp(membership, result)
            }),
        });
        Ok(())
    }

    async fn say(&mut self, socket: &mut Socket, nonce: Nonce, text: &str) -> Result<(), End> {
        if self.membership.is_none() {
            return self.refuse(socket, ErrorCode::NotJoined, Some(&nonce), None).await;
        }
        let text = match Text::parse(text) {
            Ok(text) => text,
            Err(error) => {
                let code = match error {
                    TextError::Empty => ErrorCode::Empty,
                    TextError::TooLong => ErrorCode::TooLong,
                };
                return self.refuse(socket, code, Some(&nonce), None).await;
            }
        };
        if let Err(wait) = self.allowance.take(Instant::now()) {
            return self.refuse(socket, ErrorCode::RateLimited, Some(&nonce), Some(wait)).await;
        }
        if let Some(membership) = &self.membership {
            let said = membership.say(nonce.clone(), text);
            self.asked = Some(Box::pin(async move { Answer::Said(nonce, said.await) }));
        }
        Ok(())
    }

    async fn type_on(&mut self, socket: &mut Socket, active: bool) -> Result<(), End> {
        let Some(membership) = &self.membership else {
            return self.refuse(socket, ErrorCode::NotJoined, None, None).await;
        };
        // Too often says nothing new: it is dropped, not punished.
        if self.timers.may_type(active, Instant::now()) {
            let typing = membership.typing(active);
            self.telling.get_or_insert_with(|| Box::pin(typing));
        }
        Ok(())
    }
}
