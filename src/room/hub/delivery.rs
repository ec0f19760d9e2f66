//! What the room does, on its way to this instance's connections.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tracing::Span;

use super::{Hub, SyncState};
use crate::{
    backplane::{Delta, Event, IncarnationId, Member, SessionTag, Snapshot},
    name::NameKey,
    protocol::{Bye, Id, Message, Row, Rules, ServerFrame},
    room::{
        Ending, Farewell, gap_detector::Verdict, history_cache::EncodedMessage, moderation_state::ModerationChange,
        roster::Changes,
    },
    telemetry::{TraceParent, instruments, spans},
};

/// Up to how many people everybody is told of everybody who types.
const TYPING_AT_MOST: usize = 200;
/// Up to how many people all names of those who come and go are told, and how many names are told beyond.
const ALL_NAMES_AT_MOST: usize = 200;
const SOME_NAMES: usize = 20;
/// Beyond how many people no names are told at all.
const NO_NAMES_ABOVE: usize = 1000;

impl Hub {
    pub(super) fn hear(&mut self, event: Event, now: Instant) {
        // While deaf only the gap counts that begins a subscription.
        if matches!(self.hearing, SyncState::Unsubscribed { .. }) && event != Event::Gap {
            return;
        }
        if event == Event::Gap {
            self.heartbeats.note_gap();
        }
        self.act_on(&event, now);
        match self.gap_detector.follow(&event) {
            Verdict::Next => self.deliver(event, now),
            Verdict::Stale => {}
            Verdict::Gap => self.fall_behind(now),
        }
    }

    /// Takes a look at the room: continues from it, or starts anew and says so to everybody.
    /// `acknowledged` is what must be in it, if it is newer than what we had heard.
    pub(super) fn take_reading(&mut self, snapshot: &Snapshot, acknowledged: &[Id], now: Instant) {
        let before = self.gap_detector.position();
        let is_lost = |id: &Id| before.is_some_and(|before| *id > before.head) && !snapshot.has(*id);
        let has_lost = snapshot.continues && acknowledged.iter().any(is_lost);
        let continues = snapshot.continues && !has_lost;
        self.shared.tell_ending(Ending::Any);
        let encoded: Vec<EncodedMessage> = snapshot.rows.iter().cloned().map(EncodedMessage::new).collect();
        let frames: Vec<Bytes> = encoded.iter().map(|kept| kept.frame.clone()).collect();
        self.shared.view_mut().recent.take(snapshot, encoded);
        self.forget_old();
        self.gap_detector.arrive(snapshot.position);
        self.hearing = SyncState::Synced;
        self.heartbeats.note_read(now);

        let same_epoch = before.is_some_and(|before| before.epoch == snapshot.position.epoch);
        let truth: Vec<Member> = snapshot.people.iter().map(|here| here.member.clone()).collect();
        let absent_until = (before.is_some() && !same_epoch).then(|| now + self.options.lease);
        let first = self.shared.view_mut().roster.adopt(&truth, absent_until);
        let news = self.shared.view_mut().moderation.adopt(snapshot.rules.clone(), &snapshot.removed);
        self.forget_removed(&news);
        self.tell_presence(first, now);
        self.tell_changes(now);
        if continues && before.is_some() {
            instruments().gap_filled();
        }
        if continues {
            for frame in frames {
                self.tell(&frame);
            }
            self.tell_moderated(&news);
        } else if before.is_some() {
            tracing::warn!(missed = snapshot.missed, has_lost, "what clients have does not continue: telling them so");
            self.welcome_everybody(snapshot.missed.filter(|_| !has_lost));
        }
        self.shared.account_for(acknowledged);
        if same_epoch {
            self.cut_forgotten(snapshot);
        }
        self.show_state(now);
        self.beat_if_due(now);
        self.welcome_arrived(now);
        self.let_in(now);
    }

    /// Lets go of messages that are too old.
    pub(super) fn forget_old(&self) {
        let Some(age) = self.options.history_age else { return };
        let oldest = self.backplane.now().saturating_sub(age).as_millis();
        self.shared.view_mut().recent.forget(u64::try_from(oldest).unwrap_or(u64::MAX));
    }

    /// Tells what has changed since it was last told.
    pub(super) fn tell_changes(&mut self, now: Instant) {
        let (expired, changes) = {
            let mut view = self.shared.view_mut();
            (view.roster.expire(now), view.roster.changes())
        };
        self.tell_presence(expired, now);
        self.tell_presence(changes, now);
        if self.typists.changes(now).is_some()
            && let Some(frame) = self.typing_frame(|_| true)
        {
            self.tell(&frame);
        }
    }

    /// Who types, if anybody is to be told of that many.
    pub(super) fn typing_frame(&self, is_worth_telling: impl Fn(usize) -> bool) -> Option<Bytes> {
        let (names, count) = self.typists.state();
        let told = is_worth_telling(count) && self.shared.view().roster.count() <= TYPING_AT_MOST;
        told.then(|| ServerFrame::Typing { names: &names, count }.encode())
    }

