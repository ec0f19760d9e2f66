//! The room as one instance keeps it open.
//!
//! One task, the `hub`, follows the backplane's events and hands encoded frames to the connections. What it
//! decides is decided by plain state machines beside it: `gap_detector` (what is next, what is missing), `recent`
//! (messages at hand), `roster` (who is here), `local_members` (who is here through us), `failure_detector` (whose lease
//! has run out), `typing`. Everybody else talks to it through [`Room`] and [`Membership`].

mod failure_detector;
mod fanout;
mod gap_detector;
mod history_cache;
mod hub;
mod hub_state;
mod local_members;
mod membership;
mod moderation_state;
mod recipient;
mod roster;
mod typing;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{Instant, timeout, timeout_at},
};

use self::{
    history_cache::{HistoryCache, ResumeFrom},
    hub::{Command, Hub, Join, JoinedConnection, Refused},
    hub_state::HubState,
    roster::Roster,
};
pub use self::{
    hub::JoinError,
    hub_state::Ending,
    membership::{Membership, SayError},
    recipient::{Farewell, Recipient},
};
use crate::{
    backplane::{
        Backplane, Claim, Cursor, IncarnationId, ModerationAction, ModerationLog, ModerationOutcome, Page, Person,
        SessionTag, Unavailable,
    },
    name::NameKey,
    protocol::{Id, Limits, Rules},
    telemetry::InstanceStats,
};

/// How long anybody waits for an answer: after that it is not to be had.
const PATIENCE: Duration = Duration::from_secs(2);
/// Commands that may wait for the hub.
const COMMANDS_WAITING: usize = 1024;

/// How a room is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long somebody without a connection is still taken to be here.
    pub leave_grace: Duration,
    /// How long the people of an instance that fell silent are still taken to be here.
    pub lease: Duration,
    /// How long a name stays its owner's after they left.
    pub name_hold: Duration,
    /// How old a message gets before it is shown to nobody any more.
    pub history_age: Option<Duration>,
    /// What clients are told to keep to.
    pub limits: Limits,
}

/// A handle to this instance's hub; cheap to clone. The hub ends with the last of them.
#[derive(Clone)]
pub struct Room {
    commands: mpsc::Sender<Command>,
    shared: Arc<HubState>,
    backplane: Arc<dyn Backplane>,
}

/// One page of the people here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersPage {
    /// Names as shown, sorted by folded name.
    pub names: Vec<String>,
    /// Everybody in the room.
    pub count: usize,
    /// Whether there are more after the last name.
    pub more: bool,
}

impl Room {
    /// Opens the room: starts a hub on the current runtime.
    pub fn open(backplane: Arc<dyn Backplane>, options: Options) -> Self {
        let (commands, received) = mpsc::channel(COMMANDS_WAITING);
        let shared = Arc::new(HubState::new(IncarnationId::random()));
        let hub = Hub::new(Arc::clone(&backplane), options, Arc::clone(&shared), received);
        tokio::spawn(hub.run());
        Self { commands, shared, backplane }
    }

    /// Enters the room with one connection, once the others have been told of its person. The first thing that its
    /// `recipient` is sent is the welcome.
    ///
    /// # Errors
    /// See [`JoinError`]; after little more than 2 s at the latest.
    pub async fn join(
        &self,
        person: Person,
        since: Option<Id>,
        recipient: Arc<dyn Recipient>,
    ) -> Result<Membership, JoinError> {
        let until = Instant::now() + PATIENCE;
        let since = timeout_at(until, self.find(since)).await.map_err(|_| Unavailable)??;
        let mut entered = self.enter(&person, since, false, &recipient, until).await?;
        if matches!(entered, Err(Refused::Contested)) {
            let claimed = timeout_at(until, self.claim(&person.name_key, &person.session)).await;
            if claimed.map_err(|_| Unavailable)?? != Claim::Mine {
                return Err(JoinError::Ended);
            }
            entered = self.enter(&person, since, true, &recipient, until).await?;
        }
        match entered {
            Ok(entered) => Ok(Membership::new(self.clone(), person, entered)),
            Err(Refused::Ended) => Err(JoinError::Ended),
            Err(Refused::Contested | Refused::Unavailable) => Err(Unavailable.into()),
        }
    }

