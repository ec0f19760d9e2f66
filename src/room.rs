//! The room, as one instance serves it.
//!
//! One task, the `hub`, follows the backplane's events and passes encoded frames to the connections. Its decisions are made by
//! plain state machines: `lease` (heartbeats, synchronisation, dead instances, draining), `gap_detector` (which event is
//! next), `history_cache` (the newest messages), `roster` (people in the room), `local_members` (people of this instance),
//! `typing`. Other modules use [`Room`], also for what only the backplane knows (`stored`), and [`Membership`].

mod fanout;
mod gap_detector;
mod history_cache;
mod hub;
mod hub_state;
mod lease;
mod local_members;
mod machine;
mod membership;
mod observed;
mod recipient;
mod roster;
mod stored;
mod typing;
mod watched_task;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rand::{SeedableRng, rngs::StdRng};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

pub use self::{
    fanout::Attention,
    gap_detector::{GapDetector, Verdict},
    hub::JoinError,
    hub_state::Ending,
    machine::{Machine, ThisMachine},
    membership::Membership,
    recipient::{Farewell, Recipient},
};
use self::{
    fanout::Fanout,
    history_cache::{ResumeFrom, lacks},
    hub::{Command, Hub, Join, JoinRefusal, JoinedConnection},
    hub_state::HubState,
    watched_task::spawn_watched,
};
use crate::{
    address::AddressHash,
    automod::RuleChecker,
    backplane::{Backplane, Claim, Cursor, IncarnationId, Page, Person, SessionTag, Unavailable},
    name::NameKey,
    protocol::{Id, Limits, Rules, ShownChanges},
    telemetry::InstanceStats,
};

/// Deadline of every call to the backplane and to the hub.
const CALL_DEADLINE: Duration = Duration::from_secs(2);
/// The part of a join's deadline that is left after its client's position was awaited.
const JOIN_RESERVE: Duration = Duration::from_millis(500);
/// How late a change is that another instance has and this one has not yet.
const CHANGE_DELAY: Duration = Duration::from_millis(50);
/// How long a reader waits for this instance to receive what it has stored itself.
const OWN_DEADLINE: Duration = Duration::from_millis(500);
/// How much longer than a join's own deadline its caller waits. The hub must give up first: else a connection whose caller
/// is gone could join.
const HUB_DEADLINE: Duration = Duration::from_secs(4);
/// People in the room up to whom typing is published and shown.
const TYPING_AT_MOST: usize = 200;
/// Most commands that wait for the hub.
const COMMANDS_WAITING: usize = 1024;

/// The room's settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a person without a connection stays in the room.
    pub leave_grace: Duration,
    /// How long the people of a silent instance stay in the room.
    pub lease: Duration,
    /// How long a name stays claimed after its person left.
    pub name_hold: Duration,
    /// The age at which messages expire.
    pub history_age: Option<Duration>,
    /// The names of programs, which clients mark.
    pub bots: Vec<String>,
    /// The limits in each welcome.
    pub limits: Limits,
}

/// The position and the changes that a returning client has.
#[derive(Clone, Debug, Default)]
pub struct ResumePoint {
    /// Its newest message.
    pub since: Option<Id>,
    /// The newest changes of messages that it shows.
    pub changes: ShownChanges,
}

impl From<Option<Id>> for ResumePoint {
    fn from(since: Option<Id>) -> Self {
        Self { since, ..Self::default() }
    }
}

/// A handle to this instance's hub; cheap to clone. The hub ends with the last handle.
#[derive(Clone)]
pub struct Room {
    commands: mpsc::Sender<Command>,
    state: Arc<HubState>,
    backplane: Arc<dyn Backplane>,
    failed: CancellationToken,
}

/// One page of the people in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersPage {
    /// Names as shown.
    pub names: Vec<String>,
    /// The number of all people in the room.
    pub count: usize,
    /// Whether more names follow.
    pub more: bool,
}

impl Room {
    /// Opens the room: starts a hub on the current runtime.
    pub fn open(backplane: Arc<dyn Backplane>, options: Options) -> Self {
        Self::open_on(Arc::new(ThisMachine), backplane, options)
    }

    /// Opens the room on a machine: starts a hub there.
    pub fn open_on(machine: Arc<dyn Machine>, backplane: Arc<dyn Backplane>, options: Options) -> Self {
        let (commands, received) = mpsc::channel(COMMANDS_WAITING);
        let incarnation = IncarnationId::draw(&mut StdRng::from_seed(machine.seed()));
        let state = Arc::new(HubState::new(incarnation));
        let failed = CancellationToken::new();
        let fanout = Fanout::start(&*machine, &failed);
        let hub = Hub::new(Arc::clone(&machine), Arc::clone(&backplane), options, Arc::clone(&state), received, fanout);
        spawn_watched(&*machine, failed.clone(), hub.run());
        Self { commands, state, backplane, failed }
    }

