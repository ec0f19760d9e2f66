//! Who listens, each through a queue of its own that may overflow but never grows.

use tokio::sync::mpsc::{self, error::TrySendError};

use crate::backplane::{EVENTS_WAITING, Event};

#[derive(Default)]
pub(super) struct Subscribers(Vec<Subscriber>);

struct Subscriber {
    events: mpsc::Sender<Event>,
    /// Something was dropped: the next thing it hears must be a gap.
    missed: bool,
}

impl Subscribers {
    pub(super) fn add(&mut self) -> mpsc::Receiver<Event> {
        let (events, receiver) = mpsc::channel(EVENTS_WAITING);
        self.0.push(Subscriber { events, missed: true });
        if let Some(newest) = self.0.last_mut() {
            newest.announce_gap();
        }
        receiver
    }

    pub(super) fn tell(&mut self, event: &Event) {
        self.0.retain_mut(|subscriber| subscriber.tell(event));
    }
}

impl Subscriber {
    /// Whether it still listens.
    fn tell(&mut self, event: &Event) -> bool {
        if self.missed && !self.announce_gap() {
            return !self.events.is_closed();
        }
        match self.events.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.missed = true;
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }

    fn announce_gap(&mut self) -> bool {
        self.missed = self.events.try_send(Event::Gap).is_err();
        !self.missed
    }
}
