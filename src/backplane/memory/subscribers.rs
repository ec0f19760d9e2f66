//! Who listens, each through a queue of its own that may overflow but never grows.

use tokio::sync::mpsc;

use crate::backplane::{Event, outlet::Outlet};

#[derive(Default)]
pub(super) struct Subscribers(Vec<Outlet>);

impl Subscribers {
    pub(super) fn add(&mut self) -> mpsc::Receiver<Event> {
        let (mut outlet, receiver) = Outlet::new();
        outlet.tell_gap();
        self.0.push(outlet);
        receiver
    }

    pub(super) fn tell(&mut self, event: &Event) {
        self.0.retain_mut(|outlet| outlet.tell(event.clone()));
    }
}
