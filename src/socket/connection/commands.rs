//! What a client sends, and what follows from it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Answer, Connection, End, farewell};
use crate::{
    protocol::{Bye, ClientFrame, CloseCode, ErrorCode, Id, Malformed, Nonce, ServerFrame, Text, TextError},
    room::Recipient,
    socket::{inbound::Came, outbox::Outbox},
    telemetry::instruments,
    websocket::{Received, pong_frame},
};

impl Connection {
    pub(super) fn receive(&mut self, outbox: &Arc<Outbox>, came: Came) -> Result<(), End> {
        let received = match came {
            Came::Frame(received) => received,
            Came::Broken(violation) => return Err(End::Code(violation.code())),
            Came::End => return Err(End::Lost),
        };
        self.timers.note_heard(Instant::now());
        match received {
            Received::Text(text) => match ClientFrame::parse(&text) {
                Ok(frame) => self.obey(outbox, frame),
                Err(Malformed { nonce }) => self.refuse(outbox, ErrorCode::BadFrame, nonce.as_ref(), None),
            },
            Received::Ping(payload) => {
                outbox.send(pong_frame(&payload));
                Ok(())
            }
            Received::Pong => Ok(()),
            Received::Binary => Err(End::Code(CloseCode::Binary as u16)),
            Received::Close(code) => Err(End::Answered(code)),
        }
    }

    /// Says that something was not accepted; too much of that ends the connection.
    pub(super) fn refuse(
        &mut self,
        outbox: &Outbox,
        code: ErrorCode,
        nonce: Option<&Nonce>,
        retry_after: Option<Duration>,
    ) -> Result<(), End> {
        // Rounded up: whoever waits that long is let through.
        let retry_after_ms = retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX) + 1);
        instruments().refused(code.name());
        outbox.send(ServerFrame::Error { code, nonce, retry_after_ms }.encode());
        if code.is_fault() && self.faults.count(Instant::now()) {
            return Err(farewell(Bye::Policy));
        }
        Ok(())
    }

    fn obey(&mut self, outbox: &Arc<Outbox>, frame: ClientFrame) -> Result<(), End> {
        match frame {
            ClientFrame::Join { since } => self.join(outbox, since),
            ClientFrame::Ping => {
                let head = self.room.head().flatten();
                let pong = ServerFrame::Pong { head }.encode();
                // Not before what it speaks of: a client that lacks the newest message joins again.
                match &self.membership {
                    Some(membership) => membership.send(pong),
                    None => outbox.send(pong),
                }
                Ok(())
            }
            ClientFrame::Message { nonce, text } => self.say(outbox, nonce, &text),
            ClientFrame::Typing { active } => self.type_on(outbox, active),
        }
    }

    fn join(&mut self, outbox: &Arc<Outbox>, since: Option<Id>) -> Result<(), End> {
        if self.membership.is_some()
            && let Some(wait) = self.timers.next_rejoin(Instant::now())
        {
            return self.refuse(outbox, ErrorCode::RateLimited, None, Some(wait));
        }
        self.asked = Some(if let Some(membership) = &self.membership {
            let caught_up = membership.catch_up(since);
            Box::pin(async move { Answer::CaughtUp(caught_up.await) })
        } else {
            let (room, person, recipient) = (self.room.clone(), self.person.clone(), Arc::clone(outbox));
            Box::pin(async move { Answer::Joined(room.join(person, since, recipient).await) })
        });
        Ok(())
    }

    fn say(&mut self, outbox: &Arc<Outbox>, nonce: Nonce, text: &str) -> Result<(), End> {
        if self.membership.is_none() {
            return self.refuse(outbox, ErrorCode::NotJoined, Some(&nonce), None);
        }
        let text = match Text::parse(text) {
            Ok(text) => text,
            Err(error) => {
                let code = match error {
                    TextError::Empty => ErrorCode::Empty,
                    TextError::TooLong => ErrorCode::TooLong,
                };
                return self.refuse(outbox, code, Some(&nonce), None);
            }
        };
        if let Err(wait) = self.allowance.take(Instant::now()) {
            return self.refuse(outbox, ErrorCode::RateLimited, Some(&nonce), Some(wait));
        }
        if let Some(membership) = &self.membership {
            let said = membership.say(nonce.clone(), text);
            self.asked = Some(Box::pin(async move { Answer::Said(nonce, said.await) }));
        }
        Ok(())
    }

    fn type_on(&mut self, outbox: &Arc<Outbox>, active: bool) -> Result<(), End> {
        let Some(membership) = &self.membership else {
            return self.refuse(outbox, ErrorCode::NotJoined, None, None);
        };
        // Too often says nothing new: it is dropped, not punished.
        if self.timers.may_type(active, Instant::now()) {
            let typing = membership.typing(active);
            self.telling.get_or_insert_with(|| Box::pin(typing));
        }
        Ok(())
    }
}
