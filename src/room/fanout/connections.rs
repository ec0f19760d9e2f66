//! The clients of one shard.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use indexmap::IndexMap;
use tokio::task::yield_now;
use tracing::Span;

use super::shard::ShardCommand;
use crate::room::{local_members::ConnectionId, recipient::Recipient};

/// Writes before other tasks may run: about half a millisecond.
const WRITES_AT_ONCE: usize = 128;

/// Clients in a dense map: a broadcast walks over all of them.
#[derive(Default)]
pub(super) struct Connections {
    clients: IndexMap<ConnectionId, Arc<dyn Recipient>>,
    /// Writes since other tasks could run.
    writes: usize,
}

impl Connections {
    /// The number of clients.
    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Carries out commands, in order.
    pub(super) async fn carry_out(&mut self, commands: Vec<ShardCommand>) {
        let mut commands = commands.into_iter().peekable();
        while let Some(command) = commands.next() {
            match command {
                ShardCommand::Broadcast(frames, span) => {
                    let more = std::iter::from_fn(|| commands.next_if(ShardCommand::is_broadcast))
                        .filter_map(ShardCommand::into_broadcast);
                    let (more, spans): (Vec<Bytes>, Vec<Span>) = more.unzip();
                    let batch = joined(frames, more);
                    self.for_each(|client| client.send(batch.clone())).await;
                    // Their traces end here.
                    drop((span, spans));
                }
                ShardCommand::Recheck(spread) => self.for_each(|client| client.recheck(spread)).await,
                command => {
                    self.carry_out_for_one(command);
                    self.count_write().await;
                }
            }
        }
    }

    fn carry_out_for_one(&mut self, command: ShardCommand) {
        match command {
            ShardCommand::Enter(connection, recipient) => {
                self.clients.insert(connection, recipient);
            }
            ShardCommand::Leave(connection) => {
                self.clients.swap_remove(&connection);
            }
            ShardCommand::Send(connection, frames) => self.with(connection, |client| client.send(frames)),
            ShardCommand::Welcome(connection, frame) => self.with(connection, |client| client.welcome(frame)),
            ShardCommand::Resync(connection, name, welcome) => {
                self.with(connection, |client| client.welcome(welcome.frame(&name)));
            }
            ShardCommand::Close(connection, farewell) => {
                if let Some(client) = self.clients.swap_remove(&connection) {
                    client.close(farewell);
                }
            }
            ShardCommand::Broadcast(..) | ShardCommand::Recheck(_) => {}
        }
    }

    async fn for_each(&mut self, call: impl Fn(&dyn Recipient)) {
        for index in 0..self.clients.len() {
            call(&*self.clients[index]);
            self.count_write().await;
        }
    }

    fn with(&self, connection: ConnectionId, call: impl FnOnce(&dyn Recipient)) {
        if let Some(client) = self.clients.get(&connection) {
            call(&**client);
        }
    }

    async fn count_write(&mut self) {
        self.writes += 1;
        if self.writes.is_multiple_of(WRITES_AT_ONCE) {
            yield_now().await;
        }
    }
}

/// Joins frames, so that each client gets them in one write.
fn joined(first: Bytes, more: Vec<Bytes>) -> Bytes {
    if more.is_empty() {
        return first;
    }
    let mut all = BytesMut::from(first);
    all.extend(more);
    all.freeze()
}

#[cfg(test)]
mod tests;
