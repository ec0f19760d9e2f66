//! What becomes of a conversation when something happens to Redis, or to the way there.

mod absence;
mod hearing;
mod refusals;
mod scene;
mod speaker;

use scene::Scene;
