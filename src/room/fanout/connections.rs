//! The clients of one shard.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use indexmap::IndexMap;
use tokio::{task::yield_now, time::Instant};
use tracing::Span;

use super::{
    attention::Attention,
    hidden::{HiddenClients, Write},
    shard::ShardCommand,
};
use crate::room::{local_members::ConnectionId, recipient::Recipient};

/// Writes before other tasks may run: about half a millisecond.
const WRITES_AT_ONCE: usize = 128;

/// How long a hidden client that spoke gets frames at once: its own message is among them.
const SPOKE: Duration = Duration::from_secs(1);

/// Clients in dense maps: a broadcast walks over all of them.
pub(super) struct Connections {
    clients: IndexMap<ConnectionId, Arc<dyn Recipient>>,
    hidden: HiddenClients,
    /// Hidden clients that spoke, among `clients` until these times.
    spoke: BTreeMap<ConnectionId, Instant>,
    /// Writes since other tasks could run.
    writes: usize,
}

impl Connections {
    pub(super) fn new(now: Instant) -> Self {
        Self { clients: IndexMap::new(), hidden: HiddenClients::new(now), spoke: BTreeMap::new(), writes: 0 }
    }

    /// The number of clients that get frames at once.
    pub(super) fn visible(&self) -> usize {
        self.clients.len()
    }

    /// When gathered frames are due; none while there are none.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.hidden.next_due()
    }

    /// Carries out commands, in order, then sends gathered frames that are due.
    pub(super) async fn carry_out(&mut self, commands: Vec<ShardCommand>, now: Instant) {
        self.hide_again(now);
        self.carry_out_all(commands, now).await;
        for (client, frames) in self.hidden.take_due(now) {
            client.send(frames);
            self.count_write().await;
        }
    }

    async fn carry_out_all(&mut self, commands: Vec<ShardCommand>, now: Instant) {
        let mut commands = commands.into_iter().peekable();
        while let Some(command) = commands.next() {
            match command {
                ShardCommand::Broadcast(frames, span) => {
                    let more = std::iter::from_fn(|| commands.next_if(ShardCommand::is_broadcast))
                        .filter_map(ShardCommand::into_broadcast);
                    let (more, spans): (Vec<Bytes>, Vec<Span>) = more.unzip();
                    let batch = joined(frames, more);
                    self.hidden.gather(&batch, now);
                    self.for_each(|client| client.send(batch.clone())).await;
                    // Their traces end here.
                    drop((span, spans));
                }
                ShardCommand::Recheck(spread) => {
                    self.hidden.recipients().for_each(|client| client.recheck(spread));
                    self.for_each(|client| client.recheck(spread)).await;
                }
                command => {
                    self.carry_out_for_one(command, now);
                    self.count_write().await;
                }
            }
        }
    }

    fn carry_out_for_one(&mut self, command: ShardCommand, now: Instant) {
        match command {
            ShardCommand::Enter(connection, recipient) => {
                self.clients.insert(connection, recipient);
            }
            ShardCommand::Leave(connection) => drop(self.remove(connection)),
            ShardCommand::Send(connection, frames) => self.with(connection, |client| client.send(frames)),
            ShardCommand::Welcome(connection, frame) => self.with(connection, |client| client.welcome(frame)),
            ShardCommand::Resync(connection, name, welcome) => {
                self.with(connection, |client| client.welcome(welcome.frame(&name)));
            }
            ShardCommand::Attend(connection, attention) => self.attend(connection, attention, now),
            ShardCommand::Close(connection, farewell) => {
                if let Some(client) = self.remove(connection) {
                    client.close(farewell);
                }
            }
            ShardCommand::Broadcast(..) | ShardCommand::Recheck(_) => {}
        }
    }

    fn attend(&mut self, connection: ConnectionId, attention: Attention, now: Instant) {
        let Some(client) = self.remove(connection) else { return };
        if attention == Attention::Hidden {
            return self.hidden.insert(connection, client);
        }
        self.clients.insert(connection, client);
        if attention == Attention::Spoke {
            self.spoke.insert(connection, now + SPOKE);
        }
    }

    /// Hides the clients that spoke a while ago.
    fn hide_again(&mut self, now: Instant) {
        for (connection, _) in self.spoke.extract_if(.., |_, until| *until <= now) {
            if let Some(client) = self.clients.swap_remove(&connection) {
                self.hidden.insert(connection, client);
            }
        }
    }

    /// Removes a client, which is first sent what was gathered for it.
    fn remove(&mut self, connection: ConnectionId) -> Option<Arc<dyn Recipient>> {
        self.spoke.remove(&connection);
        self.clients.swap_remove(&connection).or_else(|| self.hidden.remove(connection).map(send))
    }

    /// Calls something for one client, which is first sent what was gathered for it.
    fn with(&mut self, connection: ConnectionId, call: impl FnOnce(&dyn Recipient)) {
        if let Some(client) = self.clients.get(&connection) {
            call(&**client);
        } else if let Some(client) = self.hidden.flush(connection).map(send) {
            call(&*client);
        }
    }

    async fn for_each(&mut self, call: impl Fn(&dyn Recipient)) {
        for index in 0..self.clients.len() {
            call(&*self.clients[index]);
            self.count_write().await;
        }
    }

    async fn count_write(&mut self) {
        self.writes += 1;
        if self.writes.is_multiple_of(WRITES_AT_ONCE) {
            yield_now().await;
        }
    }
}

/// Writes gathered frames. Returns the client.
fn send((client, frames): Write) -> Arc<dyn Recipient> {
    if !frames.is_empty() {
        client.send(frames);
    }
    client
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
