//! Redis: connections that reconnect, its memory, and the names of its keys.

mod connector;
mod diagnosis;
mod keys;
mod memory_monitor;
mod nodes;
mod pubsub;

pub use connector::{ConnectError, Options, RedisConnector};
pub use diagnosis::{Diagnosis, LastError, kind};
pub use keys::Keys;
pub use memory_monitor::{MemoryMonitor, MemoryUsage};
pub use pubsub::PubSub;
