use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    backplane::{IncarnationId, Member},
    protocol::{Id, Message},
};

/// A room that says everything it does, in order.
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

    fn moderate(&mut self, action: u8) -> Event {
        match action {
            0 => self.say(),
            1 => self.presence(),
            2 => Event::Heartbeat { position: self.position, incarnation: IncarnationId::from("a"), heartbeat_seq: 1 },
            3 => {
                self.begin_epoch(self.largest + 1);
                self.say()
            }
            _ => {
                self.begin_epoch(self.smallest - 1);
                self.say()
            }
        }
    }

    fn say(&mut self) -> Event {
        let prev = self.position.head;
        let n = if prev.epoch == self.position.epoch { prev.n + 1 } else { 1 };
        let id = Id::new(self.position.epoch, n);
        self.position.head = id;
        self.messages.push(id);
        let message = Message { id, nonce: "n".parse().unwrap(), from: String::new(), text: String::new(), at: 0 };
        Event::Message { prev, version: self.position.version, message: Arc::new(message), trace: None }
    }

    fn presence(&mut self) -> Event {
        self.position.version += 1;
        let delta = Delta { joined: vec![Member { name_key: "a".into(), name: "a".into() }], left: vec![] };
        Event::Presence { position: self.position, delta }
    }
}

proptest! {
    /// Events may be lost or come late, and the room may be read at any moment: every message is taken once, in
    /// order, and once an event of the present came through nothing is missing.
    #[test]
    fn every_message_is_taken_exactly_once_in_order(actions in prop::collection::vec((0..5_u8, 0..3_u8), 1..80)) {
        let mut room = Room::open();
        let mut gap_detector = GapDetector::default();
        let (mut taken, mut late) = (vec![], vec![]);
        for (action, fate) in actions {
            let event = room.moderate(action);
            match fate {
                0 => deliver(&mut gap_detector, &room, &mut taken, &event),
                1 => late.push(event),
                _ => {}
            }
        }
        for event in &late {
            deliver(&mut gap_detector, &room, &mut taken, event);
        }
        let beat = Event::Heartbeat { position: room.position, incarnation: IncarnationId::from("a"), heartbeat_seq: 2 };
        deliver(&mut gap_detector, &room, &mut taken, &beat);
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
            gap_detector.arrive(room.position);
        }
    }
}

#[test]
fn an_answer_ahead_is_given_half_a_second_to_be_heard() {
    let (mut room, mut gap_detector, now) = (Room::open(), GapDetector::default(), Instant::now());
    gap_detector.arrive(room.position);
    let event = room.say();
    gap_detector.hear_of(room.position, now);
    assert!(!gap_detector.is_overdue(now + PATIENCE / 2));
    assert!(gap_detector.is_overdue(now + PATIENCE));
    assert_eq!(gap_detector.follow(&event), Verdict::Next);
    assert!(!gap_detector.is_overdue(now + PATIENCE));
}

#[test]
fn epoch_larger_or_smaller_is_a_gap_and_a_former_one_is_stale() {
    for change in [3, 4] {
        let (mut room, mut gap_detector, now) = (Room::open(), GapDetector::default(), Instant::now());
        gap_detector.arrive(room.position);
        let late = room.say();
        let event = room.moderate(change);
        assert_eq!(gap_detector.follow(&event), Verdict::Gap);
        gap_detector.hear_of(room.position, now);
        assert!(gap_detector.is_overdue(now + PATIENCE));
        gap_detector.arrive(room.position);
        assert_eq!((gap_detector.follow(&late), gap_detector.is_overdue(now + PATIENCE)), (Verdict::Stale, false));
        assert_eq!(gap_detector.follow(&room.say()), Verdict::Next);
    }
}
