//! A value that tasks wait for. They run in the order in which they began to wait; those of `tokio::sync::watch` in a random
//! one, so that no run could be repeated.

use std::pin::pin;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Observed<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T: Clone + PartialEq> Observed<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Notify::new() }
    }

    pub(super) fn get(&self) -> T {
        self.value.lock().clone()
    }

    /// Sets the value. Returns the former one.
    pub(super) fn replace(&self, value: T) -> T {
        let mut known = self.value.lock();
        let former = std::mem::replace(&mut *known, value);
        if former != *known {
            self.changed.notify_waiters();
        }
        former
    }

    /// Waits for a value.
    pub(super) async fn wait_for(&self, is_awaited: impl Fn(&T) -> bool) {
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if is_awaited(&self.value.lock()) {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn waiting_tasks_run_in_the_order_of_their_waits() {
        let (value, order) = (Arc::new(Observed::new(0)), Arc::new(Mutex::new(vec![])));
        let tasks: Vec<_> = (0..50)
            .map(|n| {
                let (value, order) = (Arc::clone(&value), Arc::clone(&order));
                tokio::spawn(async move {
                    value.wait_for(|value| *value > 0).await;
                    order.lock().push(n);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(value.replace(1), 0);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock(), (0..50).collect::<Vec<_>>());
    }
}
