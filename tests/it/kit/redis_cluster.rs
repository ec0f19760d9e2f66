//! A real Redis Cluster of three masters.

use super::{
    process::free_port,
    redis::{Redis, command, shipped},
    wait::{SOON, eventually},
};

/// The slots of the three masters.
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// Time in milliseconds after which nodes consider a silent node down.
const NODE_TIMEOUT: &str = "1000";

/// A cluster of three masters.
pub struct RedisCluster {
    masters: Vec<Redis>,
    buses: Vec<String>,
}

impl RedisCluster {
    /// Starts the masters and waits until all report the cluster as complete.
    pub async fn start() -> Self {
        let mut masters = Vec::new();
        let mut buses = Vec::new();
        for (from, to) in SLOTS {
            let (master, bus) = node().await;
            command(&master, &["CLUSTER", "ADDSLOTSRANGE", from, to]).await;
            masters.push(master);
            buses.push(bus);
        }
        for (other, bus) in masters.iter().zip(&buses).skip(1) {
            let port = other.port().to_string();
            command(&masters[0], &["CLUSTER", "MEET", "127.0.0.1", &port, bus]).await;
        }
        let cluster = Self { masters, buses };
        eventually(SOON, "the cluster is complete", || cluster.is_complete()).await;
        cluster
    }

    /// Returns the value for `REDIS_URL`.
    pub fn url(&self) -> String {
        let ports: Vec<_> = self.masters.iter().map(Redis::port).collect();
        format!("redis-cluster://127.0.0.1:{}?node=127.0.0.1:{}&node=127.0.0.1:{}", ports[0], ports[1], ports[2])
    }

    /// Returns the master of a key.
    pub async fn master_of(&mut self, key: &str) -> &mut Redis {
        let slot: u16 = command(&self.masters[0], &["CLUSTER", "KEYSLOT", key]).await.trim().parse().expect("a slot");
        let index = SLOTS.iter().position(|(_, last)| slot <= last.parse().expect("a slot"));
        &mut self.masters[index.expect("a master for every slot")]
    }

    /// Adds a replica to the master of a key and waits until it is in sync.
    pub async fn add_replica_of(&mut self, key: &str) -> Redis {
        let (replica, _) = node().await;
        let (meet, bus) = (self.masters[0].port().to_string(), self.buses[0].clone());
        command(&replica, &["CLUSTER", "MEET", "127.0.0.1", &meet, &bus]).await;
        let id = command(self.master_of(key).await, &["CLUSTER", "MYID"]).await;
        eventually(SOON, "the replica has discovered its master", || async {
            let nodes = command(&replica, &["CLUSTER", "NODES"]).await;
            if nodes.contains(id.trim()) { Ok(()) } else { Err(nodes) }
        })
        .await;
        command(&replica, &["CLUSTER", "REPLICATE", id.trim()]).await;
        eventually(SOON, "the replica is in sync", || async {
            let state = command(&replica, &["INFO", "replication"]).await;
            if state.contains("master_link_status:up") { Ok(()) } else { Err(state) }
        })
        .await;
        for master in &self.masters {
            eventually(SOON, "every master has discovered the replica", || async {
                let nodes = command(master, &["CLUSTER", "NODES"]).await;
                if nodes.contains(&format!("slave {}", id.trim())) { Ok(()) } else { Err(nodes) }
            })
            .await;
        }
        replica
    }

    async fn is_complete(&self) -> Result<(), String> {
        for master in &self.masters {
            let state = command(master, &["CLUSTER", "INFO"]).await;
            if !state.contains("cluster_state:ok") || !state.contains("cluster_known_nodes:3") {
                return Err(state);
            }
        }
        Ok(())
    }
}

/// Starts a node; returns it with its cluster bus port.
async fn node() -> (Redis, String) {
    let bus = free_port().to_string();
    let file = shipped("cluster.conf");
    let cluster = ["--include", &file, "--cluster-port", &bus, "--cluster-node-timeout", NODE_TIMEOUT];
    (Redis::start_with(&cluster).await, bus)
}
