//! WebSockets: who may open one, and what one connection does until it ends.

mod allowance;
mod budget;
mod connection;
mod familiar;
mod faults;
mod inbound;
mod outbox;
mod places;
mod upgrade;

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{allowance::Allowances, budget::Budget, familiar::Familiar, places::Places};
use crate::{bucket::Rate, origin::SitePolicy, room::Room, session::Sessions, telemetry::Standing};

/// What sockets may do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How often a session may send a message, all its tabs together.
    pub messages: Rate,
    /// Open sockets from one address; 0 = unlimited.
    pub connections_per_address: u32,
    /// Open sockets in all.
    pub max_connections: usize,
    /// Bytes that may wait for slow clients, all together.
    pub waiting_bytes: usize,
}

/// All sockets of this instance; cheap to clone.
#[derive(Clone)]
pub struct Sockets(Arc<Shared>);

struct Shared {
    room: Room,
    sessions: Sessions,
    site: SitePolicy,
    places: Arc<Places>,
    budget: Arc<Budget>,
    allowances: Arc<Allowances>,
    familiar: Familiar,
    connections: TaskTracker,
    draining: CancellationToken,
}

impl Sockets {
    /// No sockets yet.
    pub fn new(room: Room, sessions: Sessions, site: SitePolicy, options: Options) -> Self {
        let places = Places::new(options.max_connections, options.connections_per_address);
        Self(Arc::new(Shared {
            familiar: Familiar::new(room.endings(), options.max_connections),
            room,
            sessions,
            site,
            places: Arc::new(places),
            budget: Arc::new(Budget::new(options.waiting_bytes)),
            allowances: Arc::new(Allowances::new(options.messages)),
            connections: TaskTracker::new(),
            draining: CancellationToken::new(),
        }))
    }

    /// How this instance stands.
    pub fn standing(&self) -> Standing {
        let shared = &self.0;
        Standing {
            connections: shared.connections.len(),
            connections_limit: shared.places.most(),
            waiting_bytes: shared.budget.waiting(),
            draining: shared.draining.is_cancelled(),
            ..shared.room.standing()
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
