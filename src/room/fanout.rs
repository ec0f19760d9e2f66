//! Handing frames to very many clients.
//!
//! Clients are spread over shards, one a core. The hub gives each shard orders, in order; a shard's task carries them
//! out by writing the same bytes to one client after the other. There is no task, queue or allocation per delivery.

mod coalesce;
mod connections;
mod shard;

use std::{sync::Arc, thread::available_parallelism};

use bytes::Bytes;
use tracing::Span;

use self::shard::{Shard, ShardCommand};
use super::{
    local_members::ConnectionId,
    recipient::{Farewell, Recipient},
};

/// The hub's end of all shards. They end when it is dropped.
pub(super) struct Fanout {
    shards: Vec<Arc<Shard>>,
}

impl Fanout {
    /// Starts a shard for each core on the current runtime.
    pub(super) fn start() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let shards: Vec<_> = (0..cores).map(|_| Arc::new(Shard::default())).collect();
        for shard in &shards {
            tokio::spawn(Arc::clone(shard).run());
        }
        Self { shards }
    }

    /// Whether so much waits to be sent that no more should be taken on.
    pub(super) fn is_full(&self) -> bool {
        self.shards.iter().any(|shard| shard.is_full())
    }

    /// Lets a client hear everything from now on, the welcome first.
    pub(super) fn enter(&self, connection: ConnectionId, recipient: Arc<dyn Recipient>, welcome: Bytes) {
        self.command(connection, ShardCommand::Enter(connection, recipient));
        self.welcome(connection, welcome);
    }

    /// Lets a client hear nothing more, and drops it.
    pub(super) fn leave(&self, connection: ConnectionId) {
        self.command(connection, ShardCommand::Leave(connection));
    }

    /// Sends frames to everybody; the span is held until that is done.
    pub(super) fn tell(&self, frames: &Bytes, span: &Span) {
        for shard in &self.shards {
            shard.command(ShardCommand::Broadcast(frames.clone(), span.clone()));
        }
    }

    /// Sends frames to one client.
    pub(super) fn send(&self, connection: ConnectionId, frames: Bytes) {
        self.command(connection, ShardCommand::Send(connection, frames));
    }

    /// Sends a welcome to one client.
    pub(super) fn welcome(&self, connection: ConnectionId, frame: Bytes) {
        self.command(connection, ShardCommand::Welcome(connection, frame));
    }

    /// Ends one client's connection, and drops it.
    pub(super) fn close(&self, connection: ConnectionId, farewell: Farewell) {
        self.command(connection, ShardCommand::Close(connection, farewell));
    }

    /// Has everybody's session looked up.
    pub(super) fn recheck(&self) {
        for shard in &self.shards {
            shard.command(ShardCommand::Recheck);
        }
    }

    fn command(&self, connection: ConnectionId, command: ShardCommand) {
        // There are at most 2^64 cores.
        let shard = connection % self.shards.len() as u64;
        self.shards[usize::try_from(shard).unwrap_or_default()].command(command);
    }
}

impl Drop for Fanout {
    fn drop(&mut self) {
        for shard in &self.shards {
            shard.end();
        }
    }
}
