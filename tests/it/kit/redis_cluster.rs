//! A real Redis Cluster of three masters.

use super::{
    process::free_port,
    redis::{Redis, command, shipped},
    wait::{SOON, eventually},
};

/// Slots of a cluster; each master has a third.
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// How long a node may be silent before the others take it for dead, in milliseconds.
const NODE_TIMEOUT: &str = "1000";

/// Three masters that know each other.
pub struct RedisCluster {
    masters: Vec<Redis>,
    buses: Vec<String>,
}

impl RedisCluster {
    /// Starts them, and waits until all agree that the cluster is whole.
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
        eventually(SOON, "the cluster is whole", || cluster.is_whole()).await;
        cluster
    }

    /// What instances are given as `REDIS_URL`.
    pub fn url(&self) -> String {
        let ports: Vec<_> = self.masters.iter().map(Redis::port).collect();
        format!("redis-cluster://127.0.0.1:{}?node=127.0.0.1:{}&node=127.0.0.1:{}", ports[0], ports[1], ports[2])
    }

    /// The master that keeps a key.
    pub async fn master_of(&mut self, key: &str) -> &mut Redis {
        let slot: u16 = command(&self.masters[0], &["CLUSTER", "KEYSLOT", key]).await.trim().parse().expect("a slot");
        let keeps = SLOTS.iter().position(|(_, last)| slot <= last.parse().expect("a slot"));
        &mut self.masters[keeps.expect("a master for every slot")]
    }

    /// Gives the master that keeps a key a replica, and waits until that follows.
    pub async fn add_replica_of(&mut self, key: &str) -> Redis {
        let (replica, _) = node().await;
        let (meet, bus) = (self.masters[0].port().to_string(), self.buses[0].clone());
        command(&replica, &["CLUSTER", "MEET", "127.0.0.1", &meet, &bus]).await;
        let id = command(self.master_of(key).await, &["CLUSTER", "MYID"]).await;
        eventually(SOON, "the replica knows its master", || async {
            let known = command(&replica, &["CLUSTER", "NODES"]).await;
            if known.contains(id.trim()) { Ok(()) } else { Err(known) }
        })
        .await;
        command(&replica, &["CLUSTER", "REPLICATE", id.trim()]).await;
        eventually(SOON, "the replica follows", || async {
            let state = command(&replica, &["INFO", "replication"]).await;
            if state.contains("master_link_status:up") { Ok(()) } else { Err(state) }
        })
        .await;
        for master in &self.masters {
            eventually(SOON, "every master knows the replica", || async {
                let known = command(master, &["CLUSTER", "NODES"]).await;
                if known.contains(&format!("slave {}", id.trim())) { Ok(()) } else { Err(known) }
            })
            .await;
        }
        replica
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

/// A node of a cluster, and the port on which it talks to others.
async fn node() -> (Redis, String) {
    let bus = free_port().to_string();
    let file = shipped("cluster.conf");
    let cluster = ["--include", &file, "--cluster-port", &bus, "--cluster-node-timeout", NODE_TIMEOUT];
    (Redis::start_with(&cluster).await, bus)
}
