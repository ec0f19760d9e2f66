use proptest::prelude::*;

use super::*;
use crate::room::recipient::Farewell;

/// Not of size zero: each has an address of its own.
struct Ignorant(#[expect(dead_code)] u8);

impl Recipient for Ignorant {
    fn send(&self, _: Bytes) {}
    fn welcome(&self, _: Bytes) {}
    fn close(&self, _: Farewell) {}
    fn recheck(&self, _: Duration) {}
}

/// Something that happens to the clients 0 to 9.
#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Remove(u64),
    Flush(u64),
    Gather(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..10_u64).prop_map(Step::Insert),
        1 => (0..10_u64).prop_map(Step::Remove),
        1 => (0..10_u64).prop_map(Step::Flush),
        6 => (1..CHUNK_BYTES / 3).prop_map(Step::Gather),
        3 => (1..400_u64).prop_map(Step::Wait),
    ]
}

/// The bytes that a client is due, the bytes that it received, and the time of its oldest gathered frame.
#[derive(Default)]
struct Expected {
    recipient: Option<Arc<dyn Recipient>>,
    due: Vec<u8>,
    got: Vec<u8>,
    since: Option<Instant>,
}

impl Expected {
    fn receive(&mut self, frames: &[u8]) {
        self.got.extend(frames);
        self.since = None;
    }
}

proptest! {
    #[test]
    fn hidden_clients_get_every_frame_once_within_a_second(steps in prop::collection::vec(step(), 1..120)) {
        let mut now = Instant::now();
        let (mut hidden, mut frame) = (HiddenClients::new(now), 0_u8);
        let mut expected: Vec<Expected> = (0..10).map(|_| Expected::default()).collect();
        for step in steps {
            match step {
                Step::Insert(n) if expected[n as usize].recipient.is_none() => {
                    let recipient: Arc<dyn Recipient> = Arc::new(Ignorant(0));
                    expected[n as usize].recipient = Some(Arc::clone(&recipient));
                    hidden.insert(n, recipient);
                }
                Step::Insert(_) => {}
                Step::Remove(n) => {
                    let removed = hidden.remove(n);
                    let client = &mut expected[n as usize];
                    prop_assert_eq!(removed.is_some(), client.recipient.take().is_some());
                    client.receive(&removed.map_or_else(Bytes::new, |(_, frames)| frames));
                }
                Step::Flush(n) => {
                    let flushed = hidden.flush(n);
                    prop_assert_eq!(flushed.is_some(), expected[n as usize].recipient.is_some());
                    expected[n as usize].receive(&flushed.map_or_else(Bytes::new, |(_, frames)| frames));
                }
                Step::Gather(bytes) => {
                    frame = frame.wrapping_add(1);
                    let bytes = vec![frame; bytes];
                    hidden.gather(&bytes.clone().into(), now);
                    for client in expected.iter_mut().filter(|client| client.recipient.is_some()) {
                        client.due.extend(&bytes);
                        client.since.get_or_insert(now);
                    }
                }
                Step::Wait(ms) => now = hidden.next_due().map_or(now, |due| due.max(now)).min(now + Duration::from_millis(ms)),
            }
            for (recipient, frames) in hidden.take_due(now) {
                let client = expected.iter_mut().find(|client| {
                    client.recipient.as_ref().is_some_and(|known| Arc::ptr_eq(known, &recipient))
                });
                client.expect("a client that is hidden").receive(&frames);
            }
            for client in expected.iter().filter(|client| client.recipient.is_some()) {
                prop_assert!(client.due.starts_with(&client.got));
                prop_assert!(client.due.len() - client.got.len() < 2 * CHUNK_BYTES, "frames of many bytes wait");
                prop_assert!(client.since.is_none_or(|since| now < since + GATHER), "a frame waits for too long");
            }
        }
        for (n, client) in (0..).zip(&mut expected) {
            if let Some((_, frames)) = hidden.remove(n) {
                client.receive(&frames);
            }
            prop_assert_eq!(&client.due, &client.got);
        }
    }
}

#[test]
fn clients_of_one_shard_are_written_to_at_several_times() {
    let start = Instant::now();
    let mut hidden = HiddenClients::new(start);
    // Every second connection, as with two shards.
    (0..400).map(|n| n * 2).for_each(|n| hidden.insert(n, Arc::new(Ignorant(0))));
    hidden.gather(&Bytes::from_static(b"frame"), start);
    let mut writes = vec![];
    while let Some(due) = hidden.next_due() {
        writes.push(hidden.take_due(due).len());
    }
    assert_eq!(writes.iter().sum::<usize>(), 400);
    assert!(writes.len() == COHORTS as usize && writes.iter().all(|part| (20..=80).contains(part)), "{writes:?}");
}
