//! One core's share of the clients, and the task that writes to them.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
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

/// Bytes of broadcast frames above which the hub must wait.
const FULL_BYTES: usize = 4 * 1024 * 1024;

/// A command for a shard.
pub(super) enum ShardCommand {
    /// Add a client.
    Enter(ConnectionId, Arc<dyn Recipient>),
    /// Remove a client.
    Leave(ConnectionId),
    /// Send frames to all clients; their trace.
    Broadcast(Bytes, Span),
    /// Send frames to one client.
    Send(ConnectionId, Bytes),
    /// Send a welcome to one client.
    Welcome(ConnectionId, Bytes),
    /// End one client's connection.
    Close(ConnectionId, Farewell),
    /// Have the sessions of all clients looked up within this time.
    Recheck(Duration),
}

/// The commands of one shard, in order.
#[derive(Default)]
pub(super) struct Shard {
    queue: Mutex<ShardQueue>,
    arrived: Notify,
}

#[derive(Default)]
struct ShardQueue {
    commands: VecDeque<ShardCommand>,
    /// Bytes of broadcast frames.
    bytes: usize,
    ended: bool,
}

impl Shard {
    /// Runs until [`end`](Self::end).
    pub(super) async fn run(self: Arc<Self>) {
        let mut connections = Connections::default();
        while let Some(commands) = self.next_turn().await {
            let began = Instant::now();
            let broadcast = connections.carry_out(commands).await;
            if broadcast > 0 {
                sleep_until(began + rest(connections.len(), broadcast)).await;
            }
        }
    }

    /// Queues a command, without waiting.
    pub(super) fn queue(&self, command: ShardCommand) {
        let mut queue = self.queue.lock();
        queue.bytes += command.broadcast_bytes();
        queue.commands.push_back(command);
        drop(queue);
        self.arrived.notify_one();
    }

    /// Ends the task after the queued commands.
    pub(super) fn end(&self) {
        self.queue.lock().ended = true;
        self.arrived.notify_one();
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.lock().bytes >= FULL_BYTES
    }

    /// Waits for the commands of the next turn; none at the end.
    async fn next_turn(&self) -> Option<Vec<ShardCommand>> {
        loop {
            {
                let mut queue = self.queue.lock();
                if !queue.commands.is_empty() {
                    return Some(queue.next_turn());
                }
                if queue.ended {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }
}

impl ShardQueue {
    /// Takes all commands, or as many as broadcast [`CHUNK_BYTES`].
    fn next_turn(&mut self) -> Vec<ShardCommand> {
        let (mut bytes, mut turn) = (0, vec![]);
        while bytes < CHUNK_BYTES
            && let Some(command) = self.commands.pop_front()
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
