//! The clients of one shard.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use indexmap::IndexMap;
use tokio::task::yield_now;
use tracing::Span;

use super::shard::ShardCommand;
use crate::room::{local_members::ConnectionId, recipient::Recipient};

/// Writes between two looks at whether other tasks want to run: about half a millisecond.
const WRITES_AT_ONCE: usize = 128;

/// Clients, densely: a turn walks over all of them.
#[derive(Default)]
pub(super) struct Connections(IndexMap<ConnectionId, Arc<dyn Recipient>>);

impl Connections {
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Carries out commands, in order. Returns the bytes that were broadcast.
    pub(super) async fn carry_out(&mut self, commands: Vec<ShardCommand>) -> usize {
        let mut broadcast = 0;
        let mut commands = commands.into_iter().peekable();
        while let Some(command) = commands.next() {
            match command {
                ShardCommand::Broadcast(frames, span) => {
                    let more = std::iter::from_fn(|| commands.next_if(ShardCommand::is_broadcast))
                        .filter_map(ShardCommand::into_broadcast);
                    let (more, spans): (Vec<Bytes>, Vec<Span>) = more.unzip();
                    let batch = joined(frames, more);
                    self.broadcast(&batch).await;
                    broadcast += batch.len();
                    // What they trace is done.
                    drop((span, spans));
                }
                ShardCommand::Recheck => self.0.values().for_each(|member| member.recheck()),
                ShardCommand::Enter(connection, recipient) => {
                    self.0.insert(connection, recipient);
                }
                ShardCommand::Leave(connection) => {
                    self.0.swap_remove(&connection);
                }
                ShardCommand::Send(connection, frames) => self.only(connection, |member| member.send(frames)),
                ShardCommand::Welcome(connection, frame) => self.only(connection, |member| member.welcome(frame)),
                ShardCommand::Close(connection, farewell) => {
                    if let Some(member) = self.0.swap_remove(&connection) {
                        member.close(farewell);
                    }
                }
            }
        }
        broadcast
    }

    async fn broadcast(&self, frames: &Bytes) {
        for (i, member) in self.0.values().enumerate() {
            if i % WRITES_AT_ONCE == WRITES_AT_ONCE - 1 {
                yield_now().await;
            }
            member.send(frames.clone());
        }
    }

    fn only(&self, connection: ConnectionId, call: impl FnOnce(&dyn Recipient)) {
        if let Some(member) = self.0.get(&connection) {
            call(&**member);
        }
    }
}

/// Frames in one piece, so that each client gets them in one write.
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
