//! The life of one connection: one task, from the upgrade to the close frame.

mod inbound;
mod timers;

use std::time::Instant;

use futures_util::{StreamExt, future::BoxFuture};
use hyper::upgrade::OnUpgrade;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower_sessions::session::Id as SessionId;

use self::timers::{Due, Timers};
use super::{
    Sockets,
    allowance::Allowance,
    faults::Faults,
    outbound::{self, Lost, Socket},
};
use crate::{
    backplane::{Hold, SessionTag, Unavailable},
    protocol::{Bye, CloseCode, ErrorCode, Id, Nonce, ServerFrame},
    room::{Delivery, Farewell, JoinError, Membership, Room, SayError},
    session::{Alive, Person, Sessions, Unreadable},
};

/// How long the upgraded connection may take to appear after the response.
const UPGRADE: std::time::Duration = std::time::Duration::from_secs(10);

/// A connection and what it is allowed.
pub(super) struct Connection {
    room: Room,
    sessions: Sessions,
    person: Hold,
    session: SessionId,
    allowance: Allowance,
    faults: Faults,
    timers: Timers,
    draining: CancellationToken,
    /// Sessions that end, as long as this one is not in the room, where it would be told.
    endings: broadcast::Receiver<SessionTag>,
    membership: Option<Membership>,
    /// What was asked of the room. Nothing more is read until it is answered, so that order is kept.
    asked: Option<BoxFuture<'static, Answer>>,
    /// What is being told of the person's typing.
    telling: Option<BoxFuture<'static, ()>>,
    /// Whether the session still exists.
    checking: Option<BoxFuture<'static, Result<Alive, Unreadable>>>,
}

/// What the room answers.
enum Answer {
    Joined(Result<Membership, JoinError>),
    CaughtUp(Membership, Result<(), Unavailable>),
    Said(Nonce, Result<Id, SayError>),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client closed, or broke the framing: the WebSocket library has answered.
    Answered,
    /// We say why and close.
    Farewell(Farewell),
    /// We close with a code alone.
    Code(CloseCode),
    /// There is nobody to say anything to.
    Lost,
}

impl From<Lost> for End {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Broken => Self::Lost,
            Lost::Behind => farewell(Bye::TooSlow),
        }
    }
}

fn farewell(reason: Bye) -> End {
    End::Farewell(Farewell { reason, retry_after_ms: None })
}

impl Connection {
    pub(super) fn new(sockets: &Sockets, person: Person, session: SessionId) -> Self {
        let now = Instant::now();
        let Person { name, who, tag } = person;
        Self {
            room: sockets.0.room.clone(),
            sessions: sockets.0.sessions.clone(),
            allowance: sockets.0.allowances.of(&tag, now),
            person: Hold { who, name, session: tag },
            session,
            faults: Faults::default(),
            timers: Timers::new(now),
            draining: sockets.0.draining.clone(),
            endings: sockets.0.room.endings(),
            membership: None,
            asked: None,
            telling: None,
            checking: None,
        }
    }

    /// Runs until either side ends it.
    pub(super) async fn run(mut self, upgrade: OnUpgrade) {
        let Ok(Ok(upgraded)) = timeout(UPGRADE, upgrade).await else { return };
        let began = Instant::now();
        let session = self.person.session.clone();
        tracing::debug!(?session, "socket open");
        let mut socket = outbound::speak(upgraded);
        let end = self.serve(&mut socket).await;
        if end == farewell(Bye::SessionEnded) {
            // Also one that only lost its name: it would be sent away again and again. It may be gone already.
            let _ = self.sessions.delete(&self.session).await;
        }
        // Whoever waits for the farewell is no longer in the room.
        drop(self);
        match end {
            End::Answered => outbound::finish(socket).await,
            End::Farewell(farewell) => outbound::bid_farewell(socket, farewell).await,
            End::Code(code) => outbound::close(socket, code).await,
            End::Lost => {}
        }
        tracing::info!(?session, ?end, seconds = began.elapsed().as_secs(), "socket closed");
    }

    async fn serve(&mut self, socket: &mut Socket) -> End {
        loop {
            if let Err(end) = self.turn(socket).await {
                return end;
            }
        }
    }

