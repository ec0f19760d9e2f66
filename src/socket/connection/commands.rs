//! What a client sends, and what follows from it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Answer, Connection, Disconnect, farewell};
use crate::{
    protocol::{Bye, ClientFrame, CloseCode, ErrorCode, Id, Malformed, Nonce, ServerFrame, Text, TextError},
    room::Recipient,
    socket::{frame_reader::Inbound, transport::Transport},
    telemetry::instruments,
    websocket::{Received, pong_frame},
};

impl Connection {
    pub(super) fn receive(&mut self, transport: &Arc<Transport>, came: Inbound) -> Result<(), Disconnect> {
        let received = match came {
            Inbound::Frame(received) => received,
            Inbound::Broken(violation) => return Err(Disconnect::Code(violation.code())),
            Inbound::Closed => return Err(Disconnect::Lost),
        };
        self.timers.note_heard(Instant::now());
        match received {
            Received::Text(text) => match ClientFrame::parse(&text) {
                Ok(frame) => self.obey(transport, frame),
                Err(Malformed { nonce }) => self.refuse(transport, ErrorCode::BadFrame, nonce.as_ref(), None),
            },
            Received::Ping(payload) => {
                transport.send(pong_frame(&payload));
                Ok(())
            }
            Received::Pong => Ok(()),
            Received::Binary => Err(Disconnect::Code(CloseCode::Binary as u16)),
            Received::Close(code) => Err(Disconnect::Answered(code)),
        }
    }

    /// Says that something was not accepted; too much of that ends the connection.
    pub(super) fn refuse(
        &mut self,
        transport: &Transport,
        code: ErrorCode,
        nonce: Option<&Nonce>,
        retry_after: Option<Duration>,
    ) -> Result<(), Disconnect> {
        // Rounded up: whoever waits that long is let through.
        let retry_after_ms = retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX) + 1);
        instruments().refused(code.name());
        transport.send(ServerFrame::Error { code, nonce, retry_after_ms }.encode());
        if code.is_fault() && self.limits.is_one_error_too_many(Instant::now()) {
            return Err(farewell(Bye::Policy));
        }
        Ok(())
    }

    fn obey(&mut self, transport: &Arc<Transport>, frame: ClientFrame) -> Result<(), Disconnect> {
        match frame {
            ClientFrame::Join { since } => self.join(transport, since),
            ClientFrame::Ping => {
                let head = self.room.head();
                let pong = ServerFrame::Pong { head }.encode();
                // Not before what it speaks of: a client that lacks the newest message joins again.
                match &self.membership {
                    Some(membership) => membership.send_frame(pong),
                    None => transport.send(pong),
                }
                Ok(())
            }
            ClientFrame::Message { nonce, text } => self.say(transport, nonce, &text),
            ClientFrame::Typing { active } => self.type_on(transport, active),
        }
    }

    fn join(&mut self, transport: &Arc<Transport>, since: Option<Id>) -> Result<(), Disconnect> {
        if self.membership.is_some()
            && let Err(wait) = self.limits.rejoin(Instant::now())
        {
            return self.refuse(transport, ErrorCode::RateLimited, None, Some(wait));
        }
        self.asked = Some(if let Some(membership) = &self.membership {
            let caught_up = membership.rejoin(since);
            Box::pin(async move { Answer::CaughtUp(caught_up.await) })
        } else {
            let (room, person, recipient) = (self.room.clone(), self.person.clone(), Arc::clone(transport));
            Box::pin(async move { Answer::Joined(room.join(person, since, recipient).await) })
        });
        Ok(())
    }

    fn say(&mut self, transport: &Arc<Transport>, nonce: Nonce, text: &str) -> Result<(), Disconnect> {
        if self.membership.is_none() {
            return self.refuse(transport, ErrorCode::NotJoined, Some(&nonce), None);
        }
        let text = match Text::parse(text) {
            Ok(text) => text,
            Err(error) => {
                let code = match error {
                    TextError::Empty => ErrorCode::Empty,
                    TextError::TooLong => ErrorCode::TooLong,
                };
                return self.refuse(transport, code, Some(&nonce), None);
            }
        };
        let limits = &self.sockets.0.message_limits;
        if let Err(wait) = limits.take(&self.person.session, self.address, text.encoded_len(), Instant::now()) {
            return self.refuse(transport, ErrorCode::RateLimited, Some(&nonce), Some(wait));
        }
        if let Some(membership) = &self.membership {
            let said = membership.send_message(nonce.clone(), text);
            self.asked = Some(Box::pin(async move { Answer::Said(nonce, said.await) }));
        }
        Ok(())
    }

    fn type_on(&mut self, transport: &Arc<Transport>, active: bool) -> Result<(), Disconnect> {
        let Some(membership) = &self.membership else {
            return self.refuse(transport, ErrorCode::NotJoined, None, None);
        };
        // Too often says nothing new: it is dropped, not punished.
        if self.limits.is_typing_news(active, Instant::now()) {
            let typing = membership.typing(active);
            self.telling.get_or_insert_with(|| Box::pin(typing));
        }
        Ok(())
    }
}