    /// Resolves when a task of the room has panicked: this process can no longer serve.
    pub fn failed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.failed.clone().cancelled_owned()
    }

    /// Joins the room with one connection, once its person is announced. The `recipient` is sent the welcome first.
    ///
    /// # Errors
    /// See [`JoinError`]; after little more than 2 s at the latest.
    pub async fn join(
        &self,
        person: Person,
        from: impl Into<ResumePoint> + Send,
        recipient: Arc<dyn Recipient>,
    ) -> Result<Membership, JoinError> {
        let (from, deadline) = (from.into(), Instant::now() + CALL_DEADLINE);
        let since = timeout_at(deadline, self.find(from.since, deadline)).await.map_err(|_| Unavailable)??;
        let has_lost = timeout_at(deadline, self.has_lost(&from.changes)).await.map_err(|_| Unavailable)??;
        let join = |owns_name, reply| Join {
            person: person.clone(),
            since,
            changes: from.changes.clone(),
            has_lost,
            owns_name,
            recipient: Arc::clone(&recipient),
            deadline: deadline.into_std(),
            reply,
        };
        let mut joined = self.send_join(|reply| join(false, reply)).await?;
        if matches!(joined, Err(JoinRefusal::Contested)) {
            let claim = timeout_at(deadline, self.claim(&person)).await;
            if claim.map_err(|_| Unavailable)?? != Claim::Mine {
                return Err(JoinError::Ended);
            }
            joined = self.send_join(|reply| join(true, reply)).await?;
        }
        match joined {
            Ok(joined) => Ok(Membership::new(self.clone(), person, joined)),
            Err(JoinRefusal::Ended) => Err(JoinError::Ended),
            Err(JoinRefusal::Contested | JoinRefusal::Unavailable) => Err(Unavailable.into()),
        }
    }

    /// Returns a page of history with everything that was acknowledged through this instance, from the cache where possible.
    ///
    /// # Errors
    /// [`Unavailable`] if the backplane was needed and did not reply.
    pub async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        let has_own = self.has_received_own().await;
        match self.recent_page(cursor, limit).filter(|_| has_own) {
            Some(page) => Ok(page),
            None => self.stored_page(cursor, limit).await,
        }
    }

    /// Waits until the cache has all messages that were acknowledged through this instance: a client that reads after it has
    /// written finds what it wrote. Returns whether it has them; after half a second at the latest.
    pub async fn has_received_own(&self) -> bool {
        let newest = self.state.acknowledged().into_iter().max();
        match newest {
            Some(newest) => timeout(OWN_DEADLINE, self.state.reached(newest)).await.is_ok(),
            None => true,
        }
    }

    /// Returns a page of history with everything that was acknowledged, which the cache may not have received yet.
    ///
    /// # Errors
    /// [`Unavailable`] if the backplane does not reply.
    pub async fn stored_page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        bounded(self.backplane.page(cursor, limit)).await
    }

    /// Returns the time since 1970 by the room's clock, which messages carry.
    pub fn now(&self) -> Duration {
        self.backplane.now()
    }

    /// Returns the same in milliseconds.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns a page of history if all of it is in the cache, and the cache is up to date.
    pub fn recent_page(&self, cursor: Cursor, limit: usize) -> Option<Page> {
        if self.is_synced() { self.state.view().history.page(cursor, limit) } else { None }
    }

    /// Returns a number that grows with every change of the recent history; `None` while the instance is not synced. Pages of
    /// recent messages that were read after it are as new as it says, or newer.
    pub fn history_revision(&self) -> Option<u64> {
        self.state.status().synced.then(|| self.state.view().history.revision())
    }

    /// Returns up to `limit` names after the name `after` (as shown; it need not be in the room), sorted by folded name. With
    /// `search`, those of which a word begins with it, sorted from that word on.
    ///
    /// # Errors
    /// [`Unavailable`] if the room is not in sync within 2 s, or the people of a large room are still being read for the first time.
    pub async fn members(
        &self,
        search: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<MembersPage, Unavailable> {
        self.in_sync().await?;
        timeout(CALL_DEADLINE, self.state.named()).await.map_err(|_| Unavailable)?;
        let view = self.state.view();
        let mut names = match search {
            Some(text) => view.roster.search(text, after, limit + 1),
            None => view.roster.names(after, limit + 1),
        };
        let more = names.len() > limit;
        names.truncate(limit);
        Ok(MembersPage { names, count: view.roster.count(), more })
    }

    /// Ends a session's presence and claim on every instance; its sockets close with 4001.
    ///
    /// # Errors
    /// [`Unavailable`] if the backplane does not reply: call it again.
    pub async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable> {
        bounded(self.backplane.end(session, name_key)).await?;
        self.state.remember_end(session, name_key, Instant::now().into_std());
        Ok(())
    }

    /// Returns the room's keyed hash of a client's address: the same on every instance.
    ///
    /// # Errors
    /// [`Unavailable`] if the instance has not read the room within 2 s.
    pub async fn address_hash(&self, address: IpAddr) -> Result<AddressHash, Unavailable> {
        let key = timeout(CALL_DEADLINE, self.state.address_key()).await.map_err(|_| Unavailable)?;
        key.map(|key| key.hash(address)).ok_or(Unavailable)
    }

    /// Returns the room's keyed hash of a client's address, if this instance has read the room.
    pub fn known_address_hash(&self, address: IpAddr) -> Option<AddressHash> {
        self.state.known_address_key().map(|key| key.hash(address))
    }

    /// The rules in force.
    pub fn rules(&self) -> Rules {
        self.state.view().rules.clone()
    }

    /// The rules that apply by themselves.
    pub fn rule_checker(&self) -> Arc<RuleChecker> {
        Arc::clone(&self.state.view().auto)
    }

    /// Whether only moderators and programs may write.
    fn is_read_only(&self) -> bool {
        self.state.view().rules.read_only.is_some()
    }

    /// The newest position; none while the instance cannot know it.
    pub fn head(&self) -> Option<Id> {
        let status = self.state.status();
        self.state.view().history.head().filter(|_| status.synced && status.link_up)
    }

    /// This instance's figures, as far as the room knows them.
    pub fn stats(&self) -> InstanceStats {
        let (status, view) = (self.state.status(), self.state.view());
        InstanceStats {
            people: view.roster.count(),
            recent: view.history.len(),
            queued_hub: self.commands.max_capacity() - self.commands.capacity(),
            queued_backplane: self.backplane.waiting(),
            clock_ahead: self.clock_ahead(),
            lease_age: status.accepted_at.map(|at| at.elapsed()),
            link_up: status.link_up,
            synced: status.synced,
            ready: status.ready,
            ..InstanceStats::default()
        }
    }

    /// How far the room's clock is ahead of this machine's, in seconds.
    fn clock_ahead(&self) -> f64 {
        let own = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.backplane.now().as_secs_f64() - own.as_secs_f64()
    }

    /// Whether every event up to now was received.
    pub fn is_synced(&self) -> bool {
        self.state.status().synced
    }

    /// Whether new people can join: events are received, and the instance is not draining.
    pub fn ready(&self) -> bool {
        self.state.status().ready
    }

    /// Waits until [`ready`](Self::ready) returns this.
    pub async fn wait_until_ready(&self, ready: bool) {
        self.state.until_ready(ready).await;
    }

    /// Subscribes to sessions that end from now on, on any instance.
    pub fn endings(&self) -> broadcast::Receiver<Ending> {
        self.state.endings()
    }

    /// Announces to the other instances that this one goes, then closes all connections with `restart`. Their people stay
    /// in the room for now. New joins are refused.
    pub async fn drain(&self) {
        let (reply, done) = oneshot::channel();
        if self.send(Command::Drain { reply }).await.is_ok() {
            let _ = timeout(HUB_DEADLINE, done).await;
        }
    }

    async fn send_join(
        &self,
        join: impl FnOnce(oneshot::Sender<Result<JoinedConnection, JoinRefusal>>) -> Join + Send,
    ) -> Result<Result<JoinedConnection, JoinRefusal>, Unavailable> {
        let (reply, joined) = oneshot::channel();
        self.send(Command::Join(join(reply))).await?;
        timeout(HUB_DEADLINE, joined).await.map_err(|_| Unavailable)?.map_err(|_| Unavailable)
    }

    /// Resolves the position that a client resumes from.
    async fn find(&self, since: Option<Id>, deadline: Instant) -> Result<ResumeFrom, Unavailable> {
        let Some(id) = since else { return Ok(ResumeFrom::Nothing) };
        self.in_sync().await?;
        // A client that moves here from another instance may be some messages ahead of this one.
        let _reached = timeout_at(deadline - JOIN_RESERVE, self.state.reached(id)).await;
        if !self.state.view().history.may_be_older(id) {
            return Ok(ResumeFrom::At(id));
        }
        let ordinal = bounded(self.backplane.locate(id)).await?;
        Ok(ordinal.map_or(ResumeFrom::At(id), ResumeFrom::Ordinal))
    }

    /// Whether Redis has lost a change that a client shows: it stood in an epoch that is over. Waits until all others are here.
    async fn has_lost(&self, shown: &ShownChanges) -> Result<bool, Unavailable> {
        loop {
            let lacking = self.state.view().history.lacking(shown);
            let Some((id, edited_at)) = lacking else { return Ok(false) };
            let page = self.stored_page(Cursor::Around(id), 1).await?;
            if !page.rows.iter().any(|row| row.id() == id && !lacks(row, edited_at)) {
                return Ok(true);
            }
            sleep(CHANGE_DELAY).await;
        }
    }

    async fn in_sync(&self) -> Result<(), Unavailable> {
        timeout(CALL_DEADLINE, self.state.synced()).await.map_err(|_| Unavailable)
    }

    async fn send(&self, command: Command) -> Result<(), Unavailable> {
        let sent = timeout(CALL_DEADLINE, self.commands.send(command)).await;
        sent.map_err(|_| Unavailable)?.map_err(|_| Unavailable)
    }
}

/// Waits for a call to the backplane, within its deadline.
async fn bounded<T>(call: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    timeout(CALL_DEADLINE, call).await.unwrap_or(Err(Unavailable))
}

#[cfg(test)]
mod tests;