    /// Waits for one thing to happen, and does what follows from it.
    async fn turn(&mut self, socket: &mut Socket) -> Result<(), End> {
        let is_free = self.asked.is_none();
        let (inbox, outside) = match &mut self.membership {
            Some(membership) => (Some(membership.inbox()), false),
            None => (None, true),
        };
        tokio::select! {
            delivery = async { inbox.expect("checked below").next().await }, if !outside => self.send(socket, delivery).await,
            answer = async { self.asked.as_mut().expect("checked below").await }, if !is_free => {
                self.asked = None;
                self.tell_answer(socket, answer).await
            }
            alive = async { self.checking.as_mut().expect("checked below").await }, if self.checking.is_some() => {
                self.checking = None;
                self.take_check(alive).await
            }
            () = async { self.telling.as_mut().expect("checked below").await }, if self.telling.is_some() => {
                self.telling = None;
                Ok(())
            }
            received = socket.next(), if is_free => self.receive(socket, received).await,
            () = self.draining.cancelled(), if outside => Err(farewell(Bye::Restart)),
            ended = self.endings.recv(), if outside => self.take_ending(ended),
            due = self.timers.due(outside && is_free) => self.on_time(socket, due).await,
        }
    }

    /// Sends what the room delivers, as much as there is at once.
    async fn send(&mut self, socket: &mut Socket, mut delivery: Delivery) -> Result<(), End> {
        loop {
            match delivery {
                Delivery::Frame(frame) => outbound::feed(socket, frame).await?,
                Delivery::Close(farewell) => return Err(self.close_in_order(socket, farewell).await),
            }
            match self.membership.as_mut().and_then(|membership| membership.inbox().try_next()) {
                Some(next) => delivery = next,
                None => return Ok(outbound::flush(socket).await?),
            }
        }
    }

    /// What was asked before is still answered.
    async fn close_in_order(&mut self, socket: &mut Socket, farewell: Farewell) -> End {
        if let Some(asked) = self.asked.take() {
            let answer = asked.await;
            if let Err(end) = self.tell_answer(socket, answer).await {
                return end;
            }
        }
        End::Farewell(farewell)
    }

    async fn tell_answer(&mut self, socket: &mut Socket, answer: Answer) -> Result<(), End> {
        match answer {
            Answer::Joined(Ok(membership)) => {
                self.membership = Some(membership);
                // It may have been ended while it was not yet seen to be here.
                self.check_session();
                Ok(())
            }
            Answer::CaughtUp(membership, result) => {
                self.membership = Some(membership);
                match result {
                    Ok(()) => Ok(()),
                    Err(Unavailable) => self.refuse(socket, ErrorCode::Unavailable, None, None).await,
                }
            }
            Answer::Joined(Err(JoinError::Ended)) => Err(farewell(Bye::SessionEnded)),
            Answer::Joined(Err(JoinError::Unavailable(_))) => {
                self.timers.expect_join(Instant::now());
                self.refuse(socket, ErrorCode::Unavailable, None, None).await
            }
            Answer::Said(nonce, Ok(id)) => Ok(outbound::send(socket, &ServerFrame::Ack { nonce: &nonce, id }).await?),
            Answer::Said(_, Err(SayError::Ended)) => Err(farewell(Bye::SessionEnded)),
            Answer::Said(nonce, Err(SayError::BadNonce)) => {
                self.refuse(socket, ErrorCode::BadNonce, Some(&nonce), None).await
            }
            Answer::Said(nonce, Err(SayError::Unavailable(_))) => {
                self.refuse(socket, ErrorCode::Unavailable, Some(&nonce), None).await
            }
        }
    }

    async fn on_time(&mut self, socket: &mut Socket, due: Due) -> Result<(), End> {
        match due {
            Due::Ping => Ok(outbound::ping(socket).await?),
            Due::Check => {
                self.check_session();
                Ok(())
            }
            Due::Join => Err(farewell(Bye::Policy)),
            Due::Silence => Err(farewell(Bye::Silent)),
        }
    }

    fn take_ending(&mut self, ended: Result<SessionTag, RecvError>) -> Result<(), End> {
        match ended {
            Ok(session) if session == self.person.session => Err(farewell(Bye::SessionEnded)),
            Ok(_) => Ok(()),
            Err(_) => {
                self.check_session();
                Ok(())
            }
        }
    }

    fn check_session(&mut self) {
        let (sessions, id) = (self.sessions.clone(), self.session);
        self.checking.get_or_insert_with(|| Box::pin(async move { sessions.touch(&id).await }));
    }

    async fn take_check(&mut self, alive: Result<Alive, Unreadable>) -> Result<(), End> {
        if alive != Ok(Alive::No) {
            return Ok(());
        }
        // It has expired, or somebody ended it: either way it is to end everywhere.
        let _ = self.room.end(&self.person.session, &self.person.who).await;
        Err(farewell(Bye::SessionEnded))
    }
}
