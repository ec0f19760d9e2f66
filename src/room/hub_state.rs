//! The hub's state as the rest of its instance reads it, so that pages and connections need not ask the hub.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::broadcast;

use super::{
    history_cache::{EncodedMessage, HistoryCache},
    lease::Status,
    local_members::ConnectionId,
    observed::Observed,
    roster::Roster,
};
use crate::{
    address::AddressKey,
    automod::RuleChecker,
    backplane::{ChangeLog, IncarnationId, SessionTag, Snapshot},
    name::NameKey,
    protocol::{Id, Rules},
};

/// Most ended sessions that wait for a subscriber.
const ENDINGS_WAITING: usize = 256;

/// Most ended sessions that are remembered, and for how long: a failover loses what a replica lacked, which is far less.
const ENDS_REMEMBERED: usize = 1024;
const END_MEMORY: Duration = Duration::from_mins(1);

/// Written by the hub, but for departures, ends and acknowledged ids. No lock is held over an await.
#[derive(Debug)]
pub(super) struct HubState {
    view: RwLock<View>,
    status: Observed<Status>,
    head: Observed<Option<Id>>,
    /// The secret of the hashes of addresses; none before the first snapshot.
    address_key: Observed<Option<AddressKey>>,
    /// The number of events with rules that were applied.
    rules_events: Observed<u64>,
    /// Whether the names of all people were read since the start. Later they may be read anew: what is known is then shown.
    named: Observed<bool>,
    endings: broadcast::Sender<Ending>,
    /// Connections that are gone, and their people.
    departures: Mutex<Vec<(ConnectionId, NameKey)>>,
    /// Sessions that were ended through this instance, oldest first.
    ends: Mutex<VecDeque<End>>,
    /// The newest acknowledged message of each epoch.
    acknowledged: Mutex<BTreeMap<u64, Id>>,
}

/// A session that has ended, whose name it was, and when.
#[derive(Debug)]
struct End {
    session: SessionTag,
    name_key: NameKey,
    at: Instant,
}

/// The end of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// This session has ended.
    Session(SessionTag),
    /// Events were missed: any session may have ended.
    Any,
}

/// The room as this instance knows it.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) history: HistoryCache,
    pub(super) roster: Roster,
    /// Rules that the operator has set for everyone.
    pub(super) rules: Rules,
    /// Rules that apply by themselves.
    pub(super) auto: Arc<RuleChecker>,
    pub(super) changes: ChangeLog,
}

impl HubState {
    pub(super) fn new(incarnation: IncarnationId) -> Self {
        Self {
            view: RwLock::default(),
            status: Observed::new(Status::unready(incarnation)),
            head: Observed::new(None),
            address_key: Observed::new(None),
            rules_events: Observed::new(0),
            named: Observed::new(false),
            endings: broadcast::Sender::new(ENDINGS_WAITING),
            departures: Mutex::default(),
            ends: Mutex::default(),
            acknowledged: Mutex::default(),
        }
    }

