use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    backplane::{IncarnationId, Member},
    protocol::{Id, Message},
};

/// A room that publishes an event for everything it does, in order.
#[derive(Clone, Default)]
struct Room {
    position: Position,
    messages: Vec<Id>,
    smallest: u64,
    largest: u64,
}

impl Room {
    fn open() -> Self {
        let position = Position { epoch: 700, head: Id::new(700, 0), version: 0 };
        Self { position, messages: vec![], smallest: 700, largest: 700 }
    }

    fn begin_epoch(&mut self, epoch: u64) {
        self.position.epoch = epoch;
        (self.smallest, self.largest) = (self.smallest.min(epoch), self.largest.max(epoch));
    }

    fn step(&mut self, action: u8) -> Event {
        match action {
            0 => self.message(),
            1 => self.presence(),
            2 => Event::Heartbeat { position: self.position, incarnation: IncarnationId::from("a"), heartbeat_seq: 1 },
            3 => {
                self.begin_epoch(self.largest + 1);
                self.message()
            }
            _ => {
                self.begin_epoch(self.smallest - 1);
                self.message()
            }
        }
    }

    fn message(&mut self) -> Event {
        let prev = self.position.head;
        let n = if prev.epoch == self.position.epoch { prev.n + 1 } else { 1 };
        let id = Id::new(self.position.epoch, n);
        self.position.head = id;
        self.messages.push(id);
        let message = Message {
            id,
            nonce: "n".parse().unwrap(),
            from: String::new(),
            text: String::new(),
            at: 0,
            bot: false,
            alias: None,
            reply_to: None,
            edited_at: None,
        };
        Event::Message { prev, version: self.position.version, message: Arc::new(message), trace: None }
    }

    fn presence(&mut self) -> Event {
        self.position.version += 1;
        let delta = Delta { joined: vec![Member { name_key: "a".into(), name: "a".into() }], left: vec![] };
        Event::Presence { position: self.position, delta }
    }
}

proptest! {
    /// Events may be lost or late: every message is taken once and in order, and after one current event none is missing.
    #[test]
    fn every_message_is_taken_once_and_in_order(actions in prop::collection::vec((0..5_u8, 0..3_u8), 1..80)) {
        let mut room = Room::open();
        let mut gap_detector = GapDetector::default();
        let (mut taken, mut late) = (vec![], vec![]);
        for (action, fate) in actions {
            let event = room.step(action);
            match fate {
                0 => deliver(&mut gap_detector, &room, &mut taken, &event),
                1 => late.push(event),
                _ => {}
            }
        }
        for event in &late {
            deliver(&mut gap_detector, &room, &mut taken, event);
        }
        let heartbeat = Event::Heartbeat { position: room.position, incarnation: IncarnationId::from("a"), heartbeat_seq: 2 };
        deliver(&mut gap_detector, &room, &mut taken, &heartbeat);
        prop_assert_eq!(gap_detector.position(), Some(room.position));
        prop_assert_eq!(taken, room.messages);
    }
}

fn deliver(gap_detector: &mut GapDetector, room: &Room, taken: &mut Vec<Id>, event: &Event) {
    match gap_detector.follow(event) {
        Verdict::Next => {
            if let Event::Message { message, .. } = event {
                taken.push(message.id);
            }
        }
        Verdict::Stale => {}
        Verdict::Gap => {
            let known = taken.len();
            taken.extend(&room.messages[known..]);
            gap_detector.move_to(room.position);
        }
    }
}

#[test]
fn events_may_be_half_a_second_later_than_a_reply() {
    let (mut room, mut gap_detector, now) = (Room::open(), GapDetector::default(), Instant::now());
    gap_detector.move_to(room.position);
    let event = room.message();
    gap_detector.note_position(room.position, now);
    assert!(!gap_detector.is_overdue(now + EVENT_DELAY / 2));
    assert!(gap_detector.is_overdue(now + EVENT_DELAY));
    assert_eq!(gap_detector.follow(&event), Verdict::Next);
    assert!(!gap_detector.is_overdue(now + EVENT_DELAY));
}

#[test]
fn epoch_larger_or_smaller_is_a_gap_and_a_former_one_is_stale() {
    for change in [3, 4] {
        let (mut room, mut gap_detector, now) = (Room::open(), GapDetector::default(), Instant::now());
        gap_detector.move_to(room.position);
        let late = room.message();
        let event = room.step(change);
        assert_eq!(gap_detector.follow(&event), Verdict::Gap);
        gap_detector.note_position(room.position, now);
        assert!(gap_detector.is_overdue(now + EVENT_DELAY));
        gap_detector.move_to(room.position);
        assert_eq!((gap_detector.follow(&late), gap_detector.is_overdue(now + EVENT_DELAY)), (Verdict::Stale, false));
        assert_eq!(gap_detector.follow(&room.message()), Verdict::Next);
    }
}
