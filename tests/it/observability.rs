//! What an operator sees: metrics, the dashboard and alerts made of them, traces.

mod alerts;
mod metrics;
mod traces;

use crate::kit::{Cluster, Engine, cluster::ClusterBuilder};

/// Instances on one Redis that tell their metrics.
fn told(instances: usize) -> ClusterBuilder {
    Cluster::builder(Engine::Redis).instances(instances).set("RUANG_METRICS_LISTEN", "127.0.0.1:0")
}
