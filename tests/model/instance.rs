//! An instance in the model, with one client that shows what it is sent.

use std::sync::Arc;

use ruang::{
    backplane::{Delta, Event as RoomEvent, Position},
    protocol::Id as RoomId,
    room::{GapDetector, Verdict},
};

use super::{
    redis::{Event, Id, Place, Redis},
    state::{Message, Promise, Rule},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    /// The position that it follows; it has read the empty room at first.
    at: Place,
    /// Former epochs.
    former: Vec<u8>,
    /// Events on their way.
    pub events: Vec<Event>,
    /// Events are missing: later ones wait until the room is read.
    pub is_behind: bool,
    /// The newest acknowledged message of each epoch that it has not received (`hub_state.rs`).
    acknowledged: Vec<Id>,
    /// Whether the roster shows the person, and whether they are only waited for (`roster.rs`).
    pub is_shown: bool,
    pub is_missed: bool,
    /// The epoch in which the instance last announced its people (`lease.rs`).
    pub announced_in: u8,
    /// Whether the person has a connection here (`local_members.rs`).
    pub has_person: bool,
    /// The messages that the client was shown since its last gap.
    pub view: Vec<(Id, Message)>,
    /// Whether the client was told of a gap since the last failover.
    pub was_told: bool,
    /// How often the client was told that the person left.
    pub leaves: u8,
}

/// An event that the client of an instance notices.
pub enum Notice {
    /// A gap: what it shows is replaced.
    Gap,
    /// Nothing but what it is shown.
    Nothing,
}

impl Instance {
    pub fn new() -> Self {
        let at = Redis::new().place();
        Self {
            at,
            former: vec![],
            events: vec![],
            is_behind: false,
            acknowledged: vec![],
            is_shown: false,
            is_missed: false,
            announced_in: at.epoch,
            has_person: false,
            view: vec![],
            was_told: false,
            leaves: 0,
        }
    }

    /// Whether it knows the newest position.
    pub fn is_current(&self, redis: &Redis) -> bool {
        self.at == redis.place() && !self.is_behind && self.events.is_empty()
    }

    pub fn acknowledge(&mut self, id: Id) {
        let is_received = self.view.iter().any(|(shown, _)| *shown == id);
        if !is_received {
            self.acknowledged.retain(|other| other.0 != id.0 || other.1 > id.1);
            if !self.acknowledged.iter().any(|other| other.0 == id.0) {
                self.acknowledged.push(id);
            }
        }
    }

    /// Takes the next event (`hub.rs`, `on_event`).
    pub fn deliver(&mut self, without: Option<Rule>) -> Result<(), Promise> {
        let event = self.events.remove(0);
        let mut verdict = self.follow(&event);
        if without == Some(Rule::HolesAreFound) && verdict == Verdict::Gap {
            verdict = Verdict::Next;
        }
        match (verdict, event) {
            (Verdict::Next, Event::Message { id, message, version, .. }) => {
                self.at = Place { epoch: id.0, head: id, version };
                self.show_message(id, message)?;
            }
            (Verdict::Next, Event::Presence { place, is_here }) => {
                self.at = place;
                self.show_person(is_here);
            }
            (Verdict::Stale, _) => {}
            (Verdict::Gap, _) => self.is_behind = true,
        }
        Ok(())
    }

    /// A heartbeat's reply has the position: what it lacks is read (`gap_detector.rs`, `is_overdue`), and in another epoch the
    /// people are announced again (`lease.rs`, `reannounce`). Returns the event of that.
    pub fn heartbeat(&mut self, number: usize, redis: &mut Redis, without: Option<Rule>) -> Option<Event> {
        let place = redis.place();
        let is_ahead = place.epoch != self.at.epoch || place.head > self.at.head || place.version > self.at.version;
        // Events on their way are awaited first.
        self.is_behind |= is_ahead && self.events.is_empty();
        if self.announced_in == place.epoch || without == Some(Rule::PeopleAreAnnouncedAgain) {
            return None;
        }
        self.announced_in = place.epoch;
        // The lease of the former incarnation expires by itself: `Action::Reap`.
        redis.hold(number, self.has_person, without)
    }

