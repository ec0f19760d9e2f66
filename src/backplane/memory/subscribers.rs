//! Who listens, each through a queue of its own that may overflow but never grows.

use tokio::sync::mpsc;

use crate::backplane::{Event, event_sender::EventSender};

#[derive(Default)]
pub(super) struct Subscribers(Vec<EventSender>);

impl Subscribers {
    pub(super) fn add(&mut self) -> mpsc::Receiver<Event> {
        let (mut event_sender, receiver) = EventSender::new();
        event_sender.tell_gap();
        self.0.push(event_sender);
        receiver
    }

    pub(super) fn tell(&mut self, event: &Event) {
        self.0.retain_mut(|event_sender| event_sender.tell(event.clone()));
    }
}
