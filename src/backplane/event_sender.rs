//! The bounded way from an engine to one subscriber: what does not fit becomes a gap.

use tokio::sync::mpsc::{self, error::TrySendError};

use super::{EVENTS_WAITING, Event};

/// An engine's end of a subscription. Never waits.
pub(super) struct EventSender {
    events: mpsc::Sender<Event>,
    /// Something was dropped: the next thing that is heard must be a gap.
    missed: bool,
}

impl EventSender {
    /// A new subscription that has said nothing yet.
    pub(super) fn new() -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(EVENTS_WAITING);
        (Self { events, missed: false }, receiver)
    }

    /// Says that something may have been missed. Answers whether anybody still listens.
    pub(super) fn tell_gap(&mut self) -> bool {
        self.missed = true;
        self.settle();
        !self.events.is_closed()
    }

    /// Hands an event on. Answers whether anybody still listens.
    pub(super) fn tell(&mut self, event: Event) -> bool {
        if self.settle() && matches!(self.events.try_send(event), Err(TrySendError::Full(_))) {
            self.missed = true;
        }
        !self.events.is_closed()
    }

    /// Returns when nobody listens any more.
    pub(super) async fn closed(&self) {
        self.events.closed().await;
    }

    /// Says the gap that is still to be said. Answers whether none is left.
    fn settle(&mut self) -> bool {
        if self.missed {
            self.missed = self.events.try_send(Event::Gap).is_err();
        }
        !self.missed
    }
}
