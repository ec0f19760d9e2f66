//! The server's end of one connection: what `socket` does, without a socket.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use ruang::{
    automod::SharedChecks,
    backplane::{NewState, Person, PublishError, Unavailable},
    protocol::{Bye, ErrorCode, Id, Nonce, ServerFrame, Text},
    room::{Attention, Ending, Farewell, JoinError, Membership, Recipient, ResumePoint},
};
use tokio::{
    sync::{
        Notify,
        broadcast::{self, error::RecvError},
        mpsc, oneshot,
    },
    time::{Instant, sleep_until},
};

use super::instance::Instance;

/// Most frames that wait for a client: more than 1 MiB of them.
const FRAMES_WAITING: usize = 8192;

/// A frame or end that a client sends.
#[derive(Clone, Debug)]
pub enum Upward {
    /// `join`.
    Join(ResumePoint),
    /// `message`.
    Message(Nonce, Text),
    /// `edit` or `delete`.
    Change(Nonce, Id, NewState),
    /// `ping`.
    Ping,
    /// `attention`.
    Attention(bool),
}

/// A frame or end that a client receives.
pub enum Downward {
    /// One or several frames.
    Frames(Bytes),
    /// `bye` and a close frame.
    Bye(Farewell),
}

/// The client's end of a connection.
pub struct Wire {
    /// To the server.
    pub up: mpsc::Sender<(Instant, Upward)>,
    /// From the server.
    pub down: mpsc::Receiver<(Instant, Downward)>,
}

/// The room's end of a connection.
struct Pipe {
    down: mpsc::Sender<(Instant, Downward)>,
    farewell: Mutex<Option<Farewell>>,
    recheck: Mutex<Option<Duration>>,
    changed: Notify,
}

type Call = BoxFuture<'static, Reply>;

enum Reply {
    Joined(Result<Membership, JoinError>),
    Rejoined(Result<(), Unavailable>),
    Published(Nonce, Result<Id, PublishError>),
}

/// See the [module](self).
struct Socket {
    instance: Arc<Instance>,
    person: Person,
    pipe: Arc<Pipe>,
    up: mpsc::Receiver<(Instant, Upward)>,
    endings: Option<broadcast::Receiver<Ending>>,
    membership: Option<Membership>,
    is_hidden: bool,
    call: Option<Call>,
    check: Option<BoxFuture<'static, Result<bool, Unavailable>>>,
    check_at: Option<Instant>,
}

/// Why a connection ends.
enum End {
    Farewell(Farewell),
    Lost,
}

/// Connects: the error is the status of a refused upgrade.
pub async fn connect(instance: &Arc<Instance>, person: Person) -> Option<Result<Wire, u16>> {
    let (answer, answered) = oneshot::channel();
    let on = Arc::clone(instance);
    instance.spawn(async move {
        let endings = on.room.endings();
        let refusal = match on.link.has_session(person.session.clone()).await {
            _ if on.is_draining() => Some(503),
            Ok(true) => None,
            Err(_) => Some(503),
            Ok(false) => Some(401),
        };
        if let Some(status) = refusal {
            let _ = answer.send(Err(status));
            return;
        }
        let (up, from_client) = mpsc::channel(64);
        let (to_client, down) = mpsc::channel(FRAMES_WAITING);
        if answer.send(Ok(Wire { up, down })).is_err() {
            return;
        }
        let pipe = Arc::new(Pipe {
            down: to_client,
            farewell: Mutex::new(None),
            recheck: Mutex::new(None),
            changed: Notify::new(),
        });
        let socket = Socket {
            instance: on,
            person,
            pipe,
            up: from_client,
            endings: Some(endings),
            membership: None,
            is_hidden: false,
            call: None,
            check: None,
            check_at: None,
        };
        socket.run().await;
    });
    answered.await.ok()
}

impl Socket {
    async fn run(mut self) {
        let end = loop {
            if let Err(end) = self.turn().await {
                break end;
            }
        };
        let End::Farewell(farewell) = end else { return };
        if farewell.reason == Bye::SessionEnded {
            let _ = self.instance.link.delete_session(self.person.session.clone()).await;
        }
        self.membership = None;
        self.pipe.put(Downward::Bye(farewell));
    }

