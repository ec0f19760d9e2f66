//! The life of one connection: one task, from the upgrade to the close frame. What the room sends goes past it,
//! straight into the socket; it reads, answers, and sees to what did not fit.

mod commands;
mod limits;
mod timers;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::TokioIo;
use rand::Rng;
use tokio::{
    sync::broadcast::{
        self,
        error::{RecvError, TryRecvError},
    },
    task::coop::consume_budget,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower_sessions::session::Id as SessionId;

pub(super) use self::limits::InboundPace;
use self::{
    limits::ClientLimits,
    timers::{Due, Timers},
};
use super::{
    Sockets,
    frame_reader::{FrameReader, Read},
    recent_sessions::KnownSession,
    transport::{Transport, TransportEvent},
};
use crate::{
    backplane::{Person, Unavailable},
    protocol::{Bye, ErrorCode, Id, Nonce, ServerFrame},
    room::{Ending, Farewell, JoinError, Membership, Recipient, Room, SayError},
    server::Stream,
    session::{Alive, Sessions, Unreadable},
    telemetry::instruments,
    websocket::{close_frame, ping_frame},
};

/// How long the upgraded connection may take to appear after the response.
const UPGRADE: Duration = Duration::from_secs(10);
/// Within which time sessions are looked up that may all have gone at once, so that not all are at once.
const RECHECKS: Duration = Duration::from_millis(500);

/// A connection and what it is allowed.
pub(super) struct Connection {
    sockets: Sockets,
    room: Room,
    sessions: Sessions,
    person: Person,
    session: SessionId,
    /// Whether the session is known to have joined; until then it lives for minutes only.
    has_joined: bool,
    /// Where the client comes from, as limits count it.
    address: IpAddr,
    limits: ClientLimits,
    timers: Timers,
    draining: CancellationToken,
    /// Sessions that end, as long as this one is not in the room, where it would be told.
    endings: Option<broadcast::Receiver<Ending>>,
    membership: Option<Membership>,
    /// What was asked of the room. Nothing more is read until it is answered, so that order is kept.
    asked: Option<BoxFuture<'static, Answer>>,
    /// What is being told of the person's typing.
    telling: Option<BoxFuture<'static, ()>>,
    /// Whether the session still exists.
    checking: Option<BoxFuture<'static, Result<Alive, Unreadable>>>,
}

/// Whose connection it is.
pub(super) struct AuthenticatedClient {
    pub(super) known: KnownSession,
    /// Their session.
    pub(super) id: SessionId,
    /// Whether it has joined before.
    pub(super) has_joined: bool,
    /// Where they come from, as limits know it.
    pub(super) address: IpAddr,
    /// Sessions that ended since this one was known to be alive.
    pub(super) endings: broadcast::Receiver<Ending>,
}

/// The two ways of a connection.
struct Io {
    frame_reader: FrameReader,
    transport: Arc<Transport>,
}

/// What the room answers.
enum Answer {
    Joined(Result<Membership, JoinError>),
    CaughtUp(Result<(), Unavailable>),
    Said(Nonce, Result<Id, SayError>),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disconnect {
    /// The client closed, with this code: it is answered in kind.
    Answered(Option<u16>),
    /// We say why and close.
    Farewell(Farewell),
    /// We close with a code alone.
    Code(u16),
    /// There is nobody to say anything to.
    Lost,
}

impl Disconnect {
    /// In a word, for who counts.
    fn reason(self) -> &'static str {
        match self {
            Self::Farewell(farewell) => farewell.reason.name(),
            Self::Answered(_) => "client",
            Self::Code(_) => "protocol",
            Self::Lost => "lost",
        }
    }
}

fn farewell(reason: Bye) -> Disconnect {
    Disconnect::Farewell(Farewell { reason, retry_after_ms: None })
}

impl Connection {
    pub(super) fn new(sockets: &Sockets, client: AuthenticatedClient) -> Self {
        let now = Instant::now();
        let AuthenticatedClient { known: KnownSession { person, touch }, id, has_joined, address, endings } = client;
        Self {
            sockets: sockets.clone(),
            room: sockets.0.room.clone(),
            sessions: sockets.0.sessions.clone(),
            address,
            person,
            session: id,
            has_joined,
            limits: ClientLimits::default(),
            timers: Timers::new(now, touch, sockets.0.sessions.touch_every()),
            draining: sockets.0.draining.clone(),
            endings: Some(endings),
            membership: None,
            asked: None,
            telling: None,
            checking: None,
        }
    }

    /// Runs until either side ends it. Boxed: else the task would have room for it again wherever it is handed on.
    pub(super) async fn run(mut self: Box<Self>, upgrade: OnUpgrade) {
        let Ok(Ok(upgraded)) = timeout(UPGRADE, upgrade).await else { return };
        // It is ours: the server knows no other kind of connection.
        let Ok(Parts { io, read_buf, .. }) = upgraded.downcast::<TokioIo<Stream>>() else { return };
        let (socket, _place) = io.into_inner().into_parts();
        let transport = Arc::new(Transport::new(socket, self.sockets.0.queue_memory.reservation()));
        let mut io = Io { frame_reader: FrameReader::new(&read_buf), transport: Arc::clone(&transport) };
        // Even empty it keeps the 8 KiB that the request was read into.
        drop(read_buf);
        let began = Instant::now();
        let session = self.person.session.clone();
        tracing::debug!(?session, "socket open");
        let end = self.serve(&mut io).await;
        if end == farewell(Bye::SessionEnded) {
            // Also one that only lost its name: it would be sent away again and again. It may be gone already.
            let _ = self.sessions.delete(&self.session).await;
        } else {
            self.remember();
        }
        // Whoever waits for the farewell is no longer in the room.
        drop((self, io));
        match end {
            Disconnect::Answered(code) => transport.finish(close_frame(code)).await,
            Disconnect::Farewell(farewell) => transport.finish(goodbye(farewell)).await,
            Disconnect::Code(code) => transport.finish(close_frame(Some(code))).await,
            Disconnect::Lost => transport.abandon(),
        }
        instruments().closed(end.reason());
        tracing::info!(?session, ?end, seconds = began.elapsed().as_secs(), "socket closed");
    }

    async fn serve(&mut self, io: &mut Io) -> Disconnect {
        loop {
            if let Err(end) = self.turn(io).await {
                return end;
            }
        }
    }

    /// Waits for one thing to happen, and does what follows from it.
    async fn turn(&mut self, io: &mut Io) -> Result<(), Disconnect> {
        let Io { frame_reader, transport } = io;
        let is_free = self.asked.is_none();
        if is_free && let Some(came) = frame_reader.next() {
            // While input waits, other tasks and the socket's own events still get their turn.
            consume_budget().await;
            return self.receive(transport, came);
        }
        let reads = is_free && !self.timers.is_paused();
        let outside = self.membership.is_none();
        tokio::select! {
            need = transport.next_event() => self.next_event(transport, need).await,
            answer = async { self.asked.as_mut().expect("checked below").await }, if !is_free => {
                self.asked = None;
                self.tell_answer(transport, answer)
            }
            alive = async { self.checking.as_mut().expect("checked below").await }, if self.checking.is_some() => {
                self.checking = None;
                self.take_check(alive).await
            }
            () = async { self.telling.as_mut().expect("checked below").await }, if self.telling.is_some() => {
                self.telling = None;
                Ok(())
            }
            read = frame_reader.read(transport), if reads => self.charge(read),
            () = self.draining.cancelled(), if outside => Err(farewell(Bye::Restart)),
            ended = async { self.endings.as_mut().expect("checked below").recv().await }, if self.endings.is_some() => {
                self.take_ending(ended)
            }
            due = self.timers.due(outside && is_free) => self.on_time(transport, due),
        }
    }

    /// Counts what was read. After too much of it nothing more is read for a while, so that TCP holds the client up; a
    /// client that goes on like that is cut.
    fn charge(&mut self, read: Read) -> Result<(), Disconnect> {
        let now = Instant::now();
        let pace = self.sockets.0.inbound_pace;
        if let Some(pause) = self.limits.charge_input(pace, read.frames, read.bytes, now) {
            if self.limits.is_one_pause_too_many(pause, now) {
                return Err(farewell(Bye::Policy));
            }
            self.timers.pause(pause, now);
        }
        Ok(())
    }

    async fn next_event(&mut self, transport: &Transport, need: TransportEvent) -> Result<(), Disconnect> {
        match need {
            TransportEvent::Farewell(farewell) => Err(self.close_in_order(transport, farewell).await),
            TransportEvent::Recheck => {
                self.timers.check_within(rand::rng().random_range(Duration::ZERO..RECHECKS), Instant::now());
                Ok(())
            }
            TransportEvent::Broken => Err(Disconnect::Lost),
            TransportEvent::Stalled => Err(farewell(Bye::TooSlow)),
        }
    }

    /// What was asked before is still answered.
    async fn close_in_order(&mut self, transport: &Transport, farewell: Farewell) -> Disconnect {
        if let Some(asked) = self.asked.take() {
            let answer = asked.await;
            if let Err(end) = self.tell_answer(transport, answer) {
                return end;
            }
        }
        Disconnect::Farewell(farewell)
    }

    fn tell_answer(&mut self, transport: &Transport, answer: Answer) -> Result<(), Disconnect> {
        match answer {
            Answer::Joined(Ok(membership)) => {
                self.membership = Some(membership);
                if !self.has_joined {
                    // Instead of a check from before the join.
                    self.checking = None;
                    self.check_session();
                }
                self.take_last_endings()
            }
            Answer::CaughtUp(Ok(())) => Ok(()),
            Answer::CaughtUp(Err(Unavailable)) => self.refuse(transport, ErrorCode::Unavailable, None, None),
            Answer::Joined(Err(JoinError::Ended)) => Err(farewell(Bye::SessionEnded)),
            Answer::Joined(Err(JoinError::Unavailable(_))) => {
                self.timers.expect_join(Instant::now());
                self.refuse(transport, ErrorCode::Unavailable, None, None)
            }
            Answer::Said(nonce, Ok(id)) => {
                transport.send(ServerFrame::Ack { nonce: &nonce, id }.encode());
                Ok(())
            }
            Answer::Said(_, Err(SayError::Ended)) => Err(farewell(Bye::SessionEnded)),
            Answer::Said(nonce, Err(SayError::BadNonce)) => {
                self.refuse(transport, ErrorCode::BadNonce, Some(&nonce), None)
            }
            Answer::Said(nonce, Err(SayError::Limited(wait))) => {
                self.refuse(transport, ErrorCode::RateLimited, Some(&nonce), Some(wait))
            }
            Answer::Said(nonce, Err(SayError::Unavailable(_))) => {
                self.refuse(transport, ErrorCode::Unavailable, Some(&nonce), None)
            }
        }
    }

    fn on_time(&mut self, transport: &Transport, due: Due) -> Result<(), Disconnect> {
        match due {
            Due::Ping => {
                transport.send(ping_frame());
                Ok(())
            }
            Due::Check => {
                self.check_session();
                Ok(())
            }
            Due::Join => Err(farewell(Bye::Policy)),
            Due::Silence => Err(farewell(Bye::Silent)),
            Due::Nothing => Ok(()),
        }
    }

    /// What ended before the room knew of this connection: from now on it is told.
    fn take_last_endings(&mut self) -> Result<(), Disconnect> {
        let Some(mut endings) = self.endings.take() else { return Ok(()) };
        loop {
            match endings.try_recv() {
                Ok(ending) => self.take_ending(Ok(ending))?,
                Err(TryRecvError::Lagged(missed)) => self.take_ending(Err(RecvError::Lagged(missed)))?,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(()),
            }
        }
    }

    fn take_ending(&mut self, ended: Result<Ending, RecvError>) -> Result<(), Disconnect> {
        match ended {
            Ok(Ending::Session(session)) if session == self.person.session => Err(farewell(Bye::SessionEnded)),
            Ok(Ending::Session(_)) => Ok(()),
            Ok(Ending::Any) | Err(_) => {
                self.check_session();
                Ok(())
            }
        }
    }

    /// Whoever comes back soon need not be looked up.
    fn remember(&self) {
        if !self.has_joined {
            return;
        }
        let known = KnownSession { person: self.person.clone(), touch: self.timers.next_check() };
        self.sockets.0.recent_sessions.remember(self.session, known, Instant::now());
    }

    fn check_session(&mut self) {
        let (sessions, id, has_joined) = (self.sessions.clone(), self.session, self.membership.is_some());
        self.checking.get_or_insert_with(|| {
            Box::pin(
                async move { if has_joined { sessions.touch_joined(&id).await } else { sessions.touch(&id).await } },
            )
        });
    }

    async fn take_check(&mut self, alive: Result<Alive, Unreadable>) -> Result<(), Disconnect> {
        match alive {
            Ok(Alive::No) => {}
            Ok(Alive::Yes) => {
                self.has_joined |= self.membership.is_some();
                return Ok(());
            }
            // It may have ended: asked again soon, by each connection at another time.
            Err(Unreadable) => {
                self.timers.check_within(rand::rng().random_range(RECHECKS..RECHECKS * 10), Instant::now());
                return Ok(());
            }
        }
        // It has expired, or somebody ended it: either way it is to end everywhere.
        let _ = self.room.end(&self.person.session, &self.person.name_key).await;
        Err(farewell(Bye::SessionEnded))
    }
}

/// A `bye` and the close frame that goes with it, in one piece.
fn goodbye(Farewell { reason, retry_after_ms }: Farewell) -> bytes::Bytes {
    let bye = ServerFrame::Bye { reason, retry_after_ms }.encode();
    [bye, close_frame(Some(reason.code() as u16))].concat().into()
}
