//! One core's part of the clients, and the task that writes to them.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tracing::Span;

use super::{
    coalesce::{CHUNK_BYTES, rest},
    connections::Connections,
};
use crate::room::{
    local_members::ConnectionId,
    recipient::{Farewell, Recipient},
};

/// Bytes of frames for everybody beyond which the hub is to take on no more.
const FULL_BYTES: usize = 4 * 1024 * 1024;

/// What a shard is to do.
pub(super) enum ShardCommand {
    /// A client hears everything from now on.
    Enter(ConnectionId, Arc<dyn Recipient>),
    /// It hears nothing more.
    Leave(ConnectionId),
    /// Frames for everybody, and what traces that.
    Broadcast(Bytes, Span),
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
    commands: Mutex<ShardQueue>,
    arrived: Notify,
}

#[derive(Default)]
struct ShardQueue {
    waiting: VecDeque<ShardCommand>,
    /// Of frames for everybody.
    bytes: usize,
    ended: bool,
}

impl Shard {
    /// Works until [`end`](Self::end).
    pub(super) async fn run(self: Arc<Self>) {
        let mut members = Connections::default();
        while let Some(commands) = self.next_orders().await {
            let began = Instant::now();
            let broadcast = members.carry_out(commands).await;
            if broadcast > 0 {
                sleep_until(began + rest(members.len(), broadcast)).await;
            }
        }
    }

    /// Adds an order. Never waits.
    pub(super) fn command(&self, command: ShardCommand) {
        let mut commands = self.lock();
        commands.bytes += command.broadcast_bytes();
        commands.waiting.push_back(command);
        drop(commands);
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

    /// The commands of one turn, once there are any; none at the end.
    async fn next_orders(&self) -> Option<Vec<ShardCommand>> {
        loop {
            {
                let mut commands = self.lock();
                if !commands.waiting.is_empty() {
                    return Some(commands.next_turn());
                }
                if commands.ended {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, ShardQueue> {
        self.commands.lock()
    }
}

impl ShardQueue {
    /// All that waits, or as much as has [`CHUNK_BYTES`] for everybody.
    fn next_turn(&mut self) -> Vec<ShardCommand> {
        let (mut bytes, mut turn) = (0, vec![]);
        while bytes < CHUNK_BYTES
            && let Some(command) = self.waiting.pop_front()
        {
            bytes += command.broadcast_bytes();
            turn.push(command);
        }
        self.bytes -= bytes;
        turn
    }
}

impl ShardCommand {
    fn broadcast_bytes(&self) -> usize {
        if let Self::Broadcast(frames, _) = self { frames.len() } else { 0 }
    }

    pub(super) fn is_broadcast(&self) -> bool {
        matches!(self, Self::Broadcast(..))
    }

    pub(super) fn into_broadcast(self) -> Option<(Bytes, Span)> {
        if let Self::Broadcast(frames, span) = self { Some((frames, span)) } else { None }
    }
}
