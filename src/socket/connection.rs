//! The life of one connection: one task, from the upgrade to the close frame. Frames of the room are written straight into the
//! socket by the room's own tasks; this task reads, replies, and writes what the socket did not take at once.

mod commands;
mod disconnect;
mod limits;
mod timers;

use std::{
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
use tower_sessions::session::Id as SessionId;

pub(super) use self::limits::InboundPace;
use self::{
    disconnect::{Disconnect, farewell, goodbye},
    limits::ClientLimits,
    timers::{Due, Timers},
};
use super::{
    SocketContext, Sockets,
    client_address::ClientAddress,
    frame_reader::{FrameReader, ReadSize},
    transport::{Transport, TransportEvent},
};
use crate::{
    backplane::{Claim, Person, PublishError, Unavailable},
    protocol::{Bye, ErrorCode, Id, Nonce, ServerFrame, SessionEnd},
    room::{Ending, Farewell, JoinError, Membership, Recipient},
    server::Stream,
    session::{Alive, ModeratorPass, Unreadable},
    telemetry::instruments,
    websocket::{close_frame, ping_frame},
};

/// How long the upgraded connection may take to appear after the response.
const UPGRADE: Duration = Duration::from_secs(10);
/// Time over which connections spread their next look-ups after one that failed.
const RETRY_SPREAD: std::ops::Range<Duration> = Duration::from_millis(500)..Duration::from_secs(5);

/// A client's connection.
pub(super) struct Connection {
    context: Arc<SocketContext>,
    person: Person,
    /// None: a program, which has a token in place of a session.
    session: Option<SessionId>,
    /// Whether the session is known to have joined; until then it lives for minutes only.
    has_joined: bool,
    /// When the person signed in, in Unix milliseconds; 0: not known.
    since_ms: u64,
    /// The client's address, as limits count it.
    address: ClientAddress,
    /// Present if a moderator opened the connection.
    pass: Option<ModeratorPass>,
    limits: ClientLimits,
    timers: Timers,
    /// Sessions that end, until the connection has joined: after that the room closes it.
    endings: Option<broadcast::Receiver<Ending>>,
    membership: Option<Membership>,
    /// The client has reported that its window is hidden.
    is_hidden: bool,
    /// A call of the room. No input is read until it has returned, so that replies keep the order.
    call: Option<BoxFuture<'static, RoomReply>>,
    /// A typing note on its way.
    typing_call: Option<BoxFuture<'static, ()>>,
    /// A look-up of the session.
    session_check: Option<BoxFuture<'static, Result<Alive, Unreadable>>>,
    /// The session was looked up and does not exist.
    has_expired: bool,
}

/// A client whose session was looked up.
pub(super) struct AuthenticatedClient {
    pub(super) person: Person,
    /// None: a program.
    pub(super) id: Option<SessionId>,
    /// Whether it has joined before.
    pub(super) has_joined: bool,
    /// When the person signed in, in Unix milliseconds; 0: not known.
    pub(super) since_ms: u64,
    /// The client's address, as limits count it.
    pub(super) address: ClientAddress,
    /// Present if the client is a signed-in moderator.
    pub(super) pass: Option<ModeratorPass>,
    /// Sessions that end, from before the look-up on.
    pub(super) endings: broadcast::Receiver<Ending>,
}

/// Both directions of a connection.
struct Io {
    frame_reader: FrameReader,
    transport: Arc<Transport>,
}

/// The reply to a call of the room.
enum RoomReply {
    Joined(Result<Membership, JoinError>),
    Rejoined(Result<(), Unavailable>),
    Published(Nonce, Result<Id, PublishError>),
}

impl Connection {
    pub(super) fn new(sockets: &Sockets, client: AuthenticatedClient) -> Self {
        let AuthenticatedClient { person, id, has_joined, since_ms, address, pass, endings } = client;
        let context = Arc::clone(&sockets.0);
        Self {
            person,
            session: id,
            has_joined,
            since_ms,
            address,
            pass,
            limits: ClientLimits::default(),
            timers: Timers::new(Instant::now(), context.sessions.touch_every()),
            context,
            endings: Some(endings),
            membership: None,
            is_hidden: false,
            call: None,
            typing_call: None,
            session_check: None,
            has_expired: false,
        }
    }

    /// Runs until either side closes. Boxed, because a task reserves memory for a future wherever it is moved.
    pub(super) async fn run(mut self: Box<Self>, upgrade: OnUpgrade) {
        let Ok(Ok(upgraded)) = timeout(UPGRADE, upgrade).await else { return };
        // The server has no other kind of connection.
        let Ok(Parts { io, read_buf, .. }) = upgraded.downcast::<TokioIo<Stream>>() else { return };
        let (socket, _permit) = io.into_inner().into_parts();
        let transport = Arc::new(Transport::new(socket, self.context.queue_memory.reservation()));
        let mut io = Io { frame_reader: FrameReader::new(&read_buf), transport: Arc::clone(&transport) };
        // Even empty it keeps the 8 KiB of the request's buffer.
        drop(read_buf);
        let opened_at = Instant::now();
        // Before, the client could not join: its request may have waited for its turn.
        self.timers.restart_join(opened_at);
        let session = self.person.session.clone();
        tracing::debug!(?session, "socket open");
        let end = self.serve(&mut io).await;
        let mut cause = None;
        if end == farewell(Bye::SessionEnded)
            && let Some(id) = &self.session
        {
            // It may exist: a session that only lost its name would be refused at every join.
            let (found, deleted) = (self.session_end(), self.context.sessions.delete(id));
            // Boxed: every connection would reserve memory for it.
            (cause, _) = Box::pin(async { tokio::join!(found, deleted) }).await;
        }
        // The connection leaves the room before it waits for the client to read the end.
        drop((self, io));
        match end {
            Disconnect::ByClient(code) => transport.finish(close_frame(code)).await,
            Disconnect::Farewell(farewell) => transport.finish(goodbye(farewell, cause)).await,
            Disconnect::Code(code) => transport.finish(close_frame(Some(code))).await,
            Disconnect::Lost => transport.abandon(),
        }
        instruments().closed(end.reason());
        tracing::info!(?session, ?end, seconds = opened_at.elapsed().as_secs(), "socket closed");
    }

    /// Finds out why the session ended. `None`: it was signed out or removed, or Redis does not answer.
    fn session_end(&self) -> impl Future<Output = Option<SessionEnd>> + Send + use<> {
        let (room, person, has_expired) = (self.context.room.clone(), self.located_person(), self.has_expired);
        async move {
            let Ok(person) = person.await else { return None };
            match room.check_claim(&person).await {
                Ok(Claim::Banned(_)) => Some(SessionEnd::Banned),
                _ if has_expired => Some(SessionEnd::Expired),
                Ok(Claim::Held { .. }) => Some(SessionEnd::NameLost),
                Ok(Claim::Mine) | Err(Unavailable) => None,
            }
        }
    }

    /// The person with the hash of their address. Programs and moderators have none, and an address that is a trusted proxy's own
    /// is everybody's.
    fn located_person(&self) -> impl Future<Output = Result<Person, Unavailable>> + Send + use<> {
        let is_exempt = self.person.session.is_bot() || self.pass.is_some() || self.address.is_proxy;
        let (room, mut person, address) = (self.context.room.clone(), self.person.clone(), self.address.key);
        async move {
            if !is_exempt {
                person.address = Some(room.address_hash(address).await?);
            }
            Ok(person)
        }
    }

    async fn serve(&mut self, io: &mut Io) -> Disconnect {
        loop {
            if let Err(end) = self.turn(io).await {
                return end;
            }
        }
    }

    /// Waits for one event, and handles it.
    async fn turn(&mut self, io: &mut Io) -> Result<(), Disconnect> {
        let Io { frame_reader, transport } = io;
        let is_free = self.call.is_none();
        if is_free && let Some(inbound) = frame_reader.next() {
            // Other tasks run while input is pending.
            consume_budget().await;
            return self.receive(transport, inbound);
        }
        let reads = is_free && !self.timers.is_paused();
        let outside = self.membership.is_none();
        tokio::select! {
            event = transport.next_event() => self.handle_event(transport, event).await,
            reply = async { self.call.as_mut().expect("checked below").await }, if !is_free => {
                self.call = None;
                self.handle_reply(transport, reply)
            }
            alive = async { self.session_check.as_mut().expect("checked below").await }, if self.session_check.is_some() => {
                self.session_check = None;
                self.handle_check(alive).await
            }
            () = async { self.typing_call.as_mut().expect("checked below").await }, if self.typing_call.is_some() => {
                self.typing_call = None;
                Ok(())
            }
            size = frame_reader.read(transport), if reads => self.charge(size),
            () = self.context.draining.cancelled(), if outside => Err(farewell(Bye::Restart)),
            ending = async { self.endings.as_mut().expect("checked below").recv().await }, if self.endings.is_some() => {
                self.handle_ending(ending)
            }
            due = self.timers.due(outside && is_free) => {
                // This task may run late: what the client has sent by now counts.
                let is_late = due == Due::Join && frame_reader.read_once(transport).frames > 0;
                if is_late && self.timers.extend_join(Instant::now()) { Ok(()) } else { self.handle_due(transport, due) }
            }
        }
    }

    /// Counts a read. A client that sends too much is not read for a while, so that TCP slows it down; one that goes on is
    /// disconnected.
    fn charge(&mut self, size: ReadSize) -> Result<(), Disconnect> {
        let now = Instant::now();
        if let Some(pause) = self.limits.charge_input(self.inbound_pace(), size.frames, size.bytes, now) {
            if self.limits.is_one_pause_too_many(pause, now) {
                return Err(farewell(Bye::Policy));
            }
            self.timers.pause(pause, now);
        }
        Ok(())
    }

    fn inbound_pace(&self) -> InboundPace {
        let context = &self.context;
        if self.person.session.is_bot() { context.bot_inbound_pace } else { context.inbound_pace }
    }

    async fn handle_event(&mut self, transport: &Transport, event: TransportEvent) -> Result<(), Disconnect> {
        match event {
            TransportEvent::Farewell(farewell) => Err(self.close_after_call(transport, farewell).await),
            TransportEvent::Recheck(spread) => {
                self.timers.check_within(rand::rng().random_range(Duration::ZERO..=spread), Instant::now());
                Ok(())
            }
            TransportEvent::Broken => Err(Disconnect::Lost),
            TransportEvent::Stalled => Err(farewell(Bye::TooSlow)),
        }
    }

    /// Replies to the call in flight first.
    async fn close_after_call(&mut self, transport: &Transport, farewell: Farewell) -> Disconnect {
        if let Some(call) = self.call.take() {
            let reply = call.await;
            if let Err(end) = self.handle_reply(transport, reply) {
                return end;
            }
        }
        Disconnect::Farewell(farewell)
    }

    fn handle_reply(&mut self, transport: &Transport, reply: RoomReply) -> Result<(), Disconnect> {
        match reply {
            RoomReply::Joined(Ok(membership)) => {
                self.membership = Some(membership);
                if !self.has_joined {
                    // Instead of a check from before the join.
                    self.session_check = None;
                    self.check_session();
                }
                self.handle_last_endings()
            }
            RoomReply::Joined(Err(JoinError::Ended)) => Err(farewell(Bye::SessionEnded)),
            RoomReply::Joined(Err(JoinError::Unavailable(_))) => {
                self.timers.restart_join(Instant::now());
                self.refuse(transport, ErrorCode::Unavailable, None, None)
            }
            RoomReply::Rejoined(Ok(())) => Ok(()),
            RoomReply::Rejoined(Err(Unavailable)) => self.refuse(transport, ErrorCode::Unavailable, None, None),
            RoomReply::Published(nonce, Ok(id)) => {
                transport.send(ServerFrame::Ack { nonce: &nonce, id }.encode());
                Ok(())
            }
            RoomReply::Published(nonce, Err(error)) => {
                let (code, retry_after) = match error {
                    PublishError::Refused(violation) => {
                        Self::refuse_text(transport, &nonce, violation);
                        return Ok(());
                    }
                    PublishError::Ended => return Err(farewell(Bye::SessionEnded)),
                    PublishError::BadNonce => (ErrorCode::BadNonce, None),
                    PublishError::NotYours => (ErrorCode::NotYours, None),
                    PublishError::TooLate => (ErrorCode::TooLate, None),
                    PublishError::Gone => (ErrorCode::Gone, None),
                    PublishError::Limited(wait) => (ErrorCode::RateLimited, Some(wait)),
                    PublishError::Muted(wait) => (ErrorCode::Muted, Some(wait)),
                    PublishError::ReadOnly(wait) => (ErrorCode::ReadOnly, wait),
                    PublishError::Fenced | PublishError::Unavailable(_) => (ErrorCode::Unavailable, None),
                };
                self.refuse(transport, code, Some(&nonce), retry_after)
            }
        }
    }

    fn handle_due(&mut self, transport: &Transport, due: Due) -> Result<(), Disconnect> {
        match due {
            Due::Ping => transport.send(ping_frame()),
            Due::Check => self.check_session(),
            Due::Join => return Err(farewell(Bye::Policy)),
            Due::Silence => return Err(farewell(Bye::Silent)),
            Due::Nothing => {}
        }
        Ok(())
    }

    /// Handles sessions that ended before the room knew this connection: from now on the room closes it.
    fn handle_last_endings(&mut self) -> Result<(), Disconnect> {
        let Some(mut endings) = self.endings.take() else { return Ok(()) };
        loop {
            match endings.try_recv() {
                Ok(ending) => self.handle_ending(Ok(ending))?,
                Err(TryRecvError::Lagged(missed)) => self.handle_ending(Err(RecvError::Lagged(missed)))?,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(()),
            }
        }
    }

    fn handle_ending(&mut self, ending: Result<Ending, RecvError>) -> Result<(), Disconnect> {
        match ending {
            Ok(Ending::Session(session)) if session == self.person.session => Err(farewell(Bye::SessionEnded)),
            Ok(Ending::Session(_)) => Ok(()),
            Ok(Ending::Any) | Err(_) => {
                self.check_session();
                Ok(())
            }
        }
    }

    fn check_session(&mut self) {
        let Some(id) = self.session else { return };
        let (sessions, has_joined) = (self.context.sessions.clone(), self.membership.is_some());
        self.session_check.get_or_insert_with(|| {
            Box::pin(
                async move { if has_joined { sessions.touch_joined(&id).await } else { sessions.touch(&id).await } },
            )
        });
    }

    async fn handle_check(&mut self, alive: Result<Alive, Unreadable>) -> Result<(), Disconnect> {
        match alive {
            Ok(Alive::Yes) => {
                self.has_joined |= self.membership.is_some();
                Ok(())
            }
            Ok(Alive::No) => {
                // It expired, or was deleted in the store: it ends on every instance.
                self.has_expired = true;
                let _ = self.context.room.end(&self.person.session, &self.person.name_key).await;
                Err(farewell(Bye::SessionEnded))
            }
            // Unknown: looked up again soon, by each connection at another time.
            Err(Unreadable) => {
                self.timers.check_within(rand::rng().random_range(RETRY_SPREAD), Instant::now());
                Ok(())
            }
        }
    }
}
