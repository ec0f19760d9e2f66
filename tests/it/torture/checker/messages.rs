//! Compares acknowledged and shown messages with the log.

use std::collections::HashMap;

use crate::{
    kit::transcript::ChatMessage,
    torture::record::{EndReason, Event, History, Moment, Record},
};

use super::{Violation, ViolationKind, changes::sent_changes, excerpt};

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
}

/// Returns all violations by messages.
pub fn check(record: &Record) -> Vec<Violation> {
    let mut found = Vec::new();
    let log = Log::of(&record.log, &mut found);
    for history in &record.histories {
        found.extend(acks(history, &log));
        found.extend(Reader { log: &log, history, next: None, found: Vec::new() }.read());
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
    acks.collect::<std::collections::HashSet<_>>().len()
}

impl<'a> Log<'a> {
    fn of(entries: &'a [ChatMessage], found: &mut Vec<Violation>) -> Self {
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
        Self { entries, places, message: by }
    }
}

impl Log<'_> {
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

/// Checks that every acknowledged message is in the log with the acknowledged id.
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
    found: Vec<Violation>,
}

impl Reader<'_> {
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
            if missed.and_then(|(next, last)| self.log.entries.get(next..=*last)).is_none_or(fits_welcome) {
                self.report(i, ViolationKind::NeedlessGap, "was told of a gap without a loss".to_owned());
            }
        }
        for message in messages {
            self.shown(i, message);
        }
        // An empty welcome to a new client means that the log is empty.
        self.next.get_or_insert(0);
    }

    fn shown(&mut self, i: usize, message: &ChatMessage) {
        let is_in_log = |place: &&usize| is_state_of(message, &self.log.entries[**place]);
        let Some(&place) = self.log.places.get(message.id.as_str()).filter(is_in_log) else {
            return self.report(
                i,
                ViolationKind::Lost,
                format!("was shown {}, which differs from the log", message.id),
            );
        };
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

    /// Checks that a tab connected at the end has all messages.
    fn ended(&mut self, i: usize) {
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
