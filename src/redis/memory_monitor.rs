//! How full the Redis is that the room lives in: one that may take no more refuses what people say.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use fred::{clients::Client, interfaces::LuaInterface};
use tokio::time::{MissedTickBehavior, interval};

use super::Keys;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(5);
/// Asked by way of a key of the room: in a Cluster its own master answers.
const LOOK: &str = "#!lua flags=no-writes,allow-oom\nreturn redis.call('INFO', 'memory')";

/// The memory of a Redis, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What it takes.
    pub used: u64,
    /// What it may take (`maxmemory`); none if nobody said.
    pub limit: Option<u64>,
}

/// Looks now and then, for as long as it exists.
#[derive(Clone, Debug, Default)]
pub struct MemoryMonitor(Arc<Mutex<Option<Memory>>>);

impl MemoryMonitor {
    /// Begins to look, on the current runtime.
    pub fn watch(client: Client, keys: &Keys) -> Self {
        let memory_monitor = Self::default();
        tokio::spawn(look_on(client, keys.room().swap_remove(0), Arc::downgrade(&memory_monitor.0)));
        memory_monitor
    }

    /// What it last was; none while Redis does not answer.
    pub fn latest(&self) -> Option<Memory> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn look_on(client: Client, key: String, seen: Weak<Mutex<Option<Memory>>>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // The link bounds how long it takes.
        let info = client.eval::<String, _, _, _>(LOOK, key.clone(), Vec::<String>::new()).await;
        let Some(seen) = seen.upgrade() else { return };
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = info.ok().as_deref().and_then(memory);
    }
}

fn memory(info: &str) -> Option<Memory> {
    let number = |name: &str| {
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().parse::<u64>().ok()
    };
    Some(Memory { used: number("used_memory")?, limit: number("maxmemory").filter(|limit| *limit > 0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_says_of_its_memory_is_read() {
        let info = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\nmaxmemory:4194304\r\n";
        assert_eq!(memory(info), Some(Memory { used: 1_048_576, limit: Some(4_194_304) }));
        assert_eq!(memory("used_memory:1\r\nmaxmemory:0\r\n"), Some(Memory { used: 1, limit: None }));
        assert_eq!(memory("maxmemory:0\r\n"), None);
    }
}