    pub(super) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read()
    }

    pub(super) fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write()
    }

    pub(super) fn status(&self) -> Status {
        self.status.get()
    }

    pub(super) fn set_status(&self, status: Status) {
        let ready = status.ready;
        if self.status.replace(status).ready != ready {
            tracing::info!(ready, "readiness changed");
        }
    }

    /// Waits until every event up to now was received.
    pub(super) async fn synced(&self) {
        self.status.wait_for(|status| status.synced).await;
    }

    /// Waits until new people can join, or cannot.
    pub(super) async fn until_ready(&self, ready: bool) {
        self.status.wait_for(|status| status.ready == ready).await;
    }

    pub(super) fn rules_events(&self) -> u64 {
        self.rules_events.get()
    }

    /// An event with rules was applied.
    pub(super) fn count_rules_event(&self) {
        self.rules_events.replace(self.rules_events.get() + 1);
    }

    /// Waits for another event with rules than the first `known` ones.
    pub(super) async fn rules_event_after(&self, known: u64) {
        self.rules_events.wait_for(|events| *events > known).await;
    }

    /// Waits until the names of the people are known.
    pub(super) async fn named(&self) {
        self.named.wait_for(|named| *named).await;
    }

    /// The names of the people are known, unless they are being read.
    pub(super) fn note_named(&self) {
        if !self.view().roster.is_reading() {
            self.named.replace(true);
        }
    }

    /// Adds the next message to the history cache, and queues it for the clients by `broadcast`, which must not wait. For
    /// readers that is one step: a client that has the message finds it to be the newest, and the reply to a client that
    /// asks for the newest id follows the message.
    pub(super) fn push_message(&self, message: EncodedMessage, broadcast: impl FnOnce(&EncodedMessage)) {
        let id = message.row.id();
        {
            let mut view = self.view_mut();
            broadcast(&message);
            view.history.push(message);
        }
        self.head.replace(Some(id));
    }

    /// Adds a snapshot's messages to the history cache, or replaces all by them.
    pub(super) fn adopt_history(&self, snapshot: &Snapshot, encoded: Vec<EncodedMessage>) {
        let mut view = self.view_mut();
        view.history.adopt(snapshot, encoded);
        self.head.replace(view.history.head());
    }

    /// Waits until the newest message is at least `id`. Returns at once if `id` is of another epoch.
    pub(super) async fn reached(&self, id: Id) {
        let has_reached = |head: &Option<Id>| head.is_none_or(|head| head.epoch != id.epoch || head >= id);
        self.head.wait_for(has_reached).await;
    }

    pub(super) fn set_address_key(&self, key: &AddressKey) {
        self.address_key.replace(Some(key.clone()));
    }

    /// Waits for the secret of the hashes of addresses.
    pub(super) async fn address_key(&self) -> Option<AddressKey> {
        self.address_key.wait_for(Option::is_some).await;
        self.address_key.get()
    }

    pub(super) fn known_address_key(&self) -> Option<AddressKey> {
        self.address_key.get()
    }

    /// Notes a connection that is gone. Each is noted once, so the list is no longer than there were connections.
    pub(super) fn depart(&self, connection: ConnectionId, name_key: NameKey) {
        self.departures.lock().push((connection, name_key));
    }

    pub(super) fn take_departures(&self) -> Vec<(ConnectionId, NameKey)> {
        std::mem::take(&mut *self.departures.lock())
    }

    /// Subscribes to sessions that end from now on.
    pub(super) fn endings(&self) -> broadcast::Receiver<Ending> {
        self.endings.subscribe()
    }

    pub(super) fn publish_ending(&self, ending: Ending) {
        // It fails without subscribers.
        let _ = self.endings.send(ending);
    }

    /// Remembers the end of a session. The sessions of programs and accounts are the same at each sign-in: they may have begun
    /// anew.
    pub(super) fn remember_end(&self, session: &SessionTag, name_key: &NameKey, at: Instant) {
        if session.is_reserved() {
            return;
        }
        let mut ends = self.ends.lock();
        if ends.len() == ENDS_REMEMBERED {
            ends.pop_front();
        }
        ends.push_back(End { session: session.clone(), name_key: name_key.clone(), at });
    }

    /// Returns the sessions that ended within the last minute through this instance.
    pub(super) fn ended_lately(&self, now: Instant) -> Vec<(SessionTag, NameKey)> {
        let mut ends = self.ends.lock();
        ends.retain(|end| now.duration_since(end.at) < END_MEMORY);
        ends.iter().map(|end| (end.session.clone(), end.name_key.clone())).collect()
    }

    /// The newest acknowledged message of each epoch that is not [accounted for](Self::account_for): if it is not in the log,
    /// Redis lost it. Epochs are separate: a message after a loss is no proof of those before.
    pub(super) fn acknowledged(&self) -> Vec<Id> {
        self.acknowledged.lock().values().copied().collect()
    }

    pub(super) fn acknowledge(&self, id: Id) {
        let mut acknowledged = self.acknowledged.lock();
        let newest = acknowledged.entry(id.epoch).or_insert(id);
        *newest = id.max(*newest);
    }

    /// These messages were received as events, or their loss was announced.
    pub(super) fn account_for(&self, ids: &[Id]) {
        let is_accounted_for = |id: &Id| ids.iter().any(|other| other.epoch == id.epoch && other >= id);
        self.acknowledged.lock().retain(|_, id| !is_accounted_for(id));
    }
}
