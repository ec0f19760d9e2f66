//! Applying a snapshot of the room, step by step.

use std::{collections::HashSet, time::Instant};

use bytes::Bytes;

use super::{Hub, backplane_calls::ReadContext, portions::NextRead};
use crate::{
    backplane::{Delta, IncarnationId, Present, Snapshot, SnapshotPeople},
    name::NameKey,
    protocol::Id,
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

    /// Updates the roster, and closes connections of people whom the backplane does not hold. After a change of epoch, people whom
    /// the backplane has lost stay for a lease: their instances announce them again.
    pub(super) fn adopt_people(&mut self, snapshot: &Snapshot, context: &ReadContext, now: Instant) {
        let epoch = snapshot.position.epoch;
        let is_new_epoch = context.position.is_some_and(|before| before.epoch != epoch);
        let is_same_epoch = context.position.is_some() && !is_new_epoch;
        let leaves_at = is_new_epoch.then(|| now + self.options.lease);
        let holder = self.lease.incarnation_in(epoch).filter(|_| is_same_epoch).cloned();
        match &snapshot.people {
            SnapshotPeople::Same => {}
            SnapshotPeople::All(people) => self.adopt_all(people, leaves_at, holder, context.began, now),
            SnapshotPeople::Changed(deltas) => {
                self.adopt_deltas(deltas, context.began, holder.is_some(), now);
                // A cursor means nothing in another epoch.
                if self.people_read.is_some() && !is_same_epoch {
                    let count = self.state.view().roster.count();
                    self.begin_people(count, epoch, leaves_at, holder, now);
                }
            }
            SnapshotPeople::Many(count) => self.begin_people(*count, epoch, leaves_at, holder, now),
        }
        self.state.note_named();
    }

    fn adopt_all(
        &mut self,
        people: &[Present],
        leaves_at: Option<Instant>,
        holder: Option<IncarnationId>,
        began: Instant,
        now: Instant,
    ) {
        self.people_read = None;
        let first = self.state.view_mut().roster.adopt(people.iter().map(|present| &present.member), leaves_at);
        self.send_presence(first, now);
        let Some(holder) = holder else { return };
        let own = people.iter().filter(|present| present.held_by.contains(&holder));
        let held: HashSet<&NameKey> = own.map(|present| &present.member.name_key).collect();
        self.close_forgotten(|name_key| held.contains(name_key), began);
    }

    fn adopt_deltas(&mut self, deltas: &[Delta], began: Instant, closes: bool, now: Instant) {
        let mut left: HashSet<&NameKey> = HashSet::new();
        for delta in deltas {
            let first = self.state.view_mut().roster.apply(delta);
            self.send_presence(first, now);
            for person in &delta.joined {
                left.remove(&person.name_key);
            }
            left.extend(delta.left.iter().map(|person| &person.name_key));
        }
        if closes {
            self.close_forgotten(|name_key| !left.contains(name_key), began);
        }
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
}