    /// Whether a heartbeat would change anything.
    pub fn needs_heartbeat(&self, redis: &Redis) -> bool {
        self.announced_in != redis.epoch() || (self.at != redis.place() && self.events.is_empty() && !self.is_behind)
    }

    /// Whether people whom Redis has lost were announced again by this instance, if they are here.
    pub fn has_announced(&self, number: usize, redis: &Redis) -> bool {
        !self.has_person || redis.is_held_by(number)
    }

    /// Reads the room (`snapshot.rs`, `Continuity`).
    pub fn read(&mut self, redis: &Redis, without: Option<Rule>) -> Result<Notice, Promise> {
        let place = redis.place();
        let known = redis.log.iter().position(|(id, _)| *id == self.at.head);
        let start = known.map(|index| index + 1).or((self.at.head == (1, 0)).then_some(0));
        let rows = start.map_or(&redis.log[..], |start| &redis.log[start..]);
        let is_lost = |id: &Id| *id > self.at.head && !rows.iter().any(|(other, _)| other == id);
        let lost = without != Some(Rule::AcksAreRemembered) && self.acknowledged.iter().any(is_lost);
        let continues = start.is_some() && !lost || without == Some(Rule::LossesAreTold);
        let is_new_epoch = place.epoch != self.at.epoch;
        if is_new_epoch {
            self.former.push(self.at.epoch);
        }
        self.at = place;
        self.is_behind = false;
        self.acknowledged.clear();
        self.adopt_people(redis.is_held(), is_new_epoch);
        if continues {
            for (id, message) in rows.iter().copied() {
                self.show_message(id, message)?;
            }
            return Ok(Notice::Nothing);
        }
        self.view.clone_from(&redis.log);
        self.was_told = true;
        Ok(Notice::Gap)
    }

    /// A lease has passed since Redis lost people: who has not returned leaves.
    pub fn expire(&mut self) {
        self.is_missed = false;
        self.show_person(false);
    }

    /// `roster.rs`, `adopt`: people whom Redis has lost stay for a lease.
    fn adopt_people(&mut self, is_here: bool, is_new_epoch: bool) {
        self.is_missed |= is_new_epoch && self.is_shown && !is_here;
        if !self.is_missed || is_here {
            self.show_person(is_here);
        }
    }

    fn show_message(&mut self, id: Id, message: Message) -> Result<(), Promise> {
        self.acknowledged.retain(|other| other.0 != id.0 || other.1 > id.1);
        if self.view.iter().any(|(shown, _)| *shown == id) {
            return Err("a client is shown a message twice");
        }
        if self.view.last().is_some_and(|(last, _)| *last > id) {
            return Err("a client is shown messages out of order");
        }
        self.view.push((id, message));
        Ok(())
    }

    fn show_person(&mut self, is_here: bool) {
        self.is_missed &= !is_here;
        self.leaves += u8::from(self.is_shown && !is_here);
        self.is_shown = is_here;
    }

    /// Asks the program's own gap detector.
    fn follow(&self, event: &Event) -> Verdict {
        let mut detector = GapDetector::default();
        for epoch in &self.former {
            detector.move_to(Position { epoch: u64::from(*epoch), ..Position::default() });
        }
        detector.move_to(position(self.at));
        detector.follow(&room_event(event))
    }
}

fn position(Place { epoch, head, version }: Place) -> Position {
    Position { epoch: u64::from(epoch), head: room_id(head), version: u64::from(version) }
}

fn room_id((epoch, n): Id) -> RoomId {
    RoomId::new(u64::from(epoch), u64::from(n))
}

fn room_event(event: &Event) -> RoomEvent {
    match *event {
        Event::Message { prev, version, id, message } => {
            let message = ruang::protocol::Message {
                id: room_id(id),
                nonce: format!("n{message}").parse().unwrap(),
                from: String::new(),
                text: String::new(),
                at: 0,
                bot: false,
                alias: None,
                reply_to: None,
                edited_at: None,
            };
            let (prev, version) = (room_id(prev), u64::from(version));
            RoomEvent::Message { prev, version, message: Arc::new(message), trace: None }
        }
        Event::Presence { place, .. } => RoomEvent::Presence { position: position(place), delta: Delta::default() },
    }
}
