//! Compares acknowledged and shown messages with the log.

use std::collections::{HashMap, HashSet};

use crate::{
    kit::transcript::ChatMessage,
    torture::record::{EndReason, Event, History, LostMessage, Moment, Record, UndoneChange},
};

use super::{RESUMED, TOLERANCE, Violation, ViolationKind, changes::sent_changes, excerpt};

/// Highest number of missed messages in a welcome.
const WELCOME_LIMIT: usize = 500;

/// Bytes of missed messages that surely fit into a welcome, which carries 128 KiB.
const WELCOME_BYTES: usize = 112 * 1024;
/// Bytes of a message besides its text.
const MESSAGE_BYTES: usize = 200;

/// The log, by id and by sender and nonce.
struct Log<'a> {
    entries: &'a [ChatMessage],
    places: HashMap<&'a str, usize>,
    message: HashMap<(&'a str, &'a str), usize>,
    /// Messages that the log had and lost, by id.
    lost: HashMap<&'a str, &'a LostMessage>,
    /// Changes that the log had and lost.
    undone: &'a [UndoneChange],
}

/// Returns all violations by messages.
pub fn check(record: &Record) -> Vec<Violation> {
    let mut found = Vec::new();
    let log = Log::of(record, &mut found);
    for history in &record.histories {
        found.extend(acks(history, &log));
        found.extend(Reader::new(&log, history).read());
    }
    found
}

/// Returns the number of acknowledged messages, without repetitions.
pub fn acked(record: &Record) -> usize {
    let acks = record.histories.iter().flat_map(|history| {
        let changes = sent_changes(history);
        let acks = history.events.iter().filter_map(move |(_, event)| match event {
            Event::Ack(nonce, _) if !changes.contains_key(nonce.as_str()) => Some(nonce.as_str()),
            _ => None,
        });
        acks.map(|nonce| (history.person.as_str(), nonce))
    });
    acks.collect::<HashSet<_>>().len()
}

impl<'a> Log<'a> {
    fn of(record: &'a Record, found: &mut Vec<Violation>) -> Self {
        let entries = record.log.as_slice();
        // Of a deleted message only the id, sender and time are known.
        let texts = || entries.iter().enumerate().filter(|(_, message)| !message.nonce.is_empty());
        let places = entries.iter().enumerate().map(|(place, message)| (message.id.as_str(), place)).collect();
        let mut by = HashMap::new();
        for (place, message) in texts() {
            if let Some(first) = by.insert((message.from.as_str(), message.nonce.as_str()), place) {
                let first = &entries[first].id;
                let what =
                    format!("{} by {} is in the log as {first} and as {}", message.nonce, message.from, message.id);
                found.push(Violation { kind: ViolationKind::Doubled, at: Moment::ZERO, what, shown_by: Vec::new() });
            }
        }
        let lost = record.lost.iter().map(|lost| (lost.message.id.as_str(), lost)).collect();
        Self { entries, places, message: by, lost, undone: &record.undone }
    }

    /// Returns whether messages were lost after one moment and up to another.
    fn has_lost(&self, after: Option<Moment>, to: Moment) -> bool {
        let mut losses = self.lost.values().map(|lost| lost.at).chain(self.undone.iter().map(|undone| undone.at));
        losses.any(|at| at <= to && after.is_none_or(|after| at > after))
    }

    /// Whether a message was in the log like that, as it is or with a change that was lost.
    fn was_like(&self, shown: &ChatMessage, logged: &ChatMessage) -> bool {
        let is_undone = |undone: &UndoneChange| undone.message.id == shown.id && is_state_of(shown, &undone.message);
        is_state_of(shown, logged) || self.undone.iter().any(is_undone)
    }
}

