//! Applying a snapshot of the room, step by step.

use std::{collections::HashSet, time::Instant};

use bytes::Bytes;

use super::{Hub, backplane_calls::ReadContext, portions::NextRead};
use crate::{
    backplane::Snapshot,
    name::NameKey,
    protocol::{Bye, Id},
    room::{
        history_cache::EncodedMessage,
        hub_state::Ending,
        lease::{ReadOutcome, Reply, Signal},
    },
    telemetry::instruments,
};

/// How a snapshot relates to the messages that clients have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Continuity {
    /// It is the first one.
    First,
    /// Its messages follow theirs.
    Continues,
    /// Messages are missing in between: their number, if known.
    Gap { missed: Option<u64>, lost: bool },
}

impl Continuity {
    fn of(snapshot: &Snapshot, context: &ReadContext) -> Self {
        let Some(before) = context.position else { return Self::First };
        let is_lost = |id: &Id| *id > before.head && !snapshot.has(*id);
        // Acknowledged messages that were never received as events must be in it.
        let lost = snapshot.continues && context.acknowledged.iter().any(is_lost);
        if snapshot.continues && !lost {
            return Self::Continues;
        }
        Self::Gap { missed: snapshot.missed.filter(|_| !lost), lost }
    }
}

impl Hub {
    /// Applies a snapshot, and sends clients what they miss; if it does not continue what they have, a new welcome.
    pub(super) fn adopt_snapshot(&mut self, snapshot: &Snapshot, context: &ReadContext, now: Instant) {
        if let Some(key) = &snapshot.address_key {
            self.state.set_address_key(key);
        }
        if self.begin_portions(snapshot, context, now) {
            return;
        }
        if snapshot.continues && self.has_lost_changes(snapshot, context) {
            self.next_read = NextRead::Whole;
            let actions = self.lease.on_reply(now, Reply::Read(ReadOutcome::Partial));
            return self.carry_out(actions, now);
        }
        let continuity = Continuity::of(snapshot, context);
        self.next_read = NextRead::Snapshot;
        // Events of ended sessions may be among those missed.
        self.state.publish_ending(Ending::Any);
        let frames = self.adopt_history(snapshot);
        self.gap_detector.move_to(snapshot.position);
        let actions = self.lease.on_reply(now, Reply::Read(ReadOutcome::Complete));
        self.set_auto_rules(&snapshot.auto);
        self.note_senders(snapshot);
        self.adopt_people(snapshot, context, now);
        self.send_changes(now);
        match continuity {
            Continuity::First => self.replace_changes(snapshot),
            Continuity::Continues => self.send_missed(frames, snapshot),
            Continuity::Gap { missed, lost } => {
                self.replace_changes(snapshot);
                tracing::warn!(missed = snapshot.missed, lost, "messages are missing: sending clients a new welcome");
                self.welcome_everyone(missed);
            }
        }
        self.state.account_for(&context.acknowledged);
        self.close_forgotten(snapshot, context);
        self.carry_out(actions, now);
        let is_announced = self.lease.incarnation_in(snapshot.position.epoch).is_some();
        if !is_announced || self.members.has_changes(now) {
            self.signal(Signal::Changed, now);
        }
        self.find_announced();
        self.admit_waiting(now);
    }

    fn note_senders(&self, snapshot: &Snapshot) {
        let mut view = self.state.view_mut();
        for row in &snapshot.rows {
            view.roster.note_sender(row.sender());
        }
    }

    /// Adds the messages to the history cache. Returns their frames.
    fn adopt_history(&self, snapshot: &Snapshot) -> Vec<Bytes> {
        let encoded: Vec<EncodedMessage> = snapshot.rows.iter().cloned().map(EncodedMessage::new).collect();
        let frames = encoded.iter().map(|message| message.frame.clone()).collect();
        self.state.adopt_history(snapshot, encoded);
        self.trim_history();
        frames
    }

    /// Replaces the roster. After a change of epoch, people whom the backplane has lost stay for a lease: their instances
    /// announce them again.
    pub(super) fn adopt_people(&mut self, snapshot: &Snapshot, context: &ReadContext, now: Instant) {
        let Some(people) = &snapshot.people else { return };
        let people = people.iter().map(|present| &present.member);
        let is_new_epoch = context.position.is_some_and(|before| before.epoch != snapshot.position.epoch);
        let leaves_at = is_new_epoch.then(|| now + self.options.lease);
        let first = self.state.view_mut().roster.adopt(people, leaves_at);
        self.send_presence(first, now);
    }

    /// Whether Redis has lost changes that clients have: what is cached and shown is then wrong.
    fn has_lost_changes(&self, snapshot: &Snapshot, context: &ReadContext) -> bool {
        let is_new_epoch = context.position.is_some_and(|before| before.epoch != snapshot.position.epoch);
        is_new_epoch && self.state.view().changes.has_lost(snapshot)
    }

    /// Takes the changes and rules of a snapshot, for clients that are sent a welcome.
    fn replace_changes(&self, snapshot: &Snapshot) {
        let mut view = self.state.view_mut();
        view.changes.replace(snapshot);
        view.rules = snapshot.rules.clone();
        for change in &snapshot.changes {
            view.history.replace(change.row.clone());
        }
    }

    fn send_missed(&self, frames: Vec<Bytes>, snapshot: &Snapshot) {
        instruments().gap_filled();
        for frame in frames {
            self.broadcast(&frame);
        }
        self.send_message_changes(snapshot.changes.clone());
        self.set_rules(snapshot.rules.clone());
    }

    /// Closes connections of people whom the backplane does not know under this incarnation: their sessions ended while
    /// events were missed. When they reconnect, their sessions are looked up.
    fn close_forgotten(&mut self, snapshot: &Snapshot, context: &ReadContext) {
        let epoch = snapshot.position.epoch;
        let is_same_epoch = context.position.is_some_and(|before| before.epoch == epoch);
        let Some(incarnation) = self.lease.incarnation_in(epoch).filter(|_| is_same_epoch) else { return };
        let Some(people) = &snapshot.people else { return };
        let is_held = |present: &&crate::backplane::Present| present.held_by.contains(incarnation);
        let held: HashSet<&NameKey> = people.iter().filter(is_held).map(|present| &present.member.name_key).collect();
        for connection in self.members.forget_unless(|name_key| held.contains(name_key), context.began) {
            self.close(connection, Bye::Restart, Some(0));
        }
    }
}
