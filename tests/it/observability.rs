//! Metrics, the dashboard, alerts and traces.

mod addresses;
mod alerts;
mod metrics;
mod traces;

use crate::kit::{Cluster, Engine, cluster::ClusterBuilder};

/// Builds instances on one Redis that serve metrics.
fn with_metrics(instances: usize) -> ClusterBuilder {
    Cluster::builder(Engine::Redis).instances(instances).set("RUANG_METRICS_LISTEN", "127.0.0.1:0")
}
