//! Chooses the hub's next input. Each kind comes first in its turn: none waits for all of another, and no random number decides.

use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll, ready},
};

use futures_util::StreamExt;
use tokio::{task::coop::consume_budget, time::Interval};

use super::{Command, Hub, backplane_calls::CallResult, now};
use crate::backplane::Event;

/// One input of the hub.
pub(super) enum Occurrence {
    /// A command; none once the last handle to the room is dropped.
    Command(Option<Command>),
    /// An event of the backplane.
    Event(Event),
    /// Connections can be welcomed.
    Welcome,
    /// A call has returned.
    Result(CallResult),
    /// Time has passed.
    Tick,
}

const KINDS: usize = 5;

/// The kinds of input that the hub accepts at the moment.
#[derive(Clone, Copy)]
struct Readiness {
    commands: bool,
    events: bool,
    welcomes: bool,
}

impl Hub {
    /// Waits for the next occurrence. Cancel-safe.
    pub(super) async fn next(&mut self, ticks: &mut Interval) -> Occurrence {
        let commands = !self.fanout.is_full();
        let events = commands && self.lease.receives_events();
        let readiness = Readiness { commands, events, welcomes: self.can_welcome(now()) };
        self.first_kind = (self.first_kind + 1) % KINDS;
        let first = self.first_kind;
        poll_fn(|context| {
            for kind in 0..KINDS {
                let next = self.poll((first + kind) % KINDS, readiness, ticks, context);
                if let Poll::Ready(Some(occurrence)) = next {
                    return Poll::Ready(occurrence);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Polls one kind of occurrences; ready without one if none can come.
    fn poll(
        &mut self,
        kind: usize,
        readiness: Readiness,
        ticks: &mut Interval,
        context: &mut Context<'_>,
    ) -> Poll<Option<Occurrence>> {
        Poll::Ready(match kind {
            0 if readiness.commands => Some(Occurrence::Command(ready!(self.commands.poll_recv(context)))),
            1 if readiness.events => ready!(self.events.poll_recv(context)).map(Occurrence::Event),
            2 if readiness.welcomes => {
                ready!(pin!(consume_budget()).poll(context));
                Some(Occurrence::Welcome)
            }
            3 => ready!(self.calls.poll_next_unpin(context)).map(Occurrence::Result),
            4 => {
                ready!(ticks.poll_tick(context));
                Some(Occurrence::Tick)
            }
            _ => None,
        })
    }
}
