//! What was acknowledged and shown, held against the log.

use std::collections::HashMap;

use crate::{
    kit::transcript::ChatMessage,
    torture::record::{At, Event, History, How, Record},
};

use super::{Kind, Violation, excerpt};

/// Most messages that a welcome brings to whoever comes back.
const MISSED_AT_MOST: usize = 500;

/// The log, by id and by what was said.
struct Log<'a> {
    entries: &'a [ChatMessage],
    places: HashMap<&'a str, usize>,
    said: HashMap<(&'a str, &'a str), usize>,
}

/// All that is wrong with messages.
pub fn check(record: &Record) -> Vec<Violation> {
    let mut found = Vec::new();
    let log = Log::of(&record.log, &mut found);
    for history in &record.histories {
        found.extend(acks(history, &log));
        found.extend(Reader { log: &log, history, next: None, found: Vec::new() }.read());
    }
    found
}

/// Messages that were acknowledged, each counted once.
pub fn acked(record: &Record) -> usize {
    let acks = record.histories.iter().flat_map(|history| {
        let acks = history.events.iter().filter_map(|(_, event)| match event {
            Event::Ack(nonce, _) => Some(nonce.as_str()),
            _ => None,
        });
        acks.map(|nonce| (history.person.as_str(), nonce))
    });
    acks.collect::<std::collections::HashSet<_>>().len()
}

impl<'a> Log<'a> {
    fn of(entries: &'a [ChatMessage], found: &mut Vec<Violation>) -> Self {
        let places = entries.iter().enumerate().map(|(place, said)| (said.id.as_str(), place)).collect();
        let mut by = HashMap::new();
        for (place, said) in entries.iter().enumerate() {
            if let Some(first) = by.insert((said.from.as_str(), said.nonce.as_str()), place) {
                let first = &entries[first].id;
                let what = format!("{} by {} is in the log as {first} and as {}", said.nonce, said.from, said.id);
                found.push(Violation { kind: Kind::Doubled, at: At::ZERO, what, shown_by: Vec::new() });
            }
        }
        Self { entries, places, said: by }
    }
}

/// Every acknowledged message is in the log, under the id that was told.
fn acks(history: &History, log: &Log<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (i, (at, event)) in history.events.iter().enumerate() {
        let Event::Ack(nonce, id) = event else { continue };
        let kept = log.said.get(&(history.person.as_str(), nonce.as_str())).map(|place| &log.entries[*place].id);
        let kind = match kept {
            Some(kept) if kept == id => continue,
            Some(_) => Kind::Doubled,
            None => Kind::Lost,
        };
        let what = format!("{nonce} was acknowledged to {} as {id}; the log has {kept:?}", history.name());
        found.push(Violation { kind, at: *at, what, shown_by: excerpt(history, i) });
    }
    found
}

/// Goes through what one tab was shown, the finger on the log.
struct Reader<'a> {
    log: &'a Log<'a>,
    history: &'a History,
    /// The place in the log of what must be shown next; none where any place may follow.
    next: Option<usize>,
    found: Vec<Violation>,
}

impl Reader<'_> {
    fn read(mut self) -> Vec<Violation> {
        let history = self.history;
        for (i, (_, event)) in history.events.iter().enumerate() {
            match event {
                Event::Welcome { recovered, messages, .. } => self.welcomed(i, *recovered, messages),
                Event::Message(said) => self.shown(i, said),
                Event::Ended(How::Over) => self.ended(i),
                _ => {}
            }
        }
        self.found
    }

    fn welcomed(&mut self, i: usize, recovered: bool, messages: &[ChatMessage]) {
        if !recovered {
            // Whoever missed more than a welcome carries is told so, and reads it elsewhere.
            let missed = self.next.take().zip(messages.last().and_then(|said| self.log.places.get(said.id.as_str())));
            if missed.is_none_or(|(next, last)| last + 1 - next <= MISSED_AT_MOST) {
                self.tell(i, Kind::NeedlessGap, "was told of a loss where nothing was lost".to_owned());
            }
        }
        for said in messages {
            self.shown(i, said);
        }
        // An empty welcome to somebody new says that the log is empty.
        self.next.get_or_insert(0);
    }

    fn shown(&mut self, i: usize, said: &ChatMessage) {
        let Some(&place) = self.log.places.get(said.id.as_str()).filter(|place| self.log.entries[**place] == *said)
        else {
            return self.tell(i, Kind::Lost, format!("was shown {}, which is not in the log like this", said.id));
        };
        let next = self.next.unwrap_or(place);
        if place > next {
            let missing = &self.log.entries[next].id;
            let what = format!("was shown {} and not the {} before it, from {missing} on", said.id, place - next);
            self.tell(i, Kind::SilentGap, what);
        } else if place + 1 == next {
            self.tell(i, Kind::Doubled, format!("was shown {} again", said.id));
        } else if place < next {
            let before = self.history.events[..i].iter().any(|(_, event)| event.shows(&said.id));
            let kind = if before { Kind::Doubled } else { Kind::OutOfOrder };
            self.tell(i, kind, format!("was shown {} after {}", said.id, self.log.entries[next - 1].id));
        }
        self.next = Some(next.max(place + 1));
    }

    /// A tab that was alive to the end has seen all there is.
    fn ended(&mut self, i: usize) {
        if let Some(missing) = self.next.and_then(|next| self.log.entries.get(next)) {
            self.tell(i, Kind::SilentGap, format!("was never shown {} and what follows, and was there", missing.id));
        }
    }

    fn tell(&mut self, i: usize, kind: Kind, what: String) {
        let (at, what) = (self.history.events[i].0, format!("{} {what}", self.history.name()));
        self.found.push(Violation { kind, at, what, shown_by: excerpt(self.history, i) });
    }
}

impl Event {
    /// Whether it puts this message before somebody's eyes.
    fn shows(&self, id: &str) -> bool {
        match self {
            Self::Message(said) => said.id == id,
            Self::Welcome { messages, .. } => messages.iter().any(|said| said.id == id),
            _ => false,
        }
    }
}