impl Log<'_> {
    /// Whether a message of this person with this id was lost. Of a deleted one the nonce is not known.
    fn has_lost_message(&self, id: &str, person: &str, nonce: &str) -> bool {
        let lost = self.lost.get(id).map(|lost| &lost.message).filter(|message| message.from == person);
        lost.is_some_and(|message| message.nonce.is_empty() || message.nonce == nonce)
    }

    /// Whether a message of this person has this id and is deleted.
    fn is_removed(&self, id: &str, person: &str) -> bool {
        let entry = self.places.get(id).map(|place| &self.entries[*place]);
        entry.is_some_and(|entry| entry.nonce.is_empty() && entry.from == person)
    }
}

/// Whether a shown message is an earlier or the present state of one of the log.
fn is_state_of(shown: &ChatMessage, logged: &ChatMessage) -> bool {
    let is_same_place = (&shown.from, shown.at) == (&logged.from, logged.at);
    if logged.nonce.is_empty() || shown.nonce.is_empty() {
        // One of them is a deletion.
        return is_same_place && (logged.nonce.is_empty() || !shown.nonce.is_empty());
    }
    let is_same = is_same_place && shown.nonce == logged.nonce && shown.reply_to == logged.reply_to;
    is_same && (shown == logged || shown.edited_at < logged.edited_at)
}

/// Checks that every acknowledged message is in the log with the acknowledged id, or was lost with a fault.
fn acks(history: &History, log: &Log<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let changes = sent_changes(history);
    for (i, (at, event)) in history.events.iter().enumerate() {
        let Event::Ack(nonce, id) = event else { continue };
        if changes.contains_key(nonce.as_str()) || log.is_removed(id, &history.person) {
            continue;
        }
        let kept = log.message.get(&(history.person.as_str(), nonce.as_str())).map(|place| &log.entries[*place].id);
        let kind = match kept {
            Some(kept) if kept == id => continue,
            _ if log.has_lost_message(id, &history.person, nonce) => continue,
            Some(_) => ViolationKind::Doubled,
            None => ViolationKind::Lost,
        };
        let what = format!("{nonce} was acknowledged to {} as {id}; the log has {kept:?}", history.name());
        found.push(Violation { kind, at: *at, what, shown_by: excerpt(history, i) });
    }
    found
}

/// Follows the messages shown in one tab along the log.
struct Reader<'a> {
    log: &'a Log<'a>,
    history: &'a History,
    /// The position in the log of the next message; `None` = any.
    next: Option<usize>,
    /// Shown messages that were lost later, until the tab is told of a gap.
    lost: Vec<&'a LostMessage>,
    /// When it was last told of a gap.
    told_at: Option<Moment>,
    found: Vec<Violation>,
}

impl<'a> Reader<'a> {
    fn new(log: &'a Log<'a>, history: &'a History) -> Self {
        Self { log, history, next: None, lost: Vec::new(), told_at: None, found: Vec::new() }
    }

    fn read(mut self) -> Vec<Violation> {
        let history = self.history;
        for (i, (_, event)) in history.events.iter().enumerate() {
            match event {
                Event::Welcome { recovered, messages, .. } => self.welcomed(i, *recovered, messages),
                Event::Message(message) => self.shown(i, message),
                Event::Ended(EndReason::RunOver) => self.ended(i),
                _ => {}
            }
        }
        self.found
    }

    fn welcomed(&mut self, i: usize, recovered: bool, messages: &[ChatMessage]) {
        if !recovered {
            // More missed messages than a welcome carries are a justified gap.
            let missed =
                self.next.take().zip(messages.last().and_then(|message| self.log.places.get(message.id.as_str())));
            let at = self.history.events[i].0;
            let fits = missed.and_then(|(next, last)| self.log.entries.get(next..=*last)).is_none_or(fits_welcome);
            if fits && !self.may_tell_of_loss(at) {
                self.report(i, ViolationKind::NeedlessGap, "was told of a gap without a loss".to_owned());
            }
        }
        if !recovered {
            self.lost.clear();
            self.told_at = Some(self.history.events[i].0);
        }
        for message in messages {
            self.shown(i, message);
        }
        // An empty welcome to a new client means that the log is empty.
        self.next.get_or_insert(0);
    }

