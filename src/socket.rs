//! WebSockets: the upgrade, the limits, and the life of one connection.

mod address_warnings;
mod client_address;
mod connection;
mod connection_limit;
mod frame_reader;
mod message_limits;
mod transport;
mod upgrade;

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{connection::InboundPace, connection_limit::ConnectionLimit, message_limits::MessageLimits};
use crate::{
    origin::SitePolicy, queue_memory::QueueMemory, rate::Rate, room::Room, session::Sessions, telemetry::InstanceStats,
};

/// A timer that fires this late shows that the whole process stood still: no client is to blame for that time.
const STANDSTILL: Duration = Duration::from_secs(1);

/// Limits of sockets.
#[derive(Clone, Debug)]
pub struct Options {
    /// Messages of one session, all its sockets together.
    pub messages: Rate,
    /// Messages of one program, all its sockets together.
    pub bot_messages: Rate,
    /// How many sessions' messages one address may send, all its sessions together; 0 = unlimited.
    pub senders_per_address: u32,
    /// Open sockets of one address; 0 = unlimited.
    pub connections_per_address: u32,
    /// Open sockets in all. The server accepts more connections than that, so that a full room still serves pages.
    pub max_connections: usize,
    /// The bytes that wait for slow clients.
    pub queue_memory: Arc<QueueMemory>,
}

/// All sockets of this instance; cheap to clone.
#[derive(Clone)]
pub struct Sockets(Arc<SocketContext>);

struct SocketContext {
    room: Room,
    sessions: Sessions,
    site: SitePolicy,
    max_connections: usize,
    connection_limit: Arc<ConnectionLimit>,
    queue_memory: Arc<QueueMemory>,
    message_limits: MessageLimits,
    bot_message_limits: MessageLimits,
    inbound_pace: InboundPace,
    bot_inbound_pace: InboundPace,
    connections: TaskTracker,
    draining: CancellationToken,
}

impl Sockets {
    /// No sockets yet.
    pub fn new(room: Room, sessions: Sessions, site: SitePolicy, options: Options) -> Self {
        let Options { messages, bot_messages, senders_per_address, max_connections, queue_memory, .. } = options;
        Self(Arc::new(SocketContext {
            room,
            sessions,
            site,
            max_connections,
            connection_limit: Arc::new(ConnectionLimit::new(options.connections_per_address)),
            queue_memory,
            message_limits: MessageLimits::new(messages, senders_per_address, max_connections),
            // Programs have tokens: their number is known, and many may be behind one address.
            bot_message_limits: MessageLimits::new(bot_messages, 0, max_connections),
            inbound_pace: InboundPace::of(messages),
            bot_inbound_pace: InboundPace::of(bot_messages),
            connections: TaskTracker::new(),
            draining: CancellationToken::new(),
        }))
    }

    /// Returns the gauges of this instance, those of its room included.
    pub fn stats(&self) -> InstanceStats {
        let context = &self.0;
        let counts = context.connection_limit.counts();
        InstanceStats {
            connections: context.connections.len(),
            connections_limit: context.max_connections,
            connections_of_one_address: counts.largest,
            connections_of_proxies: counts.of_proxies,
            waiting_bytes: context.queue_memory.waiting(),
            draining: context.draining.is_cancelled(),
            ..context.room.stats()
        }
    }

    /// Refuses new sockets, sends all clients to other instances, and waits until they have gone: at most `limit`.
    /// Returns how many are left.
    pub async fn drain(&self, limit: Duration) -> usize {
        self.0.draining.cancel();
        self.0.room.drain().await;
        self.0.connections.close();
        let _ = timeout(limit, self.0.connections.wait()).await;
        self.0.connections.len()
    }
}

impl SocketContext {
    /// Whether there are as many sockets as there may be. The server's own limit is the hard one.
    fn is_full(&self) -> bool {
        self.connections.len() >= self.max_connections
    }
}

/// The route of the WebSocket. It needs the layers of [`web`](crate::web::layers) around it.
pub fn router(sockets: Sockets) -> Router {
    Router::new().route("/ws", get(upgrade::open)).with_state(sockets)
}
