//! What becomes of a conversation when something happens to Redis, or to the way there.

mod clocks;
mod durability;
mod ended_sessions;
mod epochs;
mod failover;
mod pubsub_loss;
mod recovery;
mod redis_outage;
mod refusals;
mod scene;
mod speaker;

use scene::Scene;