    /// Returns whether a loss explains a gap now: one since the last gap, or one that instances may just be finding.
    fn may_tell_of_loss(&self, at: Moment) -> bool {
        self.log.has_lost(self.told_at, at) || self.log.has_lost(Some(at.saturating_sub(RESUMED + TOLERANCE)), at)
    }

    fn shown(&mut self, i: usize, message: &ChatMessage) {
        if let Some(lost) =
            self.log.lost.get(message.id.as_str()).filter(|lost| self.log.was_like(message, &lost.message))
        {
            return self.shown_lost(i, lost);
        }
        let is_in_log = |place: &&usize| self.log.was_like(message, &self.log.entries[**place]);
        let Some(&place) = self.log.places.get(message.id.as_str()).filter(is_in_log) else {
            return self.report(
                i,
                ViolationKind::Lost,
                format!("was shown {}, which differs from the log", message.id),
            );
        };
        if let Some(lost) = self.lost.iter().find(|lost| lost.place <= place) {
            let what = format!("was shown {} after the lost {} and not told of a gap", message.id, lost.message.id);
            self.lost.clear();
            self.report(i, ViolationKind::SilentGap, what);
        }
        let next = self.next.unwrap_or(place);
        if place > next {
            let missing = &self.log.entries[next].id;
            let what = format!("was shown {} but not the {} before it, from {missing} on", message.id, place - next);
            self.report(i, ViolationKind::SilentGap, what);
        } else if place + 1 == next {
            self.report(i, ViolationKind::Doubled, format!("was shown {} again", message.id));
        } else if place < next {
            let before = self.history.events[..i].iter().any(|(_, event)| event.shows(&message.id));
            let kind = if before { ViolationKind::Doubled } else { ViolationKind::OutOfOrder };
            self.report(i, kind, format!("was shown {} after {}", message.id, self.log.entries[next - 1].id));
        }
        self.next = Some(next.max(place + 1));
    }

    /// Follows a message that was lost later: it stood before the `place`th message of the log.
    fn shown_lost(&mut self, i: usize, lost: &'a LostMessage) {
        let id = &lost.message.id;
        if let Some(next) = self.next.filter(|next| *next < lost.place) {
            let missing = &self.log.entries[next].id;
            self.report(i, ViolationKind::SilentGap, format!("was shown {id} but not {missing} before it"));
        } else if self.lost.iter().any(|shown| shown.message.id == *id) {
            self.report(i, ViolationKind::Doubled, format!("was shown {id} again"));
        }
        self.lost.push(lost);
        self.next = Some(self.next.map_or(lost.place, |next| next.max(lost.place)));
    }

    /// Checks that a tab connected at the end has all messages, and was told of all losses.
    fn ended(&mut self, i: usize) {
        if let Some(lost) = self.lost.first() {
            let what = format!("was never told that {} was lost although connected", lost.message.id);
            self.report(i, ViolationKind::SilentGap, what);
        }
        if let Some(missing) = self.next.and_then(|next| self.log.entries.get(next)) {
            self.report(
                i,
                ViolationKind::SilentGap,
                format!("was never shown {} and later ones although connected", missing.id),
            );
        }
    }

    fn report(&mut self, i: usize, kind: ViolationKind, what: String) {
        let (at, what) = (self.history.events[i].0, format!("{} {what}", self.history.name()));
        self.found.push(Violation { kind, at, what, shown_by: excerpt(self.history, i) });
    }
}

/// Returns whether a welcome carries these messages.
fn fits_welcome(missed: &[ChatMessage]) -> bool {
    let bytes =
        |message: &ChatMessage| serde_json::Value::from(message.text.as_str()).to_string().len() + MESSAGE_BYTES;
    missed.len() <= WELCOME_LIMIT && missed.iter().map(bytes).sum::<usize>() <= WELCOME_BYTES
}

impl Event {
    /// Returns whether it shows this message.
    fn shows(&self, id: &str) -> bool {
        match self {
            Self::Message(message) => message.id == id,
            Self::Welcome { messages, .. } => messages.iter().any(|message| message.id == id),
            _ => false,
        }
    }
}
