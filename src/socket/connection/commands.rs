//! Handles the frames that a client sends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Connection, Disconnect, RoomReply, farewell};
use crate::{
    automod::{RuleViolation, Sender, SenderKind, SharedChecks},
    backplane::{NewState, Unavailable},
    name::{Name, NameError},
    protocol::{Bye, ClientFrame, CloseCode, ErrorCode, Id, Malformed, Nonce, ServerFrame, Text, TextError},
    room::{Attention, Recipient, ResumePoint},
    socket::{frame_reader::Inbound, transport::Transport},
    telemetry::instruments,
    websocket::{Received, pong_frame},
};

/// A person's command to the room.
enum Submission {
    /// A message, what it answers, and the name that a program shows after its own.
    Message { text: Text, reply_to: Option<Id>, alias: Option<String> },
    /// A change of a message.
    Change(Id, NewState),
}

impl Submission {
    /// The bytes of its text, as clients are sent it.
    fn bytes(&self) -> usize {
        match self {
            Self::Message { text, .. } | Self::Change(_, NewState::Edited(text)) => text.encoded_len(),
            Self::Change(_, NewState::Deleted) => 0,
        }
    }
}

impl Connection {
    pub(super) fn receive(&mut self, transport: &Arc<Transport>, inbound: Inbound) -> Result<(), Disconnect> {
        let received = match inbound {
            Inbound::Frame(received) => received,
            Inbound::Violation(violation) => return Err(Disconnect::Code(violation.code())),
            Inbound::Closed => return Err(Disconnect::Lost),
        };
        self.timers.note_frame(Instant::now());
        match received {
            Received::Text(text) => match ClientFrame::parse(&text) {
                Ok(frame) => self.handle(transport, frame),
                Err(Malformed { nonce }) => self.refuse(transport, ErrorCode::BadFrame, nonce.as_ref(), None),
            },
            Received::Ping(payload) => {
                transport.send(pong_frame(&payload));
                Ok(())
            }
            Received::Pong => Ok(()),
            Received::Binary => Err(Disconnect::Code(CloseCode::Binary as u16)),
            Received::Close(code) => Err(Disconnect::ByClient(code)),
        }
    }

    /// Sends an error. Too many errors end the connection.
    pub(super) fn refuse(
        &mut self,
        transport: &Transport,
        code: ErrorCode,
        nonce: Option<&Nonce>,
        retry_after: Option<Duration>,
    ) -> Result<(), Disconnect> {
        send_error(transport, code, nonce, retry_after, None);
        if code.is_fault() && self.limits.is_one_error_too_many(Instant::now()) {
            return Err(farewell(Bye::Policy));
        }
        Ok(())
    }

    /// Sends the error of a text that a rule refuses. It ends no connection: the person need not know the rules.
    pub(super) fn refuse_text(transport: &Transport, nonce: &Nonce, violation: RuleViolation) {
        let RuleViolation { rule, retry_after } = violation;
        send_error(transport, ErrorCode::Refused, Some(nonce), retry_after, Some(rule.name()));
    }

    fn handle(&mut self, transport: &Arc<Transport>, frame: ClientFrame) -> Result<(), Disconnect> {
        match frame {
            ClientFrame::Join { since, changes } => self.join(transport, ResumePoint { since, changes }),
            ClientFrame::Ping => {
                let pong = ServerFrame::Pong { head: self.context.room.head() }.encode();
                match &self.membership {
                    // It follows the message that it names: a client that lacks the newest message joins again.
                    Some(membership) if membership.try_send(pong.clone()) => {}
                    Some(_) => transport.send(ServerFrame::Pong { head: None }.encode()),
                    None => transport.send(pong),
                }
                Ok(())
            }
            ClientFrame::Message { nonce, text, reply_to, alias } => {
                let Ok(alias) = self.alias(alias) else {
                    return self.refuse(transport, ErrorCode::BadFrame, Some(&nonce), None);
                };
                let message = Text::parse(&text).map(|text| Submission::Message { text, reply_to, alias });
                self.submit(transport, nonce, message)
            }
            ClientFrame::Edit { nonce, id, text } => {
                let edit = Text::parse(&text).map(|text| Submission::Change(id, NewState::Edited(text)));
                self.submit(transport, nonce, edit)
            }
            ClientFrame::Delete { nonce, id } => {
                self.submit(transport, nonce, Ok(Submission::Change(id, NewState::Deleted)))
            }
            ClientFrame::Typing { active } => self.note_typing(transport, active),
            ClientFrame::Attention { visible } => self.note_attention(transport, visible),
        }
    }

    /// Returns the name that a program shows after its own; other people have none.
    fn alias(&self, alias: Option<String>) -> Result<Option<String>, NameError> {
        let alias = alias.filter(|_| self.person.session.is_bot()).map(|alias| Name::parse(&alias)).transpose()?;
        Ok(alias.map(|name| name.shown().to_owned()))
    }

