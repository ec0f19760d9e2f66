//! One core's share of the clients, and the task that writes to them.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout_at},
};
use tracing::Span;

use super::{
    attention::Attention,
    coalesce::{CHUNK_BYTES, DIRECT_BYTES, turn_interval},
    connections::Connections,
    shared_welcome::SharedWelcome,
};
use crate::room::{
    local_members::ConnectionId,
    recipient::{Farewell, Recipient},
};

/// Queued bytes and commands above which the hub takes no events and joins.
const FULL_BYTES: usize = 4 * 1024 * 1024;
const FULL_COMMANDS: usize = 16 * 1024;
/// Most commands of one turn.
const TURN_COMMANDS: usize = 1024;

/// A command for a shard.
pub(super) enum ShardCommand {
    /// Add a client.
    Enter(ConnectionId, Arc<dyn Recipient>),
    /// Remove a client.
    Leave(ConnectionId),
    /// Send frames to all clients; the span of their delivery ends then.
    Broadcast(Bytes, Span),
    /// Send frames to one client.
    Send(ConnectionId, Bytes),
    /// Send a welcome to one client.
    Welcome(ConnectionId, Bytes),
    /// Send one client, with this name as shown, the welcome that all clients share.
    Resync(ConnectionId, String, Arc<SharedWelcome>),
    /// Send one client's frames at once, or gather them.
    Attend(ConnectionId, Attention),
    /// End one client's connection.
    Close(ConnectionId, Farewell),
    /// Have the sessions of all clients looked up within this time.
    Recheck(Duration),
}

/// The commands of one shard, in order. The hub fills it until it [is full](Self::is_full); beyond that each connection adds
/// a few.
#[derive(Default)]
pub(super) struct Shard {
    queue: Mutex<ShardQueue>,
    arrived: Notify,
}

#[derive(Default)]
struct ShardQueue {
    commands: VecDeque<ShardCommand>,
    /// Bytes that these write: once to every client, or to one.
    bytes: usize,
    ended: bool,
}

/// The commands that are carried out at once, and the bytes that they write.
#[derive(Default)]
struct Turn {
    commands: Vec<ShardCommand>,
    broadcast: usize,
    direct: usize,
}

impl Shard {
    /// Runs until [`end`](Self::end).
    pub(super) async fn run(self: Arc<Self>) {
        let mut connections = Connections::new(Instant::now());
        while let Some(Turn { commands, broadcast, direct }) = self.turn_until(connections.next_due()).await {
            let began = Instant::now();
            connections.carry_out(commands, began).await;
            let interval = turn_interval(connections.visible(), broadcast, direct);
            if !interval.is_zero() {
                sleep_until(began + interval).await;
            }
        }
    }

    /// Queues a command, without waiting.
    pub(super) fn queue(&self, command: ShardCommand) {
        let mut queue = self.queue.lock();
        queue.bytes += command.bytes();
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
        let queue = self.queue.lock();
        queue.bytes >= FULL_BYTES || queue.commands.len() >= FULL_COMMANDS
    }

    /// Waits for the next turn, which is empty at this time; none at the end.
    async fn turn_until(&self, due: Option<Instant>) -> Option<Turn> {
        let Some(due) = due else { return self.next_turn().await };
        timeout_at(due, self.next_turn()).await.unwrap_or_else(|_| Some(Turn::default()))
    }

    /// Waits for the next turn; none at the end. Cancel-safe.
    async fn next_turn(&self) -> Option<Turn> {
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
    /// Takes as many commands as one turn may have.
    fn next_turn(&mut self) -> Turn {
        let mut turn = Turn::default();
        while turn.broadcast < CHUNK_BYTES
            && turn.direct < DIRECT_BYTES
            && turn.commands.len() < TURN_COMMANDS
            && let Some(command) = self.commands.pop_front()
        {
            let bytes = if command.is_broadcast() { &mut turn.broadcast } else { &mut turn.direct };
            *bytes += command.bytes();
            turn.commands.push(command);
        }
        self.bytes -= turn.broadcast + turn.direct;
        turn
    }
}

impl ShardCommand {
    /// The bytes it writes to one client.
    fn bytes(&self) -> usize {
        match self {
            Self::Broadcast(frames, _) | Self::Send(_, frames) | Self::Welcome(_, frames) => frames.len(),
            Self::Resync(_, _, welcome) => welcome.len(),
            Self::Enter(..) | Self::Leave(_) | Self::Attend(..) | Self::Close(..) | Self::Recheck(_) => 0,
        }
    }

    pub(super) fn is_broadcast(&self) -> bool {
        matches!(self, Self::Broadcast(..))
    }

    pub(super) fn into_broadcast(self) -> Option<(Bytes, Span)> {
        if let Self::Broadcast(frames, span) = self { Some((frames, span)) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ServerFrame;

    fn send(bytes: usize) -> ShardCommand {
        ShardCommand::Send(1, Bytes::from(vec![b'x'; bytes]))
    }

    #[test]
    fn frames_for_one_client_fill_the_queue_by_bytes() {
        let shard = Shard::default();
        for _ in 0..3 {
            shard.queue(send(FULL_BYTES / 4));
        }
        assert!(!shard.is_full());
        shard.queue(send(FULL_BYTES / 4));
        assert!(shard.is_full());
    }

    #[test]
    fn empty_commands_fill_the_queue_by_their_number() {
        let shard = Shard::default();
        for connection in 0..FULL_COMMANDS as u64 {
            assert!(!shard.is_full());
            shard.queue(ShardCommand::Leave(connection));
        }
        assert!(shard.is_full());
    }

    #[test]
    fn turn_is_bounded_in_bytes_and_commands() {
        let mut queue = ShardQueue::default();
        let mut fill = |command: fn() -> ShardCommand| {
            queue.commands.extend((0..FULL_COMMANDS).map(|_| command()));
            queue.bytes = queue.commands.iter().map(ShardCommand::bytes).sum();
            let turn = queue.next_turn();
            let left: usize = queue.commands.iter().map(ShardCommand::bytes).sum();
            assert_eq!(queue.bytes, left);
            queue.commands.clear();
            (turn.commands.len(), turn.broadcast, turn.direct)
        };
        assert_eq!(fill(|| send(1024)), (256, 0, DIRECT_BYTES));
        assert_eq!(fill(|| ShardCommand::Broadcast(vec![0; 1024].into(), Span::none())), (64, CHUNK_BYTES, 0));
        assert_eq!(fill(|| ShardCommand::Leave(1)), (TURN_COMMANDS, 0, 0));
    }

    #[test]
    fn welcome_of_all_clients_is_stored_once_and_counted_for_each() {
        let shard = Shard::default();
        let welcome = Arc::new(SharedWelcome::new(&ServerFrame::Pong { head: None }));
        for connection in 0..10_000 {
            shard.queue(ShardCommand::Resync(connection, "sari".to_owned(), Arc::clone(&welcome)));
        }
        assert_eq!(Arc::strong_count(&welcome), 10_001);
        assert_eq!(shard.queue.lock().bytes, 10_000 * welcome.len());
    }
}