    /// What an event means to this instance itself, be it new or not.
    fn act_on(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Ended { session, .. } => self.end(session, now),
            Event::Heartbeat { incarnation, .. } if *incarnation == self.incarnation.incarnation => {
                self.heartbeats.note_heard(now);
            }
            _ => {}
        }
    }

    fn deliver(&mut self, event: Event, now: Instant) {
        match event {
            Event::Message { message, trace, .. } => self.deliver_message(message, trace.as_ref(), now),
            Event::Presence { delta, .. } | Event::Ended { delta, .. } => {
                self.deliver_presence(&delta, now);
                self.welcome_arrived(now);
            }
            Event::Moderated { removed, rules, .. } => self.deliver_moderated(removed, rules),
            Event::Typing(typing) => self.typists.note(typing, now),
            Event::Heartbeat { .. } | Event::Gap => {}
        }
    }

    fn deliver_message(&mut self, message: Arc<Message>, trace: Option<&TraceParent>, now: Instant) {
        let span = spans::delivery(trace, message.id, self.clients.len());
        // Whoever speaks has been seen to come in, and no longer types.
        self.typists.stop(&message.from);
        self.tell_changes(now);
        let after = self.backplane.now().saturating_sub(Duration::from_millis(message.at));
        instruments().delivered(self.clients.len(), after);
        let kept = EncodedMessage::new(Row::Message(message));
        // Told first: whoever asks for the newest id must not be told of one before the message.
        self.fanout.tell(&kept.frame, &span);
        self.shared.view_mut().recent.push(kept);
    }

    fn deliver_presence(&mut self, delta: &Delta, now: Instant) {
        for person in &delta.left {
            self.typists.stop(&person.name);
        }
        let first = self.shared.view_mut().roster.apply(delta);
        self.tell_presence(first, now);
    }

    fn deliver_moderated(&self, removed: Vec<Id>, rules: Rules) {
        let news = self.shared.view_mut().moderation.apply(rules, removed);
        self.forget_removed(&news);
        self.tell_moderated(&news);
    }

    fn forget_removed(&self, news: &ModerationChange) {
        let mut view = self.shared.view_mut();
        for id in &news.removed {
            view.recent.remove(*id);
        }
    }

    fn tell_moderated(&self, news: &ModerationChange) {
        if !news.removed.is_empty() {
            self.tell(&removed_frames(&news.removed));
        }
        if news.rules {
            self.tell(&ServerFrame::Rules(&self.shared.view().moderation.rules).encode());
        }
    }

    fn tell_presence(&mut self, changes: Option<Changes>, now: Instant) {
        let Some(Changes { joined, left, count }) = changes else { return };
        self.presence_told = Some(now);
        let names = |names: BTreeSet<String>| -> Vec<String> {
            let at_most = if count > ALL_NAMES_AT_MOST { SOME_NAMES } else { usize::MAX };
            names.into_iter().take(at_most).collect()
        };
        let (joined, left) = (names(joined), names(left));
        let named = count <= NO_NAMES_ABOVE;
        let frame =
            ServerFrame::Presence { joined: named.then_some(&joined), left: named.then_some(&left), count }.encode();
        self.tell(&frame);
    }

    fn tell(&self, frame: &Bytes) {
        self.fanout.tell(frame, &Span::none());
    }

    fn end(&mut self, session: &SessionTag, now: Instant) {
        self.shared.tell_ending(Ending::Session(session.clone()));
        for connection in self.local_members.end(session, now) {
            self.cut(connection, Farewell { reason: Bye::SessionEnded, retry_after_ms: None });
        }
    }

    /// Sends people away whom the backplane does not know to be here: they were ended while we did not hear. When
    /// they come back, their session tells.
    fn cut_forgotten(&mut self, snapshot: &Snapshot) {
        if self.incarnation.epoch != Some(snapshot.position.epoch) {
            return;
        }
        let ours = |held_by: &[IncarnationId]| held_by.contains(&self.incarnation.incarnation);
        let known: BTreeSet<&str> = snapshot
            .people
            .iter()
            .filter(|here| ours(&here.held_by))
            .map(|here| here.member.name_key.as_str())
            .collect();
        let forgotten: Vec<NameKey> = self
            .local_members
            .told()
            .filter(|hold| !known.contains(hold.name_key.as_str()))
            .map(|hold| hold.name_key.clone())
            .collect();
        for name_key in forgotten {
            self.local_members.forget_told(&name_key);
            for connection in self.local_members.connections(&name_key) {
                self.cut(connection, Farewell { reason: Bye::Restart, retry_after_ms: Some(0) });
            }
        }
    }
}

/// Frames that tell of deletions, in a row.
pub(super) fn removed_frames(ids: &[Id]) -> Bytes {
    let frames: Vec<Bytes> = ids.iter().map(|id| ServerFrame::Removed { id: *id }.encode()).collect();
    frames.concat().into()
}
