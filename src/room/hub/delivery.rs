//! Turns the room's events into frames for this instance's clients.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tracing::Span;

use super::{Hub, TICK};
use crate::{
    automod::{AutoRules, RuleChecker},
    backplane::{Change, Delta, Event, Position, SessionTag},
    protocol::{Bye, Id, Message, Row, Rules, ServerFrame},
    room::{
        TYPING_AT_MOST,
        history_cache::EncodedMessage,
        hub_state::{Ending, View},
        roster::{CHANGES_NAMED_AT_MOST, Changes},
    },
    telemetry::{TraceParent, instruments, spans},
};

/// People in the room up to whom a presence frame has all names; above, it has this many of each list.
const ALL_NAMES_AT_MOST: usize = 200;
const SOME_NAMES: usize = 20;
/// People in the room above whom a presence frame has no names, and the least time between two such frames: each goes to everybody.
const NO_NAMES_ABOVE: usize = CHANGES_NAMED_AT_MOST;
const COUNT_EVERY: Duration = Duration::from_secs(1);

impl Hub {
    /// Delivers the next event.
    pub(super) fn deliver(&mut self, event: Event, now: Instant) {
        match event {
            Event::Message { message, trace, .. } => self.deliver_message(message, trace.as_ref(), now),
            Event::Presence { delta, .. } | Event::Ended { delta, .. } => {
                self.deliver_presence(&delta, now);
                self.find_announced();
            }
            Event::Moderated { position, removed, edited, rules, auto } => {
                if let Some(auto) = auto {
                    self.set_auto_rules(&auto);
                }
                self.deliver_changes(position, &removed, edited, rules);
                self.state.count_rules_event();
            }
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
        let oldest = u64::try_from(oldest).unwrap_or(u64::MAX);
        let mut view = self.state.view_mut();
        view.history.trim_old(oldest);
        view.changes.trim_old(oldest);
    }

    /// Sends clients the changes of presence and typing since the last call.
    pub(super) fn send_changes(&mut self, now: Instant) {
        let expired = self.state.view_mut().roster.expire(now);
        self.send_presence(expired, now);
        if self.sends_presence(now) {
            let changes = self.state.view_mut().roster.changes();
            self.send_presence(changes, now);
        }
        if self.typists.changes(now).is_some()
            && let Some(frame) = self.typing_frame(0)
        {
            self.broadcast(&frame);
        }
    }

    /// Whether clients are sent the changes of presence now. Names come before what their people send; the count of a large room may
    /// wait.
    pub(super) fn sends_presence(&self, now: Instant) -> bool {
        self.state.view().roster.has_changes() && (self.presence_pause() == TICK || self.presence_due(now))
    }

    /// Whether the last presence frame was sent so long ago that the next one may follow.
    pub(super) fn presence_due(&self, now: Instant) -> bool {
        self.presence_sent_at.is_none_or(|at| now.duration_since(at) >= self.presence_pause())
    }

    fn presence_pause(&self) -> Duration {
        let roster = &self.state.view().roster;
        let is_count_only = roster.count() > NO_NAMES_ABOVE && !roster.has_named_changes();
        if is_count_only { COUNT_EVERY } else { TICK }
    }

    /// The typing frame, if at least this many people type and the room is small enough.
    pub(super) fn typing_frame(&self, at_least: usize) -> Option<Bytes> {
        let (names, count) = self.typists.state();
        let is_sent = count >= at_least && self.state.view().roster.count() <= TYPING_AT_MOST;
        is_sent.then(|| ServerFrame::Typing { names: &names, count }.encode())
    }

    pub(super) fn send_presence(&mut self, changes: Option<Changes>, now: Instant) {
        let Some(Changes { joined, left, count, .. }) = changes else { return };
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

    pub(super) fn set_rules(&self, rules: Rules) {
        let frame = {
            let mut view = self.state.view_mut();
            let is_new = view.rules != rules;
            view.rules = rules;
            is_new.then(|| ServerFrame::Rules(&view.rules).encode())
        };
        if let Some(frame) = frame {
            self.broadcast(&frame);
        }
    }

    /// Takes over the rules that apply by themselves, if they are new.
    pub(super) fn set_auto_rules(&self, rules: &AutoRules) {
        if self.state.view().auto.rules() == rules {
            return;
        }
        let checker = Arc::new(RuleChecker::new(rules.clone()));
        let mut view = self.state.view_mut();
        view.roster.set_quiet(rules.quiet);
        view.auto = checker;
    }

    /// Applies changes of messages, and sends them to the clients.
    pub(super) fn send_message_changes(&self, changes: Vec<Change>) {
        let mut view = self.state.view_mut();
        let frames: Vec<Bytes> = changes.into_iter().filter_map(|change| view.apply(change)).collect();
        if !frames.is_empty() {
            // For readers the change and its frames are one step, like a message and its frame.
            self.broadcast(&frames.concat().into());
        }
    }

    pub(super) fn broadcast(&self, frame: &Bytes) {
        self.fanout.broadcast(frame, &Span::none());
    }

    fn deliver_message(&mut self, message: Arc<Message>, trace: Option<&TraceParent>, now: Instant) {
        let span = spans::delivery(trace, message.id, self.clients.len());
        // The sender's arrival comes before the message, and the sender no longer types.
        self.typists.stop(&message.from);
        self.state.view_mut().roster.note_sender(&message.from);
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

    fn deliver_changes(&self, position: Position, removed: &[Id], edited: Vec<Arc<Message>>, rules: Rules) {
        let rows = {
            let view = self.state.view();
            // The frame of a deletion has only the id.
            let unknown = |id| Row::Removed { id, at: u64::MAX, from: String::new() };
            let removed = removed.iter().map(|id| view.history.row(*id).map_or_else(|| unknown(*id), Row::removed));
            removed.chain(edited.into_iter().map(Row::Message)).collect::<Vec<_>>()
        };
        let Position { version, head, .. } = position;
        self.send_message_changes(rows.into_iter().map(|row| Change { version, head, row }).collect());
        self.set_rules(rules);
    }
}

impl View {
    /// Applies a change of a message. Returns its frame, unless the change is known.
    fn apply(&mut self, change: Change) -> Option<Bytes> {
        let is_known = self.history.row(change.row.id()) == Some(&change.row);
        if !self.changes.push(change.clone()) || is_known {
            return None;
        }
        let frame = ServerFrame::change(&change.row).encode();
        self.history.replace(change.row);
        Some(frame)
    }
}