    fn join(&mut self, transport: &Arc<Transport>, from: ResumePoint) -> Result<(), Disconnect> {
        if self.membership.is_some()
            && let Err(wait) = self.limits.rejoin(Instant::now())
        {
            return self.refuse(transport, ErrorCode::RateLimited, None, Some(wait));
        }
        self.call = Some(if let Some(membership) = &self.membership {
            let rejoined = membership.rejoin(from.since);
            Box::pin(async move { RoomReply::Rejoined(rejoined.await) })
        } else {
            let (room, person, recipient) = (self.context.room.clone(), self.located_person(), Arc::clone(transport));
            let pass = self.pass.clone();
            Box::pin(async move {
                let Ok(person) = person.await else { return RoomReply::Joined(Err(Unavailable.into())) };
                let joined = room.join(person, from, recipient).await;
                RoomReply::Joined(joined.map(|membership| membership.with_pass(pass)))
            })
        });
        Ok(())
    }

    fn submit(
        &mut self,
        transport: &Arc<Transport>,
        nonce: Nonce,
        submission: Result<Submission, TextError>,
    ) -> Result<(), Disconnect> {
        let Some(membership) = &self.membership else {
            return self.refuse(transport, ErrorCode::NotJoined, Some(&nonce), None);
        };
        let submission = match submission {
            Ok(submission) => submission,
            Err(TextError::Empty) => return self.refuse(transport, ErrorCode::Empty, Some(&nonce), None),
            Err(TextError::TooLong) => return self.refuse(transport, ErrorCode::TooLong, Some(&nonce), None),
        };
        let context = &self.context;
        let is_bot = self.person.session.is_bot();
        let limits = if is_bot { &context.bot_message_limits } else { &context.message_limits };
        if let Err(wait) = limits.admit(&self.person.session, self.address.key, submission.bytes(), Instant::now()) {
            return self.refuse(transport, ErrorCode::RateLimited, Some(&nonce), Some(wait));
        }
        let checked = self.check_rules(&submission);
        if self.is_hidden {
            // If too much is queued, the message is sent with the gathered frames.
            membership.try_attend(Attention::Spoke);
        }
        let own_nonce = nonce.clone();
        self.call = Some(match submission {
            Submission::Message { text, reply_to, alias } => {
                let published = membership.send_message(nonce, text, reply_to, alias, checked);
                Box::pin(async move { RoomReply::Published(own_nonce, published.await) })
            }
            Submission::Change(id, state) => {
                let changed = membership.change_message(nonce, id, state, checked);
                Box::pin(async move { RoomReply::Published(own_nonce, changed.await) })
            }
        });
        Ok(())
    }

    /// Checks a text by the rules that apply by themselves. Returns what is left to check.
    fn check_rules(&self, submission: &Submission) -> Result<SharedChecks, RuleViolation> {
        let checker = self.context.room.rule_checker();
        let is_bot = self.person.session.is_bot();
        let kind = if is_bot { SenderKind::Program } else { SenderKind::Person };
        let sender = Sender { kind, since_ms: self.since_ms };
        let now_ms = self.context.room.now_ms();
        match submission {
            Submission::Message { text, .. } | Submission::Change(_, NewState::Edited(text)) => {
                // The address of a trusted proxy is everybody's.
                let address = || {
                    (!self.address.is_proxy).then(|| self.context.room.known_address_hash(self.address.key)).flatten()
                };
                checker.check(text.as_str(), sender, address, now_ms)
            }
            Submission::Change(_, NewState::Deleted) => Ok(checker.check_pace(sender, now_ms)),
        }
    }

    fn note_attention(&mut self, transport: &Arc<Transport>, visible: bool) -> Result<(), Disconnect> {
        let Some(membership) = &self.membership else {
            return self.refuse(transport, ErrorCode::NotJoined, None, None);
        };
        if !membership.try_attend(if visible { Attention::Visible } else { Attention::Hidden }) {
            return self.refuse(transport, ErrorCode::Unavailable, None, None);
        }
        self.is_hidden = !visible;
        Ok(())
    }

    fn note_typing(&mut self, transport: &Arc<Transport>, active: bool) -> Result<(), Disconnect> {
        let Some(membership) = &self.membership else {
            return self.refuse(transport, ErrorCode::NotJoined, None, None);
        };
        // A note that comes too soon is ignored: it is no news.
        if self.limits.is_typing_news(active, Instant::now()) {
            let noted = membership.typing(active);
            self.typing_call.get_or_insert_with(|| Box::pin(noted));
        }
        Ok(())
    }
}

fn send_error(
    transport: &Transport,
    code: ErrorCode,
    nonce: Option<&Nonce>,
    retry_after: Option<Duration>,
    rule: Option<&'static str>,
) {
    // Rounded up: a client that waits that long is admitted.
    let retry_after_ms = retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX) + 1);
    instruments().refused(code.name());
    transport.send(ServerFrame::Error { code, nonce, retry_after_ms, rule }.encode());
}
