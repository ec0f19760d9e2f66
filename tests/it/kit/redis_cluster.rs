//! A real Redis Cluster of three masters.

use super::{
    process::free_port,
    redis::{Redis, command},
    wait::{SOON, eventually},
};

/// Slots of a cluster; each master has a third.
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// Three masters that know each other.
pub struct RedisCluster {
    masters: Vec<Redis>,
}

impl RedisCluster {
    /// Starts them, and waits until all agree that the cluster is whole.
    pub async fn start() -> Self {
        let mut masters = Vec::new();
        let mut buses = Vec::new();
        for (from, to) in SLOTS {
            let bus = free_port().to_string();
            let master = Redis::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus]).await;
            command(&master, &["CLUSTER", "ADDSLOTSRANGE", from, to]).await;
            masters.push(master);
            buses.push(bus);
        }
        for (other, bus) in masters.iter().zip(&buses).skip(1) {
            let port = other.port().to_string();
            command(&masters[0], &["CLUSTER", "MEET", "127.0.0.1", &port, bus]).await;
        }
        let cluster = Self { masters };
        eventually(SOON, "the cluster is whole", || cluster.is_whole()).await;
        cluster
    }

    /// What instances are given as `REDIS_URL`.
    pub fn url(&self) -> String {
        let ports: Vec<_> = self.masters.iter().map(Redis::port).collect();
        format!("redis-cluster://127.0.0.1:{}?node=127.0.0.1:{}&node=127.0.0.1:{}", ports[0], ports[1], ports[2])
    }

    async fn is_whole(&self) -> Result<(), String> {
        for master in &self.masters {
            let state = command(master, &["CLUSTER", "INFO"]).await;
            if !state.contains("cluster_state:ok") || !state.contains("cluster_known_nodes:3") {
                return Err(state);
            }
        }
        Ok(())
    }
}
