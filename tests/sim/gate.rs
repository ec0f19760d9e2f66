//! A gate before the tasks of an instance: while it is closed none of them runs, as if the process were stopped.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;

/// See the [module](self).
#[derive(Default)]
pub struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    is_closed: bool,
    waiting: Vec<Waker>,
}

/// A task behind a gate.
pub struct Gated {
    task: BoxFuture<'static, ()>,
    gate: Arc<Gate>,
}

impl Gate {
    /// Stops all tasks.
    pub fn close(&self) {
        self.0.lock().is_closed = true;
    }

    /// Lets all tasks run again.
    pub fn open(&self) {
        let waiting = {
            let mut state = self.0.lock();
            state.is_closed = false;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether tasks are stopped.
    pub fn is_closed(&self) -> bool {
        self.0.lock().is_closed
    }

    /// Puts a task behind the gate.
    pub fn guard(self: &Arc<Self>, task: BoxFuture<'static, ()>) -> Gated {
        Gated { task, gate: Arc::clone(self) }
    }
}

impl Future for Gated {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        {
            let mut state = self.gate.0.lock();
            if state.is_closed {
                if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                    state.waiting.push(context.waker().clone());
                }
                return Poll::Pending;
            }
        }
        self.task.as_mut().poll(context)
    }
}
