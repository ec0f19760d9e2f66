//! Probes whether sessions can be stored: the connections of sign-ins are others than the room's, and in a Cluster lead to other
//! masters too.

use std::{collections::BTreeMap, fmt, time::Duration};

use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, ClusterInterface, KeysInterface},
    types::{cluster::ClusterRouting, config::Server},
};
use futures_util::future::try_join_all;
use tokio::time::timeout;
use tower_sessions::session::Id;

use super::redis::session_key_prefix;

/// Deadline of a probe.
const DEADLINE: Duration = Duration::from_secs(1);
/// Most keys that are tried until there is one on each master.
const KEYS: i64 = 2048;

/// Probes the connections that sign-ins need; cheap to clone. Without Redis every probe succeeds.
#[derive(Clone, Default)]
pub struct StoreProbe {
    clients: Vec<Client>,
    prefix: String,
}

impl StoreProbe {
    /// Probes these connections, on keys of the sessions of a namespace.
    pub fn new(clients: impl IntoIterator<Item = Client>, namespace: &str) -> Self {
        Self { clients: clients.into_iter().collect(), prefix: session_key_prefix(namespace) }
    }

    /// Whether there is anything to probe.
    pub fn is_needed(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Whether each master takes a command that writes, through each connection, within a second. Changes nothing: the keys
    /// do not exist.
    pub async fn succeeds(&self) -> bool {
        let probes = try_join_all(self.clients.iter().map(|client| self.probe(client)));
        matches!(timeout(DEADLINE, probes).await, Ok(Ok(_)))
    }

    async fn probe(&self, client: &Client) -> Result<(), Error> {
        let keys = if client.is_clustered() {
            let routing = client.cached_cluster_state().filter(|routing| !routing.slots().is_empty());
            self.key_of_each_master(&routing.ok_or_else(Error::new_canceled)?)
        } else {
            vec![self.key(0)]
        };
        try_join_all(keys.into_iter().map(|key| client.del::<(), _>(key))).await.map(drop)
    }

    fn key_of_each_master(&self, routing: &ClusterRouting) -> Vec<String> {
        let masters = routing.unique_primary_nodes().len();
        let mut found: BTreeMap<&Server, String> = BTreeMap::new();
        for n in 0..KEYS {
            let key = self.key(n);
            if let Some(master) = routing.get_server(ClusterRouting::hash_key(key.as_bytes())) {
                found.entry(master).or_insert(key);
            }
            if found.len() == masters {
                break;
            }
        }
        found.into_values().collect()
    }

    /// A key that no session has: those of sessions are random.
    fn key(&self, n: i64) -> String {
        let end: String = Id(i128::from(n) << 64).to_string().chars().skip(self.prefix.len()).collect();
        format!("{}{end}", self.prefix)
    }
}

impl fmt::Debug for StoreProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreProbe").field("clients", &self.clients.len()).finish_non_exhaustive()
    }
}
