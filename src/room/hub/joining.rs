//! Connections that join, in three queues: `waiting` until the room is in sync, `pending` until the backplane holds the person and
//! the roster has them, `announced` until the hub sends the welcome. Only then has the connection joined.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Hub;
use crate::{
    backplane::{Person, Unavailable},
    name::NameKey,
    protocol::{Bye, ShownChanges},
    room::{
        fanout::{Attention, Fanout},
        history_cache::ResumeFrom,
        hub_state::HubState,
        lease::Signal,
        local_members::{Announcement, ConnectionId},
        recipient::Recipient,
    },
    telemetry::instruments,
};

/// Connections that are welcomed before the hub does something else.
const WELCOMES_AT_ONCE: usize = 8;

/// A connection that wants to join.
pub(in crate::room) struct Join {
    pub(in crate::room) person: Person,
    pub(in crate::room) since: ResumeFrom,
    /// The changes that the client shows.
    pub(in crate::room) changes: ShownChanges,
    /// Redis has lost some of them.
    pub(in crate::room) has_lost: bool,
    /// The session was just found to own the name.
    pub(in crate::room) owns_name: bool,
    pub(in crate::room) recipient: Arc<dyn Recipient>,
    pub(in crate::room) deadline: Instant,
    pub(in crate::room) reply: oneshot::Sender<Result<JoinedConnection, JoinRefusal>>,
}

/// Why the hub refuses a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::room) enum JoinRefusal {
    /// Another session is here under the name: find out which one owns it.
    Contested,
    /// The name belongs to another session.
    Ended,
    /// The room is not in sync, or draining.
    Unavailable,
}

/// A connection whose person is being announced.
pub(super) struct PendingJoin {
    connection: ConnectionId,
    join: Join,
}

/// Why a connection cannot join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The name belongs to another session by now.
    #[error("the name belongs to another session")]
    Ended,
    /// The room cannot be joined at the moment.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A connection that has joined. Dropping it leaves.
pub(in crate::room) struct JoinedConnection {
    pub(in crate::room) connection: ConnectionId,
    name_key: NameKey,
    state: Arc<HubState>,
    fanout: Arc<Fanout>,
}

impl JoinedConnection {
    /// Sends frames to this connection, after all frames that it was sent before, unless too much is queued. Returns whether
    /// it does.
    pub(in crate::room) fn try_send(&self, frames: Bytes) -> bool {
        self.fanout.try_send(self.connection, frames)
    }

    /// Sends this connection's frames at once, or gathers them, unless too much is queued. Returns whether it does.
    pub(in crate::room) fn try_attend(&self, attention: Attention) -> bool {
        self.fanout.try_attend(self.connection, attention)
    }
}

impl Drop for JoinedConnection {
    fn drop(&mut self) {
        self.state.depart(self.connection, std::mem::take(&mut self.name_key));
    }
}

impl Hub {
    pub(super) fn join_or_wait(&mut self, join: Join, now: Instant) {
        if self.lease.is_draining() {
            join.refuse(JoinRefusal::Unavailable);
        } else if self.lease.is_synced() {
            self.join(join, now);
        } else {
            self.waiting.push(join);
        }
    }

    /// Lets in joins that waited until the room was in sync.
    pub(super) fn admit_waiting(&mut self, now: Instant) {
        for join in std::mem::take(&mut self.waiting) {
            self.join_or_wait(join, now);
        }
    }

