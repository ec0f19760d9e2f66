//! WebSockets: who may open one, and what one connection does until it ends.

mod connection;
mod connection_limit;
mod frame_reader;
mod rate_limit;
mod recent_sessions;
mod transport;
mod upgrade;

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    connection::InboundPace, connection_limit::ConnectionLimit, rate_limit::MessageLimits,
    recent_sessions::RecentSessions,
};
use crate::{
    origin::SitePolicy, queue_memory::QueueMemory, rate::Rate, room::Room, session::Sessions, telemetry::InstanceStats,
};

/// What sockets may do.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often a session may send a message, all its tabs together.
    pub messages: Rate,
    /// How many times a session's messages an address may send, all its sessions together.
    pub address_factor: u32,
    /// Open sockets from one address; 0 = unlimited.
    pub connections_per_address: u32,
    /// Open sockets in all.
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
    connection_limit: Arc<ConnectionLimit>,
    queue_memory: Arc<QueueMemory>,
    message_limits: MessageLimits,
    inbound_pace: InboundPace,
    recent_sessions: RecentSessions,
    connections: TaskTracker,
    draining: CancellationToken,
}

impl Sockets {
    /// No sockets yet.
    pub fn new(room: Room, sessions: Sessions, site: SitePolicy, options: Options) -> Self {
        let connection_limit = ConnectionLimit::new(options.max_connections, options.connections_per_address);
        Self(Arc::new(SocketContext {
            recent_sessions: RecentSessions::new(room.endings(), options.max_connections),
            room,
            sessions,
            site,
            connection_limit: Arc::new(connection_limit),
            queue_memory: options.queue_memory,
            message_limits: MessageLimits::new(options.messages, options.address_factor, options.max_connections),
            inbound_pace: InboundPace::of(options.messages),
            connections: TaskTracker::new(),
            draining: CancellationToken::new(),
        }))
    }

    /// How this instance stands.
    pub fn stats(&self) -> InstanceStats {
        let shared = &self.0;
        InstanceStats {
            connections: shared.connections.len(),
            connections_limit: shared.connection_limit.most(),
            waiting_bytes: shared.queue_memory.waiting(),
            draining: shared.draining.is_cancelled(),
            ..shared.room.stats()
        }
    }

    /// Lets nobody in any more, hands everybody over to other instances, and waits for them to go: at most
    /// `patience`. Answers how many were left.
    pub async fn drain(&self, patience: Duration) -> usize {
        self.0.draining.cancel();
        self.0.room.drain().await;
        self.0.connections.close();
        let _ = timeout(patience, self.0.connections.wait()).await;
        self.0.connections.len()
    }
}

/// The route of the WebSocket. It needs the layers of [`web`](crate::web::layers) around it.
pub fn router(sockets: Sockets) -> Router {
    Router::new().route("/ws", get(upgrade::open)).with_state(sockets)
}
