//! Turns the room's events into frames for this instance's clients.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tracing::Span;

use super::Hub;
use crate::{
    backplane::{Delta, Event, SessionTag},
    protocol::{Bye, Id, Message, Row, Rules, ServerFrame},
    room::{
        TYPING_AT_MOST,
        history_cache::EncodedMessage,
        hub_state::{Ending, View},
        moderation_state::ModerationChange,
        roster::Changes,
    },
    telemetry::{TraceParent, instruments, spans},
};

/// People in the room up to whom a presence frame has all names; above, it has this many of each list.
const ALL_NAMES_AT_MOST: usize = 200;
const SOME_NAMES: usize = 20;
/// People in the room above whom a presence frame has no names.
const NO_NAMES_ABOVE: usize = 1000;

impl Hub {
    /// Delivers the next event.
    pub(super) fn deliver(&mut self, event: Event, now: Instant) {
        match event {
            Event::Message { message, trace, .. } => self.deliver_message(message, trace.as_ref(), now),
            Event::Presence { delta, .. } | Event::Ended { delta, .. } => {
                self.deliver_presence(&delta, now);
                self.find_announced();
            }
            Event::Moderated { removed, rules, .. } => self.deliver_moderation(removed, rules),
            Event::Typing(typing) => self.typists.note(typing, now),
            Event::Heartbeat { .. } | Event::Gap => {}
        }
    }

    /// Closes the connections of a session that has ended.
    pub(super) fn end_session(&mut self, session: &SessionTag, now: Instant) {
        self.state.publish_ending(Ending::Session(session.clone()));
        for connection in self.members.end(session, now) {
            self.close(connection, Bye::SessionEnded, None);
        }
    }

    /// Drops expired messages from the history cache.
    pub(super) fn trim_history(&self) {
        let Some(age) = self.options.history_age else { return };
        let oldest = self.backplane.now().saturating_sub(age).as_millis();
        self.state.view_mut().history.trim_old(u64::try_from(oldest).unwrap_or(u64::MAX));
    }

    /// Sends clients the changes of presence and typing since the last call.
    pub(super) fn send_changes(&mut self, now: Instant) {
        let (expired, changes) = {
            let mut view = self.state.view_mut();
            (view.roster.expire(now), view.roster.changes())
        };
        self.send_presence(expired, now);
        self.send_presence(changes, now);
        if self.typists.changes(now).is_some()
            && let Some(frame) = self.typing_frame(0)
        {
            self.broadcast(&frame);
        }
    }

    /// The typing frame, if at least this many people type and the room is small enough.
    pub(super) fn typing_frame(&self, at_least: usize) -> Option<Bytes> {
        let (names, count) = self.typists.state();
        let is_sent = count >= at_least && self.state.view().roster.count() <= TYPING_AT_MOST;
        is_sent.then(|| ServerFrame::Typing { names: &names, count }.encode())
    }

    pub(super) fn send_presence(&mut self, changes: Option<Changes>, now: Instant) {
        let Some(Changes { joined, left, count }) = changes else { return };
        self.presence_sent_at = Some(now);
        let names = |names: BTreeSet<String>| -> Vec<String> {
            let at_most = if count > ALL_NAMES_AT_MOST { SOME_NAMES } else { usize::MAX };
            names.into_iter().take(at_most).collect()
        };
        let (joined, left) = (names(joined), names(left));
        let is_named = count <= NO_NAMES_ABOVE;
        let (joined, left) = (is_named.then_some(&*joined), is_named.then_some(&*left));
        self.broadcast(&ServerFrame::Presence { joined, left, count }.encode());
    }

    pub(super) fn send_moderation(&self, change: &ModerationChange) {
        if !change.removed.is_empty() {
            self.broadcast(&removed_frames(&change.removed));
        }
        if change.rules {
            self.broadcast(&ServerFrame::Rules(&self.state.view().moderation.rules).encode());
        }
    }

    pub(super) fn broadcast(&self, frame: &Bytes) {
        self.fanout.broadcast(frame, &Span::none());
    }

    fn deliver_message(&mut self, message: Arc<Message>, trace: Option<&TraceParent>, now: Instant) {
        let span = spans::delivery(trace, message.id, self.clients.len());
        // The sender's arrival comes before the message, and the sender no longer types.
        self.typists.stop(&message.from);
        self.send_changes(now);
        let after = self.backplane.now().saturating_sub(Duration::from_millis(message.at));
        instruments().delivered(self.clients.len(), after);
        let message = EncodedMessage::new(Row::Message(message));
        self.state.push_message(message, |message| self.fanout.broadcast(&message.frame, &span));
    }

    fn deliver_presence(&mut self, delta: &Delta, now: Instant) {
        for person in &delta.left {
            self.typists.stop(&person.name);
        }
        let first = self.state.view_mut().roster.apply(delta);
        self.send_presence(first, now);
    }

    fn deliver_moderation(&self, removed: Vec<Id>, rules: Rules) {
        let change = {
            let mut view = self.state.view_mut();
            let change = view.moderation.apply(rules, removed);
            view.remove(&change.removed);
            change
        };
        self.send_moderation(&change);
    }
}

impl View {
    /// Deletes messages.
    pub(super) fn remove(&mut self, ids: &[Id]) {
        for id in ids {
            self.history.remove(*id);
        }
    }
}

/// The frames of deletions, in a row.
pub(super) fn removed_frames(ids: &[Id]) -> Bytes {
    let frames: Vec<Bytes> =
        ids.iter().map(|id| ServerFrame::Removed { id: *id, from: None, at: None }.encode()).collect();
    frames.concat().into()
}
