//! Connections coming in, and what they are shown first.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Hub, SyncState, TICK, delivery::removed_frames};
use crate::{
    backplane::{Person, Unavailable},
    name::NameKey,
    protocol::{Bye, HEARTBEAT, Members, ServerFrame, Welcome},
    room::{
        Farewell, Recipient, ResumeFrom,
        fanout::Fanout,
        history_cache::CatchUp,
        hub_state::{HubState, View},
        local_members::{ConnectionId, InstanceStats},
    },
    telemetry::instruments,
};

/// People up to whose number all names are in a welcome.
const NAMED_AT_MOST: usize = 200;

/// A connection that wants to enter.
pub(in crate::room) struct Join {
    pub(in crate::room) person: Person,
    pub(in crate::room) since: ResumeFrom,
    /// The name was just found to be the session's.
    pub(in crate::room) owns: bool,
    pub(in crate::room) recipient: Arc<dyn Recipient>,
    /// When it is too late.
    pub(in crate::room) until: Instant,
    pub(in crate::room) reply: oneshot::Sender<Result<JoinedConnection, Refused>>,
}

/// Why a connection does not enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::room) enum Refused {
    /// Another session is here under the name: find out first whose it is.
    Contested,
    /// The name is another session's.
    Ended,
    /// The room cannot be entered at the moment.
    Unavailable,
}

/// A connection whose person the others are being told of.
pub(super) struct PendingJoin {
    connection: ConnectionId,
    join: Join,
}

/// Why somebody cannot join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The name belongs to another session by now.
    #[error("the name belongs to another session")]
    Ended,
    /// The room cannot be entered at the moment.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A connection that is in. Dropping it leaves.
pub(in crate::room) struct JoinedConnection {
    pub(in crate::room) connection: ConnectionId,
    name_key: NameKey,
    shared: Arc<HubState>,
    fanout: Arc<Fanout>,
}

impl JoinedConnection {
    /// Sends frames to this connection, after everything that it was told before.
    pub(in crate::room) fn send(&self, frames: Bytes) {
        self.fanout.send(self.connection, frames);
    }
}

impl Drop for JoinedConnection {
    fn drop(&mut self) {
        self.shared.depart(self.connection, std::mem::take(&mut self.name_key));
    }
}

impl Hub {
    pub(super) fn join_or_wait(&mut self, join: Join, now: Instant) {
        if self.draining.is_some() || self.drained {
            join.refuse(Refused::Unavailable);
        } else if self.hearing == SyncState::Synced {
            self.join(join, now);
        } else {
            self.waiting.push(join);
        }
    }

    /// Lets in whoever waited for the room to be in sync.
    pub(super) fn let_in(&mut self, now: Instant) {
        for join in std::mem::take(&mut self.waiting) {
            self.join_or_wait(join, now);
        }
    }

    /// Welcomes whoever the others have been told of by now. While many come, that waits for the next tick: before a
    /// welcome everybody is told of all changes, and that is to be once a tick at most.
    pub(super) fn welcome_arrived(&mut self, now: Instant) {
        if self.presence_told.is_none_or(|told| now.duration_since(told) >= TICK) {
            self.welcome_all_arrived(now);
        }
    }

    pub(super) fn welcome_all_arrived(&mut self, now: Instant) {
        for pending_joins in std::mem::take(&mut self.pending_joins) {
            self.welcome_or_wait(pending_joins, now);
        }
    }

    /// Somebody's name turned out to be another session's: they do not arrive, and are not here.
    pub(super) fn turn_away(&mut self, refused: &Person) {
        for connection in self.local_members.refuse(refused) {
            self.cut(connection, Farewell { reason: Bye::SessionEnded, retry_after_ms: None });
        }
        let same = |pending_joins: &mut PendingJoin| pending_joins.join.person == *refused;
        for pending_joins in self.pending_joins.extract_if(.., same) {
            pending_joins.join.refuse(Refused::Ended);
        }
    }

    pub(super) fn refuse_arriving(&mut self) {
        for pending_joins in std::mem::take(&mut self.pending_joins) {
            pending_joins.join.refuse(Refused::Unavailable);
        }
    }

    pub(super) fn give_up_waiting(&mut self, now: Instant) {
        for join in self.waiting.extract_if(.., |join| join.until <= now) {
            join.refuse(Refused::Unavailable);
        }
        for pending_joins in self.pending_joins.extract_if(.., |pending_joins| pending_joins.join.until <= now) {
            self.local_members.leave(&pending_joins.join.person.name_key, pending_joins.connection, now);
            pending_joins.join.refuse(Refused::Unavailable);
        }
    }

