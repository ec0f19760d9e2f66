//! Compares edits and deletions with the log.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    kit::transcript::ChatMessage,
    torture::record::{EndReason, Event, History, Moment, Record, UndoneChange},
};

use super::{Violation, ViolationKind, excerpt};

/// A change that a person sent: the message, and its text from then on, or `None` for a deletion.
type SentChange<'a> = (&'a str, Option<&'a str>);

/// Returns all violations by changes.
pub fn check(record: &Record) -> Vec<Violation> {
    let log: HashMap<&str, &ChatMessage> = record.log.iter().map(|message| (message.id.as_str(), message)).collect();
    let mut found: Vec<_> = record.histories.iter().flat_map(|history| lost(history, &log)).collect();
    let is_undone = |id: &str| record.undone.iter().any(|undone| undone.message.id == id);
    let is_lost = |id: &str| record.lost.iter().any(|lost| lost.message.id == id);
    found.retain(|(id, _)| !is_undone(id) && !is_lost(id));
    let mut found: Vec<_> = found.into_iter().map(|(_, violation)| violation).collect();
    for history in &record.histories {
        let mut page = Page {
            history,
            undone: &record.undone,
            newest: HashMap::new(),
            shown: BTreeMap::new(),
            is_welcome: false,
            found: vec![],
        };
        page.read(&log);
        found.append(&mut page.found);
    }
    found
}

/// Returns the number of acknowledged changes.
pub fn acked(record: &Record) -> usize {
    let acks = |history| {
        let (changes, acks) = (sent_changes(history), acks(history));
        changes.keys().filter(|nonce| acks.contains(*nonce)).count()
    };
    record.histories.iter().map(acks).sum()
}

/// Returns the changes that a tab sent, by nonce.
pub fn sent_changes(history: &History) -> HashMap<&str, SentChange<'_>> {
    let changes = history.events.iter().filter_map(|(_, event)| match event {
        Event::SentChange(nonce, id, text) => Some((nonce.as_str(), (id.as_str(), text.as_deref()))),
        _ => None,
    });
    changes.collect()
}

fn acks(history: &History) -> HashSet<&str> {
    let acks = history.events.iter().filter_map(|(_, event)| match event {
        Event::Ack(nonce, _) => Some(nonce.as_str()),
        _ => None,
    });
    acks.collect()
}

/// Checks that the log has each message as its last acknowledged change left it, or a later one without an ack.
fn lost<'a>(history: &'a History, log: &HashMap<&str, &ChatMessage>) -> Vec<(&'a str, Violation)> {
    let acks = acks(history);
    let mut possible: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
    for (_, event) in &history.events {
        let Event::SentChange(nonce, id, text) = event else { continue };
        let states = possible.entry(id).or_default();
        // Without an ack the state before it is possible too.
        if acks.contains(nonce.as_str()) {
            states.clear();
        } else if states.is_empty() {
            states.extend(log.get(id.as_str()).map(|message| state(message)));
        }
        states.push(text.as_deref());
    }
    let is_wrong = |(id, states): &(&str, Vec<Option<&str>>)| {
        !log.get(*id).is_some_and(|message| states.contains(&state(message)))
    };
    possible
        .into_iter()
        .filter(is_wrong)
        .map(|(id, states)| {
            let stored = log.get(id).map(|message| state(message));
            let what = format!("{} changed {id} to {states:?}; the log has {stored:?}", history.name());
            (id, Violation { kind: ViolationKind::Lost, at: Moment::ZERO, what, shown_by: vec![] })
        })
        .collect()
}

/// The text of a message; none if it is deleted.
fn state(message: &ChatMessage) -> Option<&str> {
    Some(message.text.as_str()).filter(|_| !message.nonce.is_empty())
}

/// The messages that one tab shows.
struct Page<'a> {
    history: &'a History,
    undone: &'a [UndoneChange],
    /// The newest state of each message that it ever received: when it was edited, `u64::MAX` if it was deleted.
    newest: HashMap<&'a str, u64>,
    /// The messages shown: text (none if deleted) and when it was edited.
    shown: BTreeMap<&'a str, (Option<&'a str>, u64)>,
    /// Whether the present connection is in the room.
    is_welcome: bool,
    found: Vec<Violation>,
}

impl<'a> Page<'a> {
    fn read(&mut self, log: &HashMap<&str, &ChatMessage>) {
        let history = self.history;
        for (i, (at, event)) in history.events.iter().enumerate() {
            match event {
                Event::Connected(_) => self.is_welcome = false,
                Event::Welcome { recovered, messages, .. } => {
                    self.is_welcome = true;
                    if !recovered {
                        self.shown.clear();
                        // It shows again what was changed, if the change is lost.
                        for undone in self.undone.iter().filter(|undone| undone.at <= *at) {
                            self.newest.remove(undone.message.id.as_str());
                        }
                    }
                    messages.iter().for_each(|message| self.receive(i, message));
                }
                Event::Message(message) => self.receive(i, message),
                Event::Edited(id, text, at) => {
                    self.note(i, id, *at);
                    self.shown.entry(id).and_modify(|shown| *shown = (Some(text), *at));
                }
                Event::Removed(id) => {
                    self.note(i, id, u64::MAX);
                    self.shown.entry(id).and_modify(|shown| *shown = (None, u64::MAX));
                }
                Event::Ended(EndReason::RunOver) if self.is_welcome => self.compare(i, log),
                _ => {}
            }
        }
    }

    fn receive(&mut self, i: usize, message: &'a ChatMessage) {
        let edited_at = if message.nonce.is_empty() { u64::MAX } else { message.edited_at.unwrap_or_default() };
        self.note(i, &message.id, edited_at);
        self.shown.insert(&message.id, (state(message), edited_at));
    }

    /// Notes a state of a message, which must not be older than one before.
    fn note(&mut self, i: usize, id: &'a str, edited_at: u64) {
        let newest = self.newest.entry(id).or_insert(edited_at);
        let is_older = edited_at < *newest;
        *newest = edited_at.max(*newest);
        if is_older {
            self.report(i, ViolationKind::Undone, format!("was shown {id} as it was before a change"));
        }
    }

    fn compare(&mut self, i: usize, log: &HashMap<&str, &ChatMessage>) {
        for (id, (text, edited_at)) in self.shown.clone() {
            let Some(message) = log.get(id) else { continue };
            let is_removed = message.nonce.is_empty();
            let is_same = text == state(message) && (is_removed || edited_at == message.edited_at.unwrap_or_default());
            if !is_same {
                let what = format!("shows {id} as {text:?} at the end; the log has {:?}", state(message));
                self.report(i, ViolationKind::Stale, what);
            }
        }
    }

    fn report(&mut self, i: usize, kind: ViolationKind, what: String) {
        let (at, what) = (self.history.events[i].0, format!("{} {what}", self.history.name()));
        self.found.push(Violation { kind, at, what, shown_by: excerpt(self.history, i) });
    }
}
