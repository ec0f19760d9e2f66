//! Connections coming in, and what they are shown first.

use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Client, Hearing, Hub};
use crate::{
    backplane::Hold,
    protocol::{Bye, HEARTBEAT, Members, ServerFrame, Welcome},
    room::{
        Farewell, Inbox, PATIENCE, Since, attendance::ConnectionId, mailbox::mailbox, recent::CatchUp, shared::View,
    },
};

/// People up to whose number all names are in a welcome.
const NAMED_AT_MOST: usize = 200;

/// A connection that wants to enter.
pub(in crate::room) struct Join {
    pub(in crate::room) person: Hold,
    pub(in crate::room) since: Since,
    pub(in crate::room) reply: oneshot::Sender<Entered>,
}

/// A connection that is in.
#[derive(Debug)]
pub(in crate::room) struct Entered {
    pub(in crate::room) connection: ConnectionId,
    pub(in crate::room) inbox: Inbox,
}

impl Hub {
    pub(super) fn join_or_wait(&mut self, join: Join, now: Instant) {
        if self.draining.is_some() || self.drained {
            // The dropped reply says so.
            return;
        }
        if self.hearing == Hearing::Synced { self.join(join, now) } else { self.waiting.push((join, now + PATIENCE)) }
    }

    /// Lets in whoever waited for the room to be in sync.
    pub(super) fn let_in(&mut self, now: Instant) {
        for (join, _) in std::mem::take(&mut self.waiting) {
            self.join_or_wait(join, now);
        }
    }

    pub(super) fn give_up_waiting(&mut self, now: Instant) {
        self.waiting.retain(|(_, until)| now < *until);
    }

    pub(super) fn welcome_again(&mut self, connection: ConnectionId, since: Since) {
        if let Some(client) = self.clients.get(&connection) {
            let view = self.shared.view();
            client.mailbox.push_welcome(self.welcome(&view, &client.person, &view.recent.catch_up(since)));
        }
    }

    /// Tells everybody that what they have does not continue: an unasked welcome replaces it.
    pub(super) fn welcome_everybody(&self, missed: Option<u64>) {
        let view = self.shared.view();
        let mut catch_up = view.recent.catch_up(Since::Nothing);
        (catch_up.recovered, catch_up.missed) = (false, missed);
        for client in self.clients.values() {
            client.mailbox.push_welcome(self.welcome(&view, &client.person, &catch_up));
        }
    }

    /// Ends one connection, if it is still there.
    pub(super) fn cut(&mut self, connection: ConnectionId, farewell: Farewell) {
        if let Some(client) = self.clients.remove(&connection) {
            client.mailbox.close(farewell);
        }
    }

    fn join(&mut self, join: Join, now: Instant) {
        self.entered += 1;
        let connection = self.entered;
        for displaced in self.attendance.enter(&join.person, connection) {
            self.cut(displaced, Farewell { reason: Bye::SessionEnded, retry_after_ms: None });
        }
        let (mailbox, inbox) = mailbox();
        {
            let view = self.shared.view();
            mailbox.push_welcome(self.welcome(&view, &join.person, &view.recent.catch_up(join.since)));
        }
        let who = join.person.who.clone();
        self.clients.insert(connection, Client { person: join.person, mailbox });
        if join.reply.send(Entered { connection, inbox }).is_err() {
            self.clients.remove(&connection);
            self.attendance.leave(&who, connection, now);
        }
    }

    fn welcome(&self, view: &View, you: &Hold, catch_up: &CatchUp<'_>) -> Bytes {
        // Oneself is here from one's own point of view, before the others have been told.
        let (count, names) = view.roster.names_with(&you.person(), NAMED_AT_MOST);
        let messages: Vec<_> = catch_up.rows.iter().map(|kept| &*kept.raw).collect();
        let welcome = Welcome {
            you: &you.name,
            recovered: catch_up.recovered,
            missed: catch_up.missed,
            messages: &messages,
            head: view.recent.head(),
            members: Members { count, names: (count <= NAMED_AT_MOST).then_some(names.as_slice()) },
            limits: self.options.limits,
            heartbeat_ms: u64::try_from(HEARTBEAT.as_millis()).unwrap_or(u64::MAX),
        };
        ServerFrame::Welcome(welcome).encode()
    }
}