    pub(super) fn welcome_again(&mut self, connection: ConnectionId, since: ResumeFrom, now: Instant) {
        // What was not yet told is in the welcome: afterwards it would be told twice.
        self.tell_changes(now);
        if let Some(person) = self.clients.get(&connection) {
            let view = self.shared.view();
            self.fanout.welcome(connection, self.welcome(&view, &person.name, &view.recent.catch_up(since)));
            let removed = removed_before(&view, since);
            drop(view);
            if let Some(frames) = removed {
                self.fanout.send(connection, frames);
            }
            if let Some(typing) = self.typing_frame(|_| true) {
                self.fanout.send(connection, typing);
            }
        }
    }

    /// Tells everybody that what they have does not continue: an unasked welcome replaces it.
    pub(super) fn welcome_everybody(&self, missed: Option<u64>) {
        let view = self.shared.view();
        let mut catch_up = view.recent.catch_up(ResumeFrom::Nothing);
        (catch_up.recovered, catch_up.missed) = (false, missed);
        for (connection, person) in &self.clients {
            self.fanout.welcome(*connection, self.welcome(&view, &person.name, &catch_up));
        }
    }

    /// Ends one connection, if it is still there.
    pub(super) fn cut(&mut self, connection: ConnectionId, farewell: Farewell) {
        if self.clients.remove(&connection).is_some() {
            self.fanout.close(connection, farewell);
        }
    }

    fn join(&mut self, join: Join, now: Instant) {
        if self.local_members.is_contested(&join.person) && !join.owns {
            return join.refuse(Refused::Contested);
        }
        self.entered += 1;
        let connection = self.entered;
        for displaced in self.local_members.enter(&join.person, connection) {
            self.cut(displaced, Farewell { reason: Bye::SessionEnded, retry_after_ms: None });
        }
        self.welcome_or_wait(PendingJoin { connection, join }, now);
        if !self.pending_joins.is_empty() {
            self.heartbeat(now);
        }
    }

    /// Before the others, and we ourselves, know of a person, that person sees and says nothing.
    fn welcome_or_wait(&mut self, pending_joins: PendingJoin, now: Instant) {
        let person = &pending_joins.join.person;
        match self.local_members.stats(person, pending_joins.connection) {
            InstanceStats::Told if self.shared.view().roster.contains(&person.name_key) => {
                self.welcome_in(pending_joins, now);
            }
            InstanceStats::Told | InstanceStats::Untold => self.pending_joins.push(pending_joins),
            InstanceStats::Gone => pending_joins.join.refuse(Refused::Ended),
        }
    }

    fn welcome_in(&mut self, pending_joins: PendingJoin, now: Instant) {
        let PendingJoin { connection, join } = pending_joins;
        self.tell_changes(now);
        let (welcome, removed) = {
            let view = self.shared.view();
            let catch_up = view.recent.catch_up(join.since);
            (self.welcome(&view, &join.person.name, &catch_up), removed_before(&view, join.since))
        };
        self.fanout.enter(connection, join.recipient, welcome);
        if let Some(frames) = removed {
            self.fanout.send(connection, frames);
        }
        if let Some(typing) = self.typing_frame(|count| count > 0) {
            self.fanout.send(connection, typing);
        }
        let (name_key, shared, fanout) =
            (join.person.name_key.clone(), Arc::clone(&self.shared), Arc::clone(&self.fanout));
        let entered = JoinedConnection { connection, name_key, shared, fanout };
        self.clients.insert(connection, join.person);
        instruments().joined();
        // Whoever gave up meanwhile departs by what is dropped here.
        let _ = join.reply.send(Ok(entered));
    }

    fn welcome(&self, view: &View, you: &str, catch_up: &CatchUp<'_>) -> Bytes {
        let count = view.roster.count();
        let names = (count <= NAMED_AT_MOST).then(|| view.roster.names(None, NAMED_AT_MOST));
        let messages: Vec<_> = catch_up.rows.iter().map(|kept| &*kept.raw).collect();
        let welcome = Welcome {
            you,
            recovered: catch_up.recovered,
            missed: catch_up.missed,
            messages: &messages,
            // A welcome follows a snapshot, which has a position.
            head: view.recent.head().unwrap_or_default(),
            members: Members { count, names: names.as_deref() },
            rules: view.moderation.rules.set(),
            limits: self.options.limits,
            heartbeat_ms: u64::try_from(HEARTBEAT.as_millis()).unwrap_or(u64::MAX),
        };
        ServerFrame::Welcome(welcome).encode()
    }
}

impl Join {
    fn refuse(self, why: Refused) {
        // Whoever asked may have given up.
        let _ = self.reply.send(Err(why));
    }
}

/// Tells a client of deletions among what it may have seen before.
fn removed_before(view: &View, since: ResumeFrom) -> Option<Bytes> {
    let ResumeFrom::At(id) = since else { return None };
    let removed = view.moderation.up_to(id);
    (!removed.is_empty()).then(|| removed_frames(&removed))
}
