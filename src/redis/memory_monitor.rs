//! Watches how full the room's Redis is: out of memory, it refuses messages.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use fred::{clients::Client, interfaces::LuaInterface};
use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use super::Keys;

/// Time between two measurements.
const EVERY: Duration = Duration::from_secs(5);
/// Takes a key of the room: in a Cluster the room's own master runs it.
const INFO_MEMORY: &str = "#!lua flags=no-writes,allow-oom\nreturn redis.call('INFO', 'memory')";

/// The memory of a Redis, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUsage {
    /// Memory in use.
    pub used: u64,
    /// Its limit (`maxmemory`); none if there is none.
    pub limit: Option<u64>,
}

/// Measures every 5 s until dropped.
#[derive(Clone, Debug, Default)]
pub struct MemoryMonitor(Arc<Mutex<Option<MemoryUsage>>>);

impl MemoryMonitor {
    /// Starts measuring, on the current runtime.
    pub fn watch(client: Client, keys: &Keys) -> Self {
        let monitor = Self::default();
        tokio::spawn(measure(client, keys.room().swap_remove(0), Arc::downgrade(&monitor.0)));
        monitor
    }

    /// Returns the last measurement; none while Redis does not reply.
    pub fn latest(&self) -> Option<MemoryUsage> {
        *self.0.lock()
    }
}

async fn measure(client: Client, key: String, latest: Weak<Mutex<Option<MemoryUsage>>>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // The client bounds how long it takes.
        let info = client.eval::<String, _, _, _>(INFO_MEMORY, key.clone(), Vec::<String>::new()).await;
        let Some(latest) = latest.upgrade() else { return };
        *latest.lock() = info.ok().as_deref().and_then(parse);
    }
}

fn parse(info: &str) -> Option<MemoryUsage> {
    let number = |name: &str| {
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().parse::<u64>().ok()
    };
    Some(MemoryUsage { used: number("used_memory")?, limit: number("maxmemory").filter(|limit| *limit > 0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_memory_is_parsed_with_and_without_limit() {
        let info = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\nmaxmemory:4194304\r\n";
        assert_eq!(parse(info), Some(MemoryUsage { used: 1_048_576, limit: Some(4_194_304) }));
        assert_eq!(parse("used_memory:1\r\nmaxmemory:0\r\n"), Some(MemoryUsage { used: 1, limit: None }));
        assert_eq!(parse("maxmemory:0\r\n"), None);
    }
}