    async fn turn(&mut self) -> Result<(), End> {
        let pipe = Arc::clone(&self.pipe);
        let (is_free, checks) = (self.call.is_none(), self.check.is_some());
        let check_at = self.check_at.unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            () = pipe.changed.notified() => self.changed().await,
            reply = async { self.call.as_mut().unwrap().await }, if !is_free => {
                self.call = None;
                self.replied(reply)
            }
            alive = async { self.check.as_mut().unwrap().await }, if checks => {
                self.check = None;
                self.checked(alive).await
            }
            () = sleep_until(check_at), if self.check_at.is_some() => {
                self.check_at = None;
                self.check_session();
                Ok(())
            }
            ending = async { self.endings.as_mut().unwrap().recv().await }, if self.endings.is_some() => self.ended(ending),
            upward = self.up.recv(), if is_free => {
                let Some((at, upward)) = upward else { return Err(End::Lost) };
                sleep_until(at).await;
                self.receive(upward);
                Ok(())
            }
        }
    }

    fn receive(&mut self, upward: Upward) {
        match (upward, &self.membership) {
            (Upward::Join(from), None) => {
                let (room, person, pipe) = (self.instance.room.clone(), self.person.clone(), Arc::clone(&self.pipe));
                self.call = Some(Box::pin(async move { Reply::Joined(room.join(person, from, pipe).await) }));
            }
            (Upward::Join(from), Some(membership)) => {
                let rejoined = membership.rejoin(from.since);
                self.call = Some(Box::pin(async move { Reply::Rejoined(rejoined.await) }));
            }
            (Upward::Message(nonce, text), Some(membership)) => {
                if self.is_hidden {
                    membership.try_attend(Attention::Spoke);
                }
                let published = membership.send_message(nonce.clone(), text, None, None, Ok(SharedChecks::default()));
                self.call = Some(Box::pin(async move { Reply::Published(nonce, published.await) }));
            }
            (Upward::Change(nonce, id, state), Some(membership)) => {
                let changed = membership.change_message(nonce.clone(), id, state, Ok(SharedChecks::default()));
                self.call = Some(Box::pin(async move { Reply::Published(nonce, changed.await) }));
            }
            (Upward::Message(nonce, _) | Upward::Change(nonce, ..), None) => {
                self.refuse(ErrorCode::NotJoined, Some(&nonce));
            }
            (Upward::Ping, membership) => {
                let pong = ServerFrame::Pong { head: self.instance.room.head() }.encode();
                match membership {
                    Some(membership) if membership.try_send(pong.clone()) => {}
                    Some(_) => self.pipe.put(Downward::Frames(ServerFrame::Pong { head: None }.encode())),
                    None => self.pipe.put(Downward::Frames(pong)),
                }
            }
            (Upward::Attention(visible), Some(membership)) => {
                membership.try_attend(if visible { Attention::Visible } else { Attention::Hidden });
                self.is_hidden = !visible;
            }
            (Upward::Attention(_), None) => self.refuse(ErrorCode::NotJoined, None),
        }
    }

    fn replied(&mut self, reply: Reply) -> Result<(), End> {
        match reply {
            Reply::Joined(Ok(membership)) => {
                self.membership = Some(membership);
                self.check = None;
                self.check_session();
                self.last_endings()?;
            }
            Reply::Joined(Err(JoinError::Ended)) | Reply::Published(_, Err(PublishError::Ended)) => {
                return Err(farewell(Bye::SessionEnded));
            }
            Reply::Joined(Err(JoinError::Unavailable(_))) | Reply::Rejoined(Err(Unavailable)) => {
                self.refuse(ErrorCode::Unavailable, None);
            }
            Reply::Rejoined(Ok(())) => {}
            Reply::Published(nonce, Ok(id)) => {
                self.pipe.put(Downward::Frames(ServerFrame::Ack { nonce: &nonce, id }.encode()));
            }
            Reply::Published(nonce, Err(error)) => {
                let code = match error {
                    PublishError::BadNonce => ErrorCode::BadNonce,
                    PublishError::Limited(_) => ErrorCode::RateLimited,
                    PublishError::NotYours | PublishError::TooLate | PublishError::Gone => ErrorCode::Gone,
                    PublishError::Muted(_) => ErrorCode::Muted,
                    PublishError::Refused(_) => ErrorCode::Refused,
                    PublishError::ReadOnly(_) => ErrorCode::ReadOnly,
                    PublishError::Ended | PublishError::Fenced | PublishError::Unavailable(_) => ErrorCode::Unavailable,
                };
                self.refuse(code, Some(&nonce));
            }
        }
        Ok(())
    }

    /// The room closes the connection, or has its session looked up.
    async fn changed(&mut self) -> Result<(), End> {
        let recheck = self.pipe.recheck.lock().take();
        if let Some(spread) = recheck {
            let within = self.instance.random(u64::try_from(spread.as_millis()).unwrap());
            self.check_within(Duration::from_millis(within));
        }
        let farewell = self.pipe.farewell.lock().take();
        let Some(farewell) = farewell else { return Ok(()) };
        if let Some(call) = self.call.take() {
            let reply = call.await;
            self.replied(reply)?;
        }
        Err(End::Farewell(farewell))
    }

    fn last_endings(&mut self) -> Result<(), End> {
        let Some(mut endings) = self.endings.take() else { return Ok(()) };
        loop {
            match endings.try_recv() {
                Ok(ending) => self.ended(Ok(ending))?,
                Err(broadcast::error::TryRecvError::Lagged(missed)) => self.ended(Err(RecvError::Lagged(missed)))?,
                Err(_) => return Ok(()),
            }
        }
    }

    fn ended(&mut self, ending: Result<Ending, RecvError>) -> Result<(), End> {
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
        let (instance, session) = (Arc::clone(&self.instance), self.person.session.clone());
        self.check.get_or_insert_with(|| Box::pin(async move { instance.link.has_session(session).await }));
    }

    fn check_within(&mut self, delay: Duration) {
        let at = Instant::now() + delay;
        self.check_at = Some(self.check_at.map_or(at, |check_at| check_at.min(at)));
    }

    async fn checked(&mut self, alive: Result<bool, Unavailable>) -> Result<(), End> {
        match alive {
            Ok(true) => Ok(()),
            Ok(false) => {
                let _ = self.instance.room.end(&self.person.session, &self.person.name_key).await;
                Err(farewell(Bye::SessionEnded))
            }
            Err(Unavailable) => {
                let delay = 500 + self.instance.random(4500);
                self.check_within(Duration::from_millis(delay));
                Ok(())
            }
        }
    }

    fn refuse(&self, code: ErrorCode, nonce: Option<&Nonce>) {
        self.pipe.put(Downward::Frames(ServerFrame::Error { code, nonce, retry_after_ms: None, rule: None }.encode()));
    }
}

fn farewell(reason: Bye) -> End {
    End::Farewell(Farewell { reason, retry_after_ms: None })
}

impl Pipe {
    fn put(&self, downward: Downward) {
        if self.down.try_send((Instant::now(), downward)).is_err() && self.down.capacity() == 0 {
            self.close(Farewell { reason: Bye::TooSlow, retry_after_ms: None });
        }
    }
}

impl Recipient for Pipe {
    fn send(&self, frames: Bytes) {
        self.put(Downward::Frames(frames));
    }

    fn welcome(&self, frame: Bytes) {
        self.put(Downward::Frames(frame));
    }

    fn close(&self, farewell: Farewell) {
        self.farewell.lock().get_or_insert(farewell);
        self.changed.notify_one();
    }

    fn recheck(&self, spread: Duration) {
        let mut recheck = self.recheck.lock();
        *recheck = Some(recheck.map_or(spread, |known| known.min(spread)));
        self.changed.notify_one();
    }
}
