//! One core's part of the clients, and the task that writes to them.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tracing::Span;

use super::{members::Members, pace::pace};
use crate::room::{
    attendance::ConnectionId,
    recipient::{Farewell, Recipient},
};

/// Bytes of frames for everybody beyond which the hub is to take on no more.
const FULL_BYTES: usize = 4 * 1024 * 1024;

/// What a shard is to do.
pub(super) enum Order {
    /// A client hears everything from now on.
    Enter(ConnectionId, Arc<dyn Recipient>),
    /// It hears nothing more.
    Leave(ConnectionId),
    /// Frames for everybody, and what traces that.
    Tell(Bytes, Span),
    /// Frames for one.
    Send(ConnectionId, Bytes),
    /// A welcome for one.
    Welcome(ConnectionId, Bytes),
    /// The end for one.
    Close(ConnectionId, Farewell),
    /// Everybody's session is to be looked up.
    Recheck,
}

/// The orders of one shard. They are few: frames for everybody stop at [`FULL_BYTES`], and the others come a few per
/// connection.
#[derive(Default)]
pub(super) struct Shard {
    orders: Mutex<Orders>,
    arrived: Notify,
}

#[derive(Default)]
struct Orders {
    waiting: Vec<Order>,
    bytes: usize,
    ended: bool,
}

impl Shard {
    /// Works until [`end`](Self::end).
    pub(super) async fn run(self: Arc<Self>) {
        let mut members = Members::default();
        while let Some(orders) = self.next_orders().await {
            let began = Instant::now();
            if members.carry_out(orders).await {
                sleep_until(began + pace(members.len())).await;
            }
        }
    }

    /// Adds an order. Never waits.
    pub(super) fn order(&self, order: Order) {
        let mut orders = self.lock();
        if let Order::Tell(frames, _) = &order {
            orders.bytes += frames.len();
        }
        orders.waiting.push(order);
        drop(orders);
        self.arrived.notify_one();
    }

    /// Ends the task, after what it has been ordered.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.arrived.notify_one();
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().bytes >= FULL_BYTES
    }

    /// All orders that wait, once there are any; none at the end.
    async fn next_orders(&self) -> Option<Vec<Order>> {
        loop {
            {
                let mut orders = self.lock();
                if !orders.waiting.is_empty() {
                    orders.bytes = 0;
                    return Some(mem::take(&mut orders.waiting));
                }
                if orders.ended {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    pub(super) fn is_tell(&self) -> bool {
        matches!(self, Self::Tell(..))
    }

    pub(super) fn told(self) -> Option<(Bytes, Span)> {
        if let Self::Tell(frames, span) = self { Some((frames, span)) } else { None }
    }
}
