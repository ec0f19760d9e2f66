//! The subscribers, each with a bounded queue of its own.

use tokio::sync::mpsc;

use crate::backplane::{Event, event_sender::EventSender};

#[derive(Default)]
pub(super) struct Subscribers(Vec<EventSender>);

impl Subscribers {
    pub(super) fn add(&mut self) -> mpsc::Receiver<Event> {
        let (mut event_sender, receiver) = EventSender::new();
        event_sender.send_gap();
        self.0.push(event_sender);
        receiver
    }

    pub(super) fn send(&mut self, event: &Event) {
        self.0.retain_mut(|event_sender| event_sender.send(event.clone()));
    }
}
