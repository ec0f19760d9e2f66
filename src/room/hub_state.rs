//! What the hub shows to the rest of its instance, so that pages and connections need not ask it.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use tokio::sync::{broadcast, watch};

use super::{HistoryCache, Roster, local_members::ConnectionId, moderation_state::ModerationState};
use crate::{
    backplane::{IncarnationId, SessionTag},
    name::NameKey,
    protocol::Id,
};

/// Ended sessions that may wait to be heard of.
const ENDINGS_WAITING: usize = 256;

/// Written by the hub, read by everybody. No lock is ever held over an await.
#[derive(Debug)]
pub(super) struct HubState {
    view: RwLock<View>,
    incarnation: RwLock<IncarnationId>,
    departures: Mutex<Vec<(ConnectionId, NameKey)>>,
    endings: broadcast::Sender<Ending>,
    synced: watch::Sender<bool>,
    ready: AtomicBool,
    answered: AtomicBool,
    beaten: Mutex<Option<Instant>>,
    /// By epoch.
    acknowledged: Mutex<BTreeMap<u64, Id>>,
}

/// What is heard of sessions that end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// This one has ended.
    Session(SessionTag),
    /// Something may have been missed: any of them may have ended.
    Any,
}

/// The room as this instance knows it.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) recent: HistoryCache,
    pub(super) roster: Roster,
    pub(super) moderation: ModerationState,
}

impl HubState {
    pub(super) fn new(incarnation: IncarnationId) -> Self {
        Self {
            view: RwLock::default(),
            incarnation: RwLock::new(incarnation),
            departures: Mutex::default(),
            endings: broadcast::Sender::new(ENDINGS_WAITING),
            synced: watch::Sender::new(false),
            ready: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            beaten: Mutex::new(None),
            acknowledged: Mutex::default(),
        }
    }

    pub(super) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The incarnation to speak as.
    pub(super) fn incarnation(&self) -> IncarnationId {
        self.incarnation.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_incarnation(&self, incarnation: IncarnationId) {
        *self.incarnation.write().unwrap_or_else(PoisonError::into_inner) = incarnation;
    }

    /// Notes a connection that is gone. Each does so once: no more wait than there were connections.
    pub(super) fn depart(&self, connection: ConnectionId, name_key: NameKey) {
        self.departures().push((connection, name_key));
    }

    pub(super) fn take_departures(&self) -> Vec<(ConnectionId, NameKey)> {
        std::mem::take(&mut *self.departures())
    }

    /// Sessions that end from now on.
    pub(super) fn endings(&self) -> broadcast::Receiver<Ending> {
        self.endings.subscribe()
    }

    pub(super) fn tell_ending(&self, ending: Ending) {
        // Often nobody listens.
        let _ = self.endings.send(ending);
    }

    /// Whether everything up to now is known here.
    pub(super) fn is_synced(&self) -> bool {
        *self.synced.borrow()
    }

    pub(super) fn set_synced(&self, synced: bool) {
        self.synced.send_if_modified(|was| std::mem::replace(was, synced) != synced);
    }

    /// Waits until everything is known here.
    pub(super) async fn synced(&self) {
        // The sender lives as long as self.
        let _ = self.synced.subscribe().wait_for(|synced| *synced).await;
    }

    /// Fit for new people.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    pub(super) fn set_ready(&self, ready: bool) {
        if self.ready.swap(ready, Ordering::Relaxed) != ready {
            tracing::info!(ready, "readiness changed");
        }
    }

    /// Whether the backplane answered lately: without that nobody knows what is newest.
    pub(super) fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    pub(super) fn set_answered(&self, answered: bool) {
        self.answered.store(answered, Ordering::Relaxed);
    }

    /// When a beat was last answered.
    pub(super) fn beaten(&self) -> Option<Instant> {
        *self.beaten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_beaten(&self, now: Instant) {
        *self.beaten.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Of each epoch the newest message that somebody here was told is kept, until it is
    /// [accounted for](Self::account_for). One epoch's says nothing of another's: what came after a loss is there.
    pub(super) fn acknowledged(&self) -> Vec<Id> {
        self.newest_acknowledged().values().copied().collect()
    }

    pub(super) fn acknowledge(&self, id: Id) {
        let mut newest = self.newest_acknowledged();
        let newest = newest.entry(id.epoch).or_insert(id);
        *newest = id.max(*newest);
    }

    /// They were heard, or their loss was told.
    pub(super) fn account_for(&self, acknowledged: &[Id]) {
        let is_accounted_for = |id: &Id| acknowledged.iter().any(|other| other.epoch == id.epoch && other >= id);
        self.newest_acknowledged().retain(|_, id| !is_accounted_for(id));
    }

    fn newest_acknowledged(&self) -> MutexGuard<'_, BTreeMap<u64, Id>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn departures(&self) -> MutexGuard<'_, Vec<(ConnectionId, NameKey)>> {
        self.departures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
