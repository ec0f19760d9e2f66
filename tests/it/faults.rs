//! What becomes of a conversation when something happens to Redis, or to the way there.

mod absence;
mod clocks;
mod durability;
mod failover;
mod hearing;
mod recovery;
mod refusals;
mod scene;
mod speaker;

use scene::Scene;
