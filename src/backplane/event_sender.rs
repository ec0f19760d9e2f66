//! The bounded queue from an engine to one subscriber: an overflow becomes a gap.

use tokio::sync::mpsc::{self, error::TrySendError};

use super::{EVENTS_WAITING, Event};

/// An engine's end of a subscription. Never waits.
pub(super) struct EventSender {
    events: mpsc::Sender<Event>,
    /// An event was dropped: the next one sent must be a gap.
    owes_gap: bool,
}

impl EventSender {
    /// A new, empty subscription.
    pub(super) fn new() -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(EVENTS_WAITING);
        (Self { events, owes_gap: false }, receiver)
    }

    /// Sends a gap. Returns whether the receiver exists.
    pub(super) fn send_gap(&mut self) -> bool {
        self.owes_gap = true;
        self.flush_gap();
        !self.events.is_closed()
    }

    /// Sends an event. Returns whether the receiver exists.
    pub(super) fn send(&mut self, event: Event) -> bool {
        if self.flush_gap() && matches!(self.events.try_send(event), Err(TrySendError::Full(_))) {
            self.owes_gap = true;
        }
        !self.events.is_closed()
    }

    /// Returns when the receiver is dropped.
    pub(super) async fn closed(&self) {
        self.events.closed().await;
    }

    /// Sends the gap that is owed, if any. Returns whether none is owed any more.
    fn flush_gap(&mut self) -> bool {
        if self.owes_gap {
            self.owes_gap = self.events.try_send(Event::Gap).is_err();
        }
        !self.owes_gap
    }
}