    /// A page of history, from what is at hand where possible.
    ///
    /// # Errors
    /// [`Unavailable`] if the backplane had to be asked and did not answer.
    pub async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        let at_hand = if self.shared.is_synced() { self.shared.view().recent.page(cursor, limit) } else { None };
        match at_hand {
            Some(page) => Ok(page),
            None => bounded(self.backplane.page(cursor, limit)).await,
        }
    }

    /// Returns a number that grows with every change of the recent history; `None` while the instance is not synced. Pages of
    /// recent messages that were read after it are as new as it says, or newer.
    pub fn history_revision(&self) -> Option<u64> {
        self.shared.is_synced().then(|| self.shared.view().recent.revision())
    }

    /// Up to `limit` names after the name `after` (as shown; need not be present), sorted by folded name.
    ///
    /// # Errors
    /// [`Unavailable`] if the room is not in sync within 2 s.
    pub async fn members(&self, after: Option<&str>, limit: usize) -> Result<MembersPage, Unavailable> {
        self.in_sync().await?;
        let view = self.shared.view();
        let mut names = view.roster.names(after, limit + 1);
        let more = names.len() > limit;
        names.truncate(limit);
        Ok(MembersPage { names, count: view.roster.count(), more })
    }

    /// Takes a name for a session, or renews it.
    ///
    /// # Errors
    /// [`Unavailable`] if the backplane does not answer: the name may be taken or not.
    pub async fn claim(&self, name_key: &NameKey, session: &SessionTag) -> Result<Claim, Unavailable> {
        bounded(self.backplane.claim(name_key, session)).await
    }

    /// Ends a session's presence and claim on every instance; its sockets close with 4001.
    ///
    /// # Errors
    /// [`Unavailable`] if the backplane does not answer: do it again.
    pub async fn end(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable> {
        bounded(self.backplane.end(session, name_key)).await
    }

    /// Does something for the room's order, on every instance.
    ///
    /// # Errors
    /// [`Unavailable`] if the backplane does not answer: it may be done or not. Doing it again does no harm.
    pub async fn moderate(&self, act: ModerationAction) -> Result<ModerationOutcome, Unavailable> {
        bounded(self.backplane.moderate(act)).await
    }

    /// Who is kept out, and what was done.
    ///
    /// # Errors
    /// [`Unavailable`] if the backplane does not answer.
    pub async fn moderation_log(&self) -> Result<ModerationLog, Unavailable> {
        bounded(self.backplane.moderation_log()).await
    }

    /// What the operator has set for everybody.
    pub fn rules(&self) -> Rules {
        self.shared.view().moderation.rules.clone()
    }

    /// The newest messages of somebody, by their name as shown, oldest first: those at hand.
    pub fn said_by(&self, name: &str) -> Vec<Id> {
        self.shared.view().recent.said_by(name)
    }

    /// The newest position; none while the instance cannot know it.
    pub fn head(&self) -> Option<Id> {
        let knows = self.shared.is_synced() && self.shared.is_answered();
        self.shared.view().recent.head().filter(|_| knows)
    }

    /// How this instance stands, as far as the room knows.
    pub fn stats(&self) -> InstanceStats {
        let view = self.shared.view();
        InstanceStats {
            people: view.roster.count(),
            recent: view.recent.len(),
            queued_hub: self.commands.max_capacity() - self.commands.capacity(),
            queued_backplane: self.backplane.waiting(),
            clock_ahead: self.clock_ahead(),
            lease_age: self.shared.beaten().map(|beaten| beaten.elapsed()),
            link_up: self.shared.is_answered(),
            synced: self.shared.is_synced(),
            ready: self.shared.is_ready(),
            ..InstanceStats::default()
        }
    }

    /// How far the room's clock is ahead of this machine's, in seconds.
    fn clock_ahead(&self) -> f64 {
        let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.backplane.now().as_secs_f64() - ours.as_secs_f64()
    }

    /// Whether everything that happened up to now is known here.
    pub fn is_synced(&self) -> bool {
        self.shared.is_synced()
    }

    /// Fit for new people: the backplane is heard, and the instance is not draining.
    pub fn ready(&self) -> bool {
        self.shared.is_ready()
    }

    /// Sessions that end from now on, anywhere.
    pub fn endings(&self) -> broadcast::Receiver<Ending> {
        self.shared.endings()
    }

    /// Hands everybody over: says so to the other instances, then tells every connection to go elsewhere. Nobody
    /// "leaves". Nobody can join any more.
    pub async fn drain(&self) {
        let (reply, done) = oneshot::channel();
        if self.send(Command::Drain { reply }).await.is_ok() {
            let _ = timeout(PATIENCE * 2, done).await;
        }
    }

    async fn enter(
        &self,
        person: &Person,
        since: ResumeFrom,
        owns: bool,
        recipient: &Arc<dyn Recipient>,
        until: Instant,
    ) -> Result<Result<JoinedConnection, Refused>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let (person, recipient) = (person.clone(), Arc::clone(recipient));
        self.send(Command::Join(Join { person, since, owns, recipient, until: until.into_std(), reply })).await?;
        // The hub gives up at that time by itself: were it less patient here, it might let in who has been refused.
        timeout(PATIENCE * 2, answer).await.map_err(|_| Unavailable)?.map_err(|_| Unavailable)
    }

    /// Where a client was last, as far as that can be known.
    async fn find(&self, since: Option<Id>) -> Result<ResumeFrom, Unavailable> {
        let Some(id) = since else { return Ok(ResumeFrom::Nothing) };
        self.in_sync().await?;
        if !self.shared.view().recent.must_ask_for(id) {
            return Ok(ResumeFrom::At(id));
        }
        let found = bounded(self.backplane.locate(id)).await?;
        Ok(found.map_or(ResumeFrom::At(id), ResumeFrom::CatchingUp))
    }

    async fn in_sync(&self) -> Result<(), Unavailable> {
        timeout(PATIENCE, self.shared.synced()).await.map_err(|_| Unavailable)
    }

    async fn send(&self, command: Command) -> Result<(), Unavailable> {
        let sent = timeout(PATIENCE, self.commands.send(command)).await;
        sent.map_err(|_| Unavailable)?.map_err(|_| Unavailable)
    }
}

async fn bounded<T>(answer: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    timeout(PATIENCE, answer).await.unwrap_or(Err(Unavailable))
}
