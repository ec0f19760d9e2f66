//! A conversation during failures of Redis and of the network to it.

mod changes;
mod clocks;
mod durability;
mod ended_sessions;
mod epochs;
mod failover;
mod large_room;
mod pubsub_loss;
mod recovery;
mod redis_outage;
mod refusals;
mod scene;
mod speaker;
mod standstill;

use scene::Scene;