    /// Moves pending joins whose person is announced by now to the joins that are welcomed next.
    pub(super) fn find_announced(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            self.answer_or_wait(pending);
        }
    }

    /// Whether any connection can be welcomed now. Each welcome must come after the changes of presence that are sent before
    /// it, and these are sent once per tick at most.
    pub(super) fn can_welcome(&self, now: Instant) -> bool {
        let is_free = || self.presence_due(now) || !self.sends_presence(now);
        !self.announced.is_empty() && !self.fanout.is_full() && is_free()
    }

    /// Welcomes some of the connections whose person is announced.
    pub(super) fn welcome_some(&mut self, now: Instant) {
        self.send_changes(now);
        let some = self.announced.len().min(WELCOMES_AT_ONCE);
        for pending in self.announced.drain(..some).collect::<Vec<_>>() {
            // The session may have ended meanwhile.
            match self.announcement(&pending) {
                Announcement::Confirmed => self.welcome(pending),
                Announcement::Pending => self.pending.push(pending),
                Announcement::Gone => pending.join.refuse(JoinRefusal::Ended),
            }
        }
    }

    /// Removes a person whose name belongs to another session.
    pub(super) fn turn_away(&mut self, person: &Person) {
        for connection in self.members.refuse(person) {
            self.close(connection, Bye::SessionEnded, None);
        }
        for joins in [&mut self.pending, &mut self.announced] {
            for pending in joins.extract_if(.., |pending| pending.join.person == *person) {
                pending.join.refuse(JoinRefusal::Ended);
            }
        }
    }

    pub(super) fn refuse_pending(&mut self) {
        for pending in self.pending.drain(..).chain(self.announced.drain(..)) {
            pending.join.refuse(JoinRefusal::Unavailable);
        }
    }

    /// Refuses joins whose deadline has passed.
    pub(super) fn give_up_joins(&mut self, now: Instant) {
        for join in self.waiting.extract_if(.., |join| join.deadline <= now) {
            join.refuse(JoinRefusal::Unavailable);
        }
        for joins in [&mut self.pending, &mut self.announced] {
            for PendingJoin { connection, join } in joins.extract_if(.., |pending| pending.join.deadline <= now) {
                self.members.leave(&join.person.name_key, connection, now);
                join.refuse(JoinRefusal::Unavailable);
            }
        }
    }

    fn join(&mut self, join: Join, now: Instant) {
        if self.members.is_contested(&join.person) && !join.owns_name {
            return join.refuse(JoinRefusal::Contested);
        }
        self.last_connection += 1;
        let connection = self.last_connection;
        for displaced in self.members.enter(&join.person, connection) {
            self.close(displaced, Bye::SessionEnded, None);
        }
        self.answer_or_wait(PendingJoin { connection, join });
        if !self.pending.is_empty() {
            self.signal(Signal::Changed, now);
        }
    }

    /// A person is shown nothing, and sends nothing, before all instances know of them.
    fn answer_or_wait(&mut self, pending: PendingJoin) {
        match self.announcement(&pending) {
            Announcement::Confirmed => self.announced.push(pending),
            Announcement::Pending => self.pending.push(pending),
            Announcement::Gone => pending.join.refuse(JoinRefusal::Ended),
        }
    }

    /// How far a join's person is announced, to this instance too.
    fn announcement(&self, PendingJoin { connection, join }: &PendingJoin) -> Announcement {
        let is_in_roster = {
            let roster = &self.state.view().roster;
            // While the people are read, who was here already may be unknown.
            roster.contains(&join.person.name_key) || roster.is_reading()
        };
        match self.members.announcement(&join.person, *connection) {
            Announcement::Confirmed if !is_in_roster => Announcement::Pending,
            announcement => announcement,
        }
    }

    fn welcome(&mut self, PendingJoin { connection, join }: PendingJoin) {
        // An epoch may have begun meanwhile.
        let has_lost = join.has_lost || self.state.view().history.lacking(&join.changes).is_some();
        let (welcome, changes) = self.welcome_frames(&join.person.name, join.since, has_lost);
        self.fanout.enter(connection, join.recipient, welcome);
        for frames in changes.into_iter().chain(self.typing_frame(1)) {
            self.fanout.send(connection, frames);
        }
        let (name_key, state, fanout) = (join.person.name_key, Arc::clone(&self.state), Arc::clone(&self.fanout));
        self.clients.insert(connection, join.person.name);
        instruments().joined();
        // If the caller has given up, the connection leaves when this is dropped.
        let _ = join.reply.send(Ok(JoinedConnection { connection, name_key, state, fanout }));
    }
}

impl Join {
    fn refuse(self, refusal: JoinRefusal) {
        // The caller may have given up.
        let _ = self.reply.send(Err(refusal));
    }
}
