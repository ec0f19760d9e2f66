//! Passes frames to many clients.
//!
//! Clients are spread over shards, one per core. The hub queues commands for each shard, and the shard's task carries them
//! out in order: it writes the same bytes to one client after the other. A delivery takes no task, queue or allocation of
//! its own.

mod attention;
mod coalesce;
mod connections;
mod hidden;
mod shard;
mod shared_welcome;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::Span;

pub use self::attention::Attention;
use self::shard::{Shard, ShardCommand};
pub(super) use self::shared_welcome::SharedWelcome;
use super::{
    local_members::ConnectionId,
    machine::Machine,
    recipient::{Farewell, Recipient},
    watched_task::spawn_watched,
};

/// The hub's end of all shards. Their tasks end when it is dropped.
pub(super) struct Fanout {
    shards: Vec<Arc<Shard>>,
}

impl Fanout {
    /// Starts a shard per core. If one panics, `failed` is cancelled.
    pub(super) fn start(machine: &dyn Machine, failed: &CancellationToken) -> Self {
        let shards: Vec<_> = (0..machine.cores()).map(|_| Arc::new(Shard::default())).collect();
        for shard in &shards {
            spawn_watched(machine, failed.clone(), Arc::clone(shard).run());
        }
        Self { shards }
    }

    /// Whether so much is queued that the hub must wait.
    pub(super) fn is_full(&self) -> bool {
        self.shards.iter().any(|shard| shard.is_full())
    }

    /// Adds a client, and sends it the welcome first.
    pub(super) fn enter(&self, connection: ConnectionId, recipient: Arc<dyn Recipient>, welcome: Bytes) {
        self.queue(connection, ShardCommand::Enter(connection, recipient));
        self.welcome(connection, welcome);
    }

    /// Removes a client.
    pub(super) fn leave(&self, connection: ConnectionId) {
        self.queue(connection, ShardCommand::Leave(connection));
    }

    /// Sends frames to all clients; the span ends when that is done.
    pub(super) fn broadcast(&self, frames: &Bytes, span: &Span) {
        for shard in &self.shards {
            shard.queue(ShardCommand::Broadcast(frames.clone(), span.clone()));
        }
    }

    /// Sends frames to one client, unless too much is queued. Returns whether it does.
    pub(super) fn try_send(&self, connection: ConnectionId, frames: Bytes) -> bool {
        let is_free = !self.shard(connection).is_full();
        if is_free {
            self.send(connection, frames);
        }
        is_free
    }

    /// Sends frames to one client.
    pub(super) fn send(&self, connection: ConnectionId, frames: Bytes) {
        self.queue(connection, ShardCommand::Send(connection, frames));
    }

    /// Sends a welcome to one client.
    pub(super) fn welcome(&self, connection: ConnectionId, frame: Bytes) {
        self.queue(connection, ShardCommand::Welcome(connection, frame));
    }

    /// Sends clients, each with its name as shown, the same welcome.
    pub(super) fn resync<'a>(
        &self,
        clients: impl Iterator<Item = (&'a ConnectionId, &'a String)>,
        welcome: &Arc<SharedWelcome>,
    ) {
        for (connection, name) in clients {
            self.queue(*connection, ShardCommand::Resync(*connection, name.clone(), Arc::clone(welcome)));
        }
    }

    /// Sends one client's frames at once, or gathers them, unless too much is queued. Returns whether it does.
    pub(super) fn try_attend(&self, connection: ConnectionId, attention: Attention) -> bool {
        let is_free = !self.shard(connection).is_full();
        if is_free {
            self.queue(connection, ShardCommand::Attend(connection, attention));
        }
        is_free
    }

    /// Ends one client's connection, and removes it.
    pub(super) fn close(&self, connection: ConnectionId, farewell: Farewell) {
        self.queue(connection, ShardCommand::Close(connection, farewell));
    }

    /// Has the sessions of all clients looked up within `spread`.
    pub(super) fn recheck(&self, spread: Duration) {
        for shard in &self.shards {
            shard.queue(ShardCommand::Recheck(spread));
        }
    }

    fn queue(&self, connection: ConnectionId, command: ShardCommand) {
        self.shard(connection).queue(command);
    }

    fn shard(&self, connection: ConnectionId) -> &Shard {
        // There are at most 2^64 cores.
        let shard = connection % self.shards.len() as u64;
        &self.shards[usize::try_from(shard).unwrap_or_default()]
    }
}

impl Drop for Fanout {
    fn drop(&mut self) {
        for shard in &self.shards {
            shard.end();
        }
    }
}
