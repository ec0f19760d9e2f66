//! Welcome frames.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::Hub;
use crate::{
    backplane::Change,
    protocol::{HEARTBEAT, Members, ServerFrame, Welcome},
    room::{
        fanout::SharedWelcome,
        history_cache::{CatchUp, ResumeFrom},
        hub_state::View,
        local_members::ConnectionId,
    },
};

/// Most bytes of messages in a welcome that all clients are sent at once.
const RESYNC_BYTES: usize = 32 * 1024;
/// People in the room up to whom a welcome has all names.
const NAMED_AT_MOST: usize = 200;

impl Hub {
    /// Sends a joined connection a new welcome.
    pub(super) fn welcome_again(&mut self, connection: ConnectionId, since: ResumeFrom, now: Instant) {
        // Unsent changes are in the welcome: they must not follow it.
        self.send_changes(now);
        let Some(name) = self.clients.get(&connection) else { return };
        let (welcome, changes) = self.welcome_frames(name, since, false);
        self.fanout.welcome(connection, welcome);
        for frames in changes.into_iter().chain(self.typing_frame(0)) {
            self.fanout.send(connection, frames);
        }
    }

    /// Sends all clients a new welcome, which says that messages are missing.
    pub(super) fn welcome_everyone(&self, missed: Option<u64>) {
        let view = self.state.view();
        let catch_up = CatchUp { recovered: false, missed, rows: view.history.newest(RESYNC_BYTES) };
        let welcome = Arc::new(self.encode_welcome(&view, &catch_up));
        self.fanout.resync(self.clients.iter(), &welcome);
    }

    /// The welcome of a client that resumes from `since`, and the changes of messages that it may lack. `has_lost`: it shows
    /// some that Redis has lost.
    pub(super) fn welcome_frames(&self, name: &str, since: ResumeFrom, has_lost: bool) -> (Bytes, Option<Bytes>) {
        let view = self.state.view();
        let changes: Option<Bytes> = match since {
            ResumeFrom::At(_) if has_lost => None,
            ResumeFrom::At(id) => view.changes.since(id).map(|changes| change_frames(&changes)),
            ResumeFrom::Nothing | ResumeFrom::Ordinal(_) => Some(Bytes::new()),
        };
        let catch_up = view.history.catch_up(since, changes.as_ref().map(Bytes::len));
        let welcome = self.encode_welcome(&view, &catch_up).frame(name);
        (welcome, changes.filter(|frames| catch_up.recovered && !frames.is_empty()))
    }

    fn encode_welcome(&self, view: &View, catch_up: &CatchUp<'_>) -> SharedWelcome {
        let count = view.roster.count();
        let is_named = count <= NAMED_AT_MOST && !view.roster.is_reading();
        let names = is_named.then(|| view.roster.names(None, NAMED_AT_MOST));
        let messages: Vec<_> = catch_up.rows.iter().map(|message| &*message.raw).collect();
        let welcome = Welcome {
            you: "",
            recovered: catch_up.recovered,
            missed: catch_up.missed,
            messages: &messages,
            // A welcome follows a snapshot, which has a position.
            head: view.history.head().unwrap_or_default(),
            members: Members { count, names: names.as_deref() },
            rules: view.rules.set(),
            bots: &self.options.bots,
            limits: self.options.limits,
            heartbeat_ms: u64::try_from(HEARTBEAT.as_millis()).unwrap_or(u64::MAX),
            attention: true,
        };
        SharedWelcome::new(&ServerFrame::Welcome(welcome))
    }
}

/// The frames of changes, in a row.
fn change_frames(changes: &[&Change]) -> Bytes {
    let frames: Vec<Bytes> = changes.iter().map(|change| ServerFrame::change(&change.row).encode()).collect();
    frames.concat().into()
}
